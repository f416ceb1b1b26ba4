"""Segment and score a whole split of a standard data set.

    rotoline benchmark DATASET --split val --output OUT

OUT/Annotations/SEQUENCE/NNNNN.png   one per frame, in the layout of a submission
OUT/results.json                     scores and times so far, and what produced them
OUT/table.md                         the same as tables

Both files are written after each sequence. The rules are those of semi-supervised segmentation.
DAVIS: the objects in the first frame are given, and scored in all frames but the first and the
last. YouTube-VOS: each object is given in the first frame in which it appears, and scored in all
later frames that have true masks. No frame is segmented with knowledge of later frames.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal

import numpy as np

from rotoline.data.datasets import read_dataset
from rotoline.data.davis import is_davis
from rotoline.data.video_sequence import VideoSequence
from rotoline.errors import InputError
from rotoline.evaluation.benchmark_results import (
    BenchmarkResults,
    SequenceMeasure,
    benchmark_table,
)
from rotoline.evaluation.measure import ResultScorer
from rotoline.evaluation.results import FILE, circumstances, write_record
from rotoline.io.atomic import make_folder, write_text
from rotoline.io.masks import write_mask
from rotoline.io.output_folder import new_output
from rotoline.model import Model, load_model
from rotoline.runtime.progress import Listener, Progress, ignore_progress
from rotoline.runtime.timing import StageTimer
from rotoline.systems.protocol import SystemConfig
from rotoline.types import LabelMap, ObjectId

Layout = Literal["DAVIS", "YouTube-VOS"]


@dataclass(frozen=True)
class Benchmark:
    """The sequences of a split to segment, and the rules to follow."""

    layout: Layout
    """Decides which label maps are given, and which frames are scored."""
    split: str
    """Name of the split."""
    sequences: Sequence[VideoSequence]
    """The sequences to segment."""
    sequences_in_split: int
    """Number of sequences in the split."""


def find_benchmark(root: Path, split: str, only: Sequence[str] = ()) -> Benchmark:
    """Find the sequences of a split.

    Args:
        root: The folder of a data set in the layout of DAVIS or of YouTube-VOS.
        split: Name of the split, such as "val" (DAVIS) or "valid" (YouTube-VOS).
        only: Names of the sequences to take; all of them if empty.

    Raises:
        InputError: The data set cannot be read, or there is no sequence of a name in `only`.
    """
    sequences = read_dataset(root, split)
    unknown = sorted(set(only) - {one.name for one in sequences})
    if unknown:
        raise InputError(
            f"there is no sequence {unknown[0]} in the split {split} of {root}; "
            f"choose from {', '.join(one.name for one in sequences)}"
        )
    chosen = [one for one in sequences if not only or one.name in only]
    return Benchmark("DAVIS" if is_davis(root) else "YouTube-VOS", split, chosen, len(sequences))


def run_benchmark(
    benchmark: Benchmark,
    output: Path,
    *,
    weights: Path | None,
    config: SystemConfig,
    command: Sequence[str],
    report: Listener = ignore_progress,
) -> Iterator[Progress]:
    """Segment and score every sequence, into the new folder `output`.

    If the run ends early, the finished sequences are in `results.json`, and the finished masks of
    the sequence in progress stay too.

    Args:
        benchmark: As `find_benchmark` finds it.
        output: Must not exist, or be empty.
        weights: A weights file, or None for the one that ships.
        config: The settings; they also decide which preset runs.
        command: The command line, for the record.
        report: Called with the progress of learning and tuning, where they take long.

    Yields:
        Progress, once a frame.

    Raises:
        RotolineError: Input or output cannot be used.
    """
    yield Progress("reading")
    with new_output(output):
        model = load_model(weights, config.preset)
        produced_by = circumstances(model, config, command)
        done, total = count(1), sum(len(one.frame_names) for one in benchmark.sequences)
        measures: list[SequenceMeasure] = []
        for sequence in benchmark.sequences:
            run = SequenceRun(model, config, benchmark.layout, sequence, report)
            for _ in run.segment_to(output / "Annotations" / sequence.name):
                yield Progress("segmenting", next(done), total)
            measures.append(run.result())
            results = BenchmarkResults(
                layout=benchmark.layout,
                split=benchmark.split,
                sequences_in_split=benchmark.sequences_in_split,
                sequences=tuple(measures),
                **produced_by,
            )
            write_record(output / FILE, results)
            write_text(output / "table.md", benchmark_table(results))
        yield Progress("done", total, total)


class SequenceRun:
    """One sequence being segmented and scored: iterate over `segment_to`, then call `result`."""

    def __init__(
        self,
        model: Model,
        config: SystemConfig,
        layout: Layout,
        sequence: VideoSequence,
        report: Listener = ignore_progress,
    ) -> None:
        self.sequence = sequence
        self._given = given_annotations(sequence, layout)
        self._scored = scored_objects(sequence, layout, self._given)
        self._stages, self._timer = StageTimer(), StageTimer()
        self._tracker = model.tracker(config=config, timer=self._stages, report=report)
        ids = sorted({one for labels in self._given.values() for one in _ids(labels)})
        self._scorer = ResultScorer(ids) if self._scored else None

    def segment_to(self, folder: Path) -> Iterator[int]:
        """Segment the frames, write a mask of each, and score it where there is a true mask.

        Frames before the first given label map have empty masks.

        Args:
            folder: Folder for the masks; created if it does not exist.

        Yields:
            The index of each frame, when its mask is written.

        Raises:
            InputError: A frame or a label map cannot be read.
            OutputError: A mask cannot be written.
        """
        make_folder(folder)
        sequence, first = self.sequence, min(self._given, default=len(self.sequence.frame_names))
        for index, name in enumerate(sequence.frame_names):
            labels = np.zeros(sequence.frames.size, np.uint8)
            if index >= first:
                with self._timer.stage("segment"):
                    frame = sequence.read_frame(index)
                    result = self._tracker.step(frame, self._given.get(index))
                if index in self._given:  # its time is a stage of its own, `tune`
                    self._tracker.use(self._tracker.tune())
                labels = result.labels
                if self._scorer is not None and index in self._scored:
                    truth = sequence.read_labels(index)
                    self._scorer.add(name, result, truth, only=self._scored[index])
            write_mask(folder / f"{name}.png", labels)
            yield index

    def result(self) -> SequenceMeasure:
        """Scores and times, once `segment_to` is exhausted."""
        names = self.sequence.frame_names
        return SequenceMeasure(
            name=self.sequence.name,
            frames=len(names),
            scored_frames=tuple(names[index] for index in self._scored),
            objects=self._scorer.measures() if self._scorer is not None else (),
            seconds_per_frame=round(self._timer.seconds.get("segment", 0.0) / len(names), 4),
            seconds_per_stage={k: round(v, 4) for k, v in self._stages.seconds.items()},
        )


def given_annotations(sequence: VideoSequence, layout: Layout) -> dict[int, LabelMap]:
    """Return the label maps that a semi-supervised benchmark gives, by frame index.

    DAVIS gives the label map of the first frame. YouTube-VOS gives one for each frame in which
    objects appear for the first time, with these objects only. A label map without objects is left
    out.
    """
    given: dict[int, LabelMap] = {}
    known: set[ObjectId] = set()
    for index in (0,) if layout == "DAVIS" else sequence.annotated:
        labels = sequence.read_labels(index)
        new = set(_ids(labels)) - known
        if new:
            given[index] = np.where(np.isin(labels, list(new)), labels, 0).astype(np.uint8)
            known |= new
    return given


def scored_objects(
    sequence: VideoSequence, layout: Layout, given: dict[int, LabelMap]
) -> dict[int, list[ObjectId]]:
    """Return which objects are scored in which frames, by frame index.

    An object is scored in every frame with a true label map after the frame in which it was given;
    in DAVIS, the last frame is not scored. Frames in which no object is scored are left out.
    """
    last = len(sequence.frame_names) - 1
    scored: dict[int, list[ObjectId]] = {}
    for index in sequence.annotated:
        ids = sorted(one for at, labels in given.items() if at < index for one in _ids(labels))
        if ids and not (layout == "DAVIS" and index == last):
            scored[index] = ids
    return scored


def _ids(labels: LabelMap) -> list[ObjectId]:
    """The object ids in a label map, in ascending order."""
    return [int(one) for one in np.unique(labels) if one]
