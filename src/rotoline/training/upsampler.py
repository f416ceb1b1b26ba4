"""Learn the upsampler of the preset `fast`.

    rotoline train upsampler --data DATA --weights WEIGHTS --odd-weights ODD --even-weights EVEN \
        --output runs/upsampler

All other layers stay as they are. The first frames of every sequence are segmented, at several
working sizes, by the weights of `rotoline experiment halves` that have not seen it: a network draws
finer borders in videos that it was trained on than in others. The upsampler learns to correct these
maps near the borders of the objects.

Time: about ten minutes on two CPU cores for DAVIS-2016 train. Memory: 1 GB.
"""

from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

from rotoline.data.splits import EVEN, HALVES, ODD
from rotoline.data.training_clips import find_videos
from rotoline.data.video_sequence import VideoSequence
from rotoline.errors import InputError, WeightsError
from rotoline.io.atomic import make_folder
from rotoline.io.run_record import current_commit
from rotoline.learning.augmentation import generator_for
from rotoline.learning.sampler import Sampler
from rotoline.pipeline import segment
from rotoline.presets import FAST
from rotoline.runtime.progress import Progress
from rotoline.systems.fast import FastSystem
from rotoline.systems.fast.network import FastNet, network_from_state
from rotoline.systems.fast.upsampling import Upsampler, border_weights
from rotoline.tracker import Tracker
from rotoline.types import Frame, upsample
from rotoline.weights.files import (
    WeightsRecord,
    parse_tensors,
    read_verified,
    read_weights,
    write_weights,
)

WORKING_SIZES = (414_720, 184_320, 103_680)
"""The working sizes in pixels: of a frame of 480 rows, a pixel of the map is 4, 6 and 8 pixels."""
FRAMES = (1, 4, 9, 14)
"""The frames that are learned from, counted from the marked one."""
CROP = 96
"""Side of the crops in pixels."""
LEARNING_RATE = 3e-3
"""Learning rate of AdamW at the start; it falls linearly to 0."""
BORDER_FRACTION = 0.005
"""Least share of a frame that an object must cover in it."""
PREFIX = "upsampler."
"""What the names of the layers begin with in a weights file."""
ORIGIN = "; upsampler: "
"""What comes before the origin of the upsampler in the record's `data`."""


class UpsamplerTraining(BaseModel):
    """Learn the upsampler of the preset `fast`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=2000, ge=1)
    """Number of optimiser steps."""
    batch: int = Field(default=8, ge=1)
    """Number of crops in a step."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of the initial weights and of every crop."""


@dataclass(frozen=True, slots=True)
class UpsamplerInputs:
    """The files that the upsampler is learned from."""

    data: Path
    """The folder of training data, laid out as in docs/how-to/train.md; stills are not used."""
    weights: Path
    """The weights file that gets the upsampler."""
    odd_weights: Path
    """Weights that have not seen the even half of DAVIS-2016 train, nor what is in neither half."""
    even_weights: Path
    """Weights that have not seen the odd half."""
    leave_out: Collection[str] = ()
    """Names of sequences that are not used."""


class _Sample(NamedTuple):
    """One object in one frame."""

    frame: Frame
    """RGB, uint8 `(H, W, 3)`."""
    logits: Tensor
    """float16 `(h, w)`."""
    truth: NDArray[np.bool_]
    """bool `(H, W)`."""


def train_upsampler(
    inputs: UpsamplerInputs, folder: Path, settings: UpsamplerTraining, *, command: str = ""
) -> Iterator[Progress]:
    """Learn the upsampler, and write the weights with it and their record.

    Args:
        inputs: What it is learned from.
        folder: Folder for the weights, under the name of `inputs.weights`.
        settings: How long it learns.
        command: The command that the user typed, for the record.

    Yields:
        How many sequences have been segmented, how many steps were made; at the end `done`.

    Raises:
        InputError: The output would replace the weights, or there is nothing to learn from.
        WeightsError: A weights file is missing, damaged, or of another preset.
        OutputError: A file cannot be written.
    """
    target = folder / inputs.weights.name
    if target.resolve() in {
        path.resolve() for path in (inputs.weights, inputs.odd_weights, inputs.even_weights)
    }:
        raise InputError(
            f"{target} would be replaced while it is read; choose another folder for the output"
        )
    record, tensors, _ = _read(inputs.weights)
    make_folder(folder)
    yield Progress("reading")
    samples, origin = yield from _collect(inputs)
    if not samples:
        raise InputError(
            f"no object in {inputs.data} was found again at a third of its size or more, so there "
            "is nothing to learn; check that the weights fit the data"
        )
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        net = Upsampler()
    yield from _learn(net, samples, settings)
    about = record.model_dump(exclude={"sha256", "bytes"})
    about["data"] = f"{record.data.partition(ORIGIN)[0]}{ORIGIN}{origin}, by: {command}"
    learned = {f"{PREFIX}{name}": value for name, value in net.state_dict().items()}
    write_weights(target, tensors | learned, about)
    yield Progress("done")


def _collect(inputs: UpsamplerInputs) -> Generator[Progress, None, tuple[list[_Sample], str]]:
    """Segment all sequences; return the samples, and where they come from."""
    records, nets = {}, {}
    for half, path in ((ODD, inputs.odd_weights), (EVEN, inputs.even_weights)):
        records[half], _, nets[half] = _read(path)
    videos = find_videos(inputs.data, inputs.leave_out)
    samples: list[_Sample] = []
    for done, video in enumerate(videos, start=1):
        half = EVEN if video.name in HALVES[ODD] else ODD
        for size in WORKING_SIZES:
            samples += _segment(video, nets[half], size)
        yield Progress("segmenting", done, len(videos))
    about = " and ".join(f"{one.name} {one.sha256[:16]}" for one in records.values())
    origin = (
        f"{len(samples)} maps of {len(videos)} sequences, made by {about}, "
        f"commit {current_commit()}"
    )
    return samples, origin


def _segment(video: VideoSequence, net: FastNet, working_pixels: int) -> Iterator[_Sample]:
    """Mark the first annotated frame of a sequence; every object in some of the next frames."""
    first = video.annotated[0]
    tuning = FAST.tuning.model_copy(update={"steps": 0})
    config = FAST.model_copy(update={"working_pixels": working_pixels, "tuning": tuning})
    tracker = Tracker(FastSystem(net), config)
    mask = video.read_labels(first)
    if not mask.any():
        return
    count = min(max(FRAMES) + 1, len(video.frame_names) - first)
    frames = [video.read_frame(first + at) for at in range(count)]
    for result in islice(segment(frames, mask, tracker), count):
        if result.index not in FRAMES or first + result.index not in video.annotated:
            continue
        labels = video.read_labels(first + result.index)
        for row, object_id in enumerate(result.confidence):
            truth = labels == object_id
            predicted = result.labels == object_id
            # An object that was lost, or taken for another, has no border to learn from.
            overlap = (truth & predicted).sum() / max((truth | predicted).sum(), 1)
            if overlap > 1 / 3 and truth.mean() >= BORDER_FRACTION:
                yield _Sample(frames[result.index], result.logits[row].half(), truth)


def _learn(
    net: Upsampler, samples: Sequence[_Sample], settings: UpsamplerTraining
) -> Iterator[Progress]:
    """AdamW on crops around the borders."""
    net.train()
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE)
    for step in range(settings.steps):
        sampler = Sampler(generator_for(settings.seed, step))
        crops = [_crop(sampler.one_of(samples), sampler) for _ in range(settings.batch)]
        frames, logits, truth, weights = (torch.stack(parts) for parts in zip(*crops, strict=True))
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (1 - step / settings.steps)
        loss = _loss(logits + weights * net(frames, logits), truth, weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield Progress("learning", step + 1, settings.steps)


def _loss(logits: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Binary cross entropy and 1 - Dice, both where the correction counts."""
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    scores = logits.sigmoid()
    common, both = (weights * scores * truth).sum(), (weights * (scores + truth)).sum()
    return (weights * entropy).sum() / weights.sum().clamp(min=1) + 1 - 2 * common / (both + 1)


def _crop(sample: _Sample, sampler: Sampler) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Frame, enlarged logits, truth and weights of a square around a place near a border."""
    size = sample.truth.shape
    logits = sample.logits.float()
    weights = border_weights(logits, size)
    places = (weights[0] > 0).nonzero()
    row, column = places[sampler.integer(0, len(places) - 1)].tolist() if len(places) else (0, 0)
    top, left = (
        min(max(at - sampler.integer(0, CROP - 1), 0), max(length - CROP, 0))
        for at, length in zip((row, column), size, strict=True)
    )
    window = (..., slice(top, top + CROP), slice(left, left + CROP))
    truth = torch.from_numpy(sample.truth[window]).float()[None]
    picture = torch.from_numpy(sample.frame).permute(2, 0, 1)[window].float()
    gains = torch.tensor([sampler.uniform(0.7, 1.3) for _ in range(3)])[:, None, None]
    parts = ((picture * gains).clamp(max=255), upsample(logits[None], size)[window], truth)
    is_mirrored, is_turned = sampler.chance(0.5), sampler.chance(0.5)
    found = []
    for part in (*parts, weights[window]):
        bottom, right = (CROP - length for length in part.shape[-2:])
        one = functional.pad(part[None], (0, right, 0, bottom))[0]
        one = one.flip(-1) if is_mirrored else one
        found.append(one.transpose(-1, -2) if is_turned else one)
    return found[0], found[1], found[2], found[3]


def _read(path: Path) -> tuple[WeightsRecord, dict[str, Tensor], FastNet]:
    """A weights file of the preset `fast`: its record, tensors in their own dtypes, the network."""
    read_weights(path)  # refuses what is damaged or of version 0.1
    record, data = read_verified(path)
    tensors = parse_tensors(path, data)
    try:
        net = network_from_state({name: value.float() for name, value in tensors.items()})
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    return record, tensors, net
