"""Learn the numbers of the region filter of the preset `fast`.

    rotoline train regions --data DATA --weights WEIGHTS --output runs/regions
    rotoline train regions --samples FILE --samples FILE --weights WEIGHTS --output runs/both

The network stays as it is. It tracks objects through long sequences with known answers
(`rotoline.data.long_sequences`), and a small network learns which regions of the maps are the
object (`rotoline.training.region_samples`, `rotoline.training.region_fit`). In the first round the
truth decides, with mistakes, which regions stay; in the next ones the numbers of the round before
decide, so that they learn from what follows from their own decisions. All rounds count in the end.
The samples are kept, so that numbers can be learned from those of several runs.

Time: about 8 s of one CPU core for a sequence, an hour for the default two rounds of 180.
Memory: that of the training data, see `rotoline.training.fast`.
"""

from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from rotoline.data.long_sequences import LongSequenceMaker
from rotoline.data.training_clips import describe, load_clips
from rotoline.errors import InputError, WeightsError
from rotoline.io.atomic import make_folder, write_text
from rotoline.io.run_record import current_commit
from rotoline.learning.augmentation import generator_for
from rotoline.learning.sampler import Sampler
from rotoline.runtime.allocator import keep_freed_memory
from rotoline.runtime.prefetch import prefetch
from rotoline.runtime.progress import Progress
from rotoline.stages.regions.evidence import RegionModel
from rotoline.systems.fast import FastSystem
from rotoline.systems.fast.network import RegionNumbers, network_from_state
from rotoline.training.region_files import SAMPLES_NAME, read_samples, write_samples
from rotoline.training.region_fit import MIN_WEIGHT, fit_region_model, make_report
from rotoline.training.region_samples import (
    TUNED_SHARE,
    RegionSamples,
    collect_samples,
    follow_model,
    follow_truth,
    join_samples,
)
from rotoline.weights.files import (
    WeightsRecord,
    parse_tensors,
    read_verified,
    read_weights,
    write_weights,
)
from rotoline.weights.regions import PREFIX

REPORT_NAME = "regions.md"
"""Name of the report in the output folder."""
HELD_OUT = 4
"""One of so many sequences is held out to measure the numbers; the final ones learn from it too."""
POLICY_SEED = 1
"""Added to the seed for the random decisions, which must not follow the random scenes."""
ORIGIN = "; region filter: "
"""What comes before the origin of the numbers in the record's `data`."""


class RegionTraining(BaseModel):
    """Learn the numbers of the region filter of the preset `fast`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sequences: int = Field(default=180, ge=HELD_OUT)
    """Number of sequences of 28 frames in each round."""
    rounds: int = Field(default=2, ge=1)
    """Number of rounds: the first follows the truth, each further one the result of the one
    before."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of every sequence and of every random decision."""


@dataclass(frozen=True, slots=True)
class RegionInputs:
    """The files that the numbers are learned from."""

    weights: Path
    """The weights file that gets new numbers."""
    data: Path | None = None
    """The folder of training data, laid out as in docs/how-to/train.md; None with `samples`."""
    samples: Sequence[Path] = ()
    """Files of samples of earlier runs."""
    maps_weights: Path | None = None
    """The weights file whose network makes the maps; `weights` if None."""
    leave_out: Collection[str] = ()
    """Names of video sequences that are not used."""


def train_regions(
    inputs: RegionInputs, folder: Path, settings: RegionTraining, *, command: str = ""
) -> Iterator[Progress]:
    """Learn the numbers, and write the weights with them, their record, and a report.

    The samples are written too, unless they come from files. Nothing is written before all
    sequences are tracked, so a run that is stopped leaves the folder as it was.

    Args:
        inputs: What the numbers are learned from.
        folder: Folder for `regions.md` and for the weights, under the name of `inputs.weights`.
        settings: How much they are learned from.
        command: The command that the user typed, for the record.

    Yields:
        How many sequences of a round have been tracked; at the end `done`.

    Raises:
        InputError: There is neither training data nor a file of samples, or both; there are samples
            and options that say how to collect them; a file of samples cannot be used; or the
            output would replace the weights or the samples.
        WeightsError: A weights file is missing, damaged, or of another preset.
        OutputError: A file cannot be written.
    """
    keep_freed_memory()
    target = folder / inputs.weights.name
    sources = {inputs.weights, inputs.maps_weights or inputs.weights, *inputs.samples}
    replaced = {path.resolve() for path in (target, folder / SAMPLES_NAME)}
    if replaced & {path.resolve() for path in sources}:
        raise InputError(
            f"{target} would be replaced while it is read; choose another folder for the output"
        )
    if (inputs.data is None) == (not inputs.samples):
        raise InputError(
            "the numbers are learned either from training data or from samples of earlier runs; "
            "give --data or --samples, and not both"
        )
    if inputs.samples and (inputs.maps_weights or inputs.leave_out):
        raise InputError(
            "--maps-weights and --leave-out say how samples are collected, and those of --samples "
            "have been; give both options to the run that collects them, with --data"
        )
    record, tensors = _read_network(inputs.weights)
    if inputs.data is None:
        found = _join_files(inputs.samples)
        make_folder(folder)
    else:
        make_folder(folder)  # before an hour of tracking
        yield Progress("reading")
        found = yield from _collect(inputs, inputs.data, settings)
        write_samples(folder / SAMPLES_NAME, found.sequences, found.origin)
    yield Progress("fitting")
    samples, seed = found.sequences, settings.seed
    model = _fit(samples, seed)
    others = [one for at, one in enumerate(samples) if at % HELD_OUT]
    report = make_report(
        model, join_samples(samples), _fit(others, seed), join_samples(samples[::HELD_OUT])
    )
    about = record.model_dump(exclude={"sha256", "bytes"})
    regions = sum(len(one.weights) for one in samples)
    origin = f"{regions} regions in {len(samples)} sequences, {found.origin}, by: {command}"
    about["data"] = record.data.partition(ORIGIN)[0] + ORIGIN + origin
    write_text(folder / REPORT_NAME, f"# Region filter of {inputs.weights.stem}\n\n{report}")
    write_weights(target, tensors | _as_tensors(model), about)
    yield Progress("done")


class _Samples(NamedTuple):
    """What there is to learn from."""

    sequences: list[RegionSamples]
    """The samples of each sequence."""
    origin: str
    """Where they come from."""


def _join_files(paths: Sequence[Path]) -> _Samples:
    """The samples of all files."""
    files = [read_samples(path) for path in paths]
    return _Samples(
        [one for part, _ in files for one in part], "; ".join(text for _, text in files)
    )


def _collect(
    inputs: RegionInputs, data: Path, settings: RegionTraining
) -> Generator[Progress, None, _Samples]:
    """Track the objects of all sequences of all rounds."""
    record, tensors = _read_network(inputs.maps_weights or inputs.weights)
    system = FastSystem(network_from_state({k: v.float() for k, v in tensors.items()}))
    clips = load_clips(data, inputs.leave_out)
    maker = LongSequenceMaker(clips, settings.seed)
    samples: list[RegionSamples] = []
    model = None
    for round_ in range(settings.rounds):
        for one in _collect_round(maker, system, model, settings, round_):
            samples.append(one)
            done = len(samples) - round_ * settings.sequences
            yield Progress(f"round {round_ + 1}/{settings.rounds}", done, settings.sequences)
        if round_ < settings.rounds - 1:
            yield Progress("fitting")
            model = _fit(samples, settings.seed)
    origin = (
        f"of {maker.count} frames composed of {describe(clips)}, seed {settings.seed}, "
        f"maps of {record.name} {record.sha256[:16]}, commit {current_commit()}"
    )
    return _Samples(samples, origin)


def _collect_round(
    maker: LongSequenceMaker,
    system: FastSystem,
    model: RegionModel | None,
    settings: RegionTraining,
    round_: int,
) -> Iterator[RegionSamples]:
    """The samples of each sequence of a round; the next sequence is made meanwhile."""
    numbers = range(round_ * settings.sequences, (round_ + 1) * settings.sequences)
    for number, sequence in zip(numbers, prefetch(map(maker.make, numbers)), strict=True):
        sampler = Sampler(generator_for(settings.seed + POLICY_SEED, number))
        policy = follow_truth(sampler) if model is None else follow_model(model, sampler)
        is_tuned = sampler.chance(TUNED_SHARE)
        yield collect_samples(sequence, system, policy, is_tuned=is_tuned)


def _fit(samples: Sequence[RegionSamples], seed: int) -> RegionModel:
    """Fit the numbers to the samples of all sequences.

    Raises:
        InputError: There is nothing to learn from.
    """
    joined = join_samples(samples)
    if not (joined.weights > MIN_WEIGHT).any():
        raise InputError(
            f"no region was found in {len(samples)} sequences, so there is nothing to learn; "
            "check that the weights fit the training data, or use more sequences"
        )
    return fit_region_model(joined, seed)


def _read_network(path: Path) -> tuple[WeightsRecord, dict[str, Tensor]]:
    """Read a weights file of the preset `fast`, tensors in their own dtypes.

    The numbers of the region filter are 0: a file may have none, or others.
    """
    read_weights(path)  # refuses what is damaged or of version 0.1
    record, data = read_verified(path)
    tensors = {
        name: value
        for name, value in parse_tensors(path, data).items()
        if not name.startswith(PREFIX)
    } | _as_tensors(RegionNumbers().as_model())
    try:
        network_from_state(tensors)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    return record, tensors


def _as_tensors(model: RegionModel) -> dict[str, Tensor]:
    """The numbers under the names that they have in a weights file, float32."""
    return {
        f"{PREFIX}{name}": torch.tensor(value, dtype=torch.float32)
        for name, value in model._asdict().items()
    }
