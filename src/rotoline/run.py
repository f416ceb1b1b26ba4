"""Segment a video into an output folder: `rotoline segment` without its output on the terminal.

OUTPUT/<target of each format>   such as `masks/`, one file per frame as soon as it is ready
OUTPUT/run.json                  how the result was made
"""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Unpack

from rotoline.errors import InputError, OutputError, RotolineError
from rotoline.io.frames import FrameSource, Reading, open_frames
from rotoline.io.masks import read_annotations
from rotoline.io.output_folder import check_output, new_output
from rotoline.io.pictures import shorten
from rotoline.io.run_record import device, versions, write_run_record
from rotoline.io.writers import DEFAULT_FORMATS
from rotoline.io.writers.together import Writers, check_formats, known_formats
from rotoline.model import Model, load_model
from rotoline.pipeline import segment
from rotoline.runtime.prefetch import write_behind
from rotoline.runtime.progress import Listener, Progress, ignore_progress
from rotoline.runtime.timing import StageTimer
from rotoline.systems.protocol import SystemConfig
from rotoline.types import FrameResult, LabelMap, ObjectId

ALL = "all"
"""Stands for every mask among the names of complete frames."""


def segment_to_folder(  # noqa: PLR0913 (the command's options, by name)
    video: Path,
    masks: Path,
    output: Path,
    *,
    weights: Path | None,
    config: SystemConfig,
    command: Sequence[str],
    formats: Sequence[str] = DEFAULT_FORMATS,
    complete: Sequence[str] = (),
    is_strict: bool = False,
    colours: bool = False,
    report: Listener = ignore_progress,
    **reading: Unpack[Reading],
) -> Generator[Progress, None, None]:
    """Segment `video` with the masks in `masks` into the new folder `output`.

    Everything that can be checked is checked before the folder is made, and the folder is locked
    until the run ends, so that no other run writes into it. If the run ends early, by
    an error or because the caller closes the iterator, the masks of every finished frame stay,
    what needs all frames (such as the overlay) is left out, and `run.json` says how it ended.

    Args:
        video: A video file or a folder of pictures.
        masks: A mask file, or a folder of them, named after their frames; a single file of any
            other name marks the first frame. Or a file of annotations of another program.
        output: Must not exist, or be empty but for what file managers leave, such as `.DS_Store`.
        weights: A weights file, or None for the one that ships.
        config: Settings; they also decide which preset runs.
        command: The command line, for the record.
        formats: Names of the formats to write, from `rotoline.io.writers.WRITERS`.
        complete: Names of the frames whose masks show everything there is, or `all` for every mask:
            objects that they leave out are hidden there.
        is_strict: Whether what is otherwise a warning ends the run: before anything is written, or
            where it is found.
        colours: Whether every colour of the masks is an object.
        report: Called with the progress of learning and tuning, where they take long.
        **reading: As for `rotoline.open_frames`.

    Yields:
        Progress, at least once a frame.

    Raises:
        RotolineError: Something is wrong with the input or the output.
    """
    yield Progress("reading")
    timer = StageTimer()
    began = time.perf_counter()
    check_output(output)
    formats = known_formats(formats)
    with timer.stage("open"):
        opened = open_annotated(video, masks, complete=complete, colours=colours, **reading)
        source = opened.source
        check_formats(formats, source)
    yield from _say(opened.warnings, Progress("reading"), is_strict=is_strict)
    with timer.stage("load"):
        model = load_model(weights, config.preset)
    yield Progress("learning")

    record = {
        "status": "interrupted",
        "command": list(command),
        **opened.record(),
        **_circumstances(model, config),
    }
    results = _Results(output, source, formats, timer, opened.names)
    with new_output(output):
        try:
            tracker = model.tracker(config=config, timer=timer, report=report)
            segmented = segment(source, opened.annotations, tracker, complete=opened.complete)
            for _ in write_behind(segmented, results.keep):
                yield Progress("segmenting", len(results.finished), source.count)
            if source.problem and source.problem not in opened.warnings:
                record["problem"] = source.problem
                step = Progress("segmenting", len(results.finished), source.count)
                yield from _say([source.problem], step, is_strict=is_strict)
            yield from results.finish()
            step = Progress("finishing", len(results.finished), source.count)
            yield from _say(results.problems, step, is_strict=is_strict)
            record["status"] = "complete"
        except RotolineError as error:
            record["status"] = "failed"
            record["problem"] = str(error)
            raise
        finally:
            results.close()
            if results.finished:
                record |= results.summary(began) | {"is_tuned": tracker.is_tuned}
                _write_record(output, record)
    yield Progress("done", len(results.finished), len(results.finished))


class AnnotatedFrames(NamedTuple):
    """What a run begins with."""

    video: Path
    masks: Path
    """The paths that were given."""
    source: FrameSource
    """The frames."""
    annotations: dict[int, LabelMap]
    """The label maps by frame index."""
    complete: set[int]
    """Indices of the frames whose label maps show all objects that are there."""
    warnings: list[str]
    """What the user must know about both."""
    names: dict[ObjectId, str]
    """The names of objects, where the masks tell them."""

    def record(self) -> dict[str, Any]:
        """The fields of `run.json` about them."""
        return {
            "input": {
                "video": str(self.video),
                "masks": str(self.masks),
                "size": list(self.source.size),
                **self.source.reading,
            },
            "annotated_frames": [self.source.name(index) for index in self.annotations],
            "complete_frames": [self.source.name(index) for index in sorted(self.complete)],
            "warnings": self.warnings,
            **({"names": self.names} if self.names else {}),
        }


def open_annotated(
    video: Path,
    masks: Path,
    *,
    complete: Sequence[str] = (),
    colours: bool = False,
    **reading: Unpack[Reading],
) -> AnnotatedFrames:
    """Open the frames and read their masks; see `open_frames` and `read_annotations`.

    Raises:
        InputError: As these; or a frame is called complete that has no mask.
    """
    source = open_frames(video, **reading)
    warnings = [source.problem] if source.problem else []
    marks = read_annotations(masks, source, warnings.append, colours=colours)
    annotations = marks.labels
    indices = {_find_annotated(name, source, annotations) for name in complete if name != ALL}
    if ALL in complete:
        indices |= set(annotations)
    return AnnotatedFrames(video, masks, source, annotations, indices, warnings, marks.names)


def _find_annotated(name: str, source: FrameSource, annotations: Mapping[int, LabelMap]) -> int:
    """Index of the annotated frame of this name."""
    index = source.find(name)
    if index is None or index not in annotations:
        raise InputError(
            f"frame {name} is called complete, but has no mask; masks are of "
            f"{shorten([source.name(one) for one in annotations])}"
        )
    return index


def _say(warnings: Sequence[str], step: Progress, *, is_strict: bool) -> Iterator[Progress]:
    """Yield warnings as progress, or raise InputError with all of them in a strict run."""
    if warnings and is_strict:
        raise InputError(f"{'; '.join(warnings)} (a warning, which --strict makes an error)")
    for warning in warnings:
        yield replace(step, warning=warning)


def _write_record(output: Path, record: dict[str, Any]) -> None:
    """Write `run.json`; of a run that failed, only if that is possible."""
    try:
        write_run_record(output, record)
    except OutputError:
        # That the disk is full has been reported then: the finished masks matter more.
        if record["status"] == "complete":
            raise


class _Results:
    """The results of a run, each written in all formats as soon as it is ready."""

    def __init__(
        self,
        output: Path,
        source: FrameSource,
        formats: Sequence[str],
        timer: StageTimer,
        names: Mapping[ObjectId, str],
    ) -> None:
        self._names = names
        self._output, self._source, self._formats, self._timer = output, source, formats, timer
        self._writers: Writers | None = None
        self._first_at = 0.0
        self.finished: dict[int, dict[ObjectId, float]] = {}
        """Confidence of every object, by index of the frames that are written."""

    def keep(self, result: FrameResult) -> None:
        """Write one frame; the first one makes the folder."""
        if self._writers is None:
            self._first_at = time.perf_counter()
            self._writers = Writers(self._formats, self._output, self._source)
        result = replace(result, names=self._names)
        with self._timer.stage("write"):
            self._writers.write(result)
        self.finished[result.index] = {k: round(v, 4) for k, v in result.confidence.items()}

    def finish(self) -> Iterator[Progress]:
        """Write what needs all frames."""
        count = len(self.finished)
        yield Progress("finishing", 0, count)
        with self._timer.stage("finish"):
            for done in self._writers.finish() if self._writers else ():
                yield Progress("finishing", done, count)

    @property
    def problems(self) -> list[str]:
        """What the user must know about the files, once they are finished."""
        return self._writers.problems if self._writers else []

    def close(self) -> None:
        """Close all writers, whether the run is finished or not."""
        if self._writers is not None:
            self._writers.close()

    def summary(self, began: float) -> dict[str, Any]:
        """The fields of the record about the results; `began` is the start time of the run."""
        source, finished = self._source, self.finished
        stages = self._timer.seconds.items()
        return {
            "seconds_to_first_mask": round(self._first_at - began, 3),
            "frames": len(finished),
            "frames_declared": source.count,
            "frame_rate": str(source.frame_rate),
            "confidence": {source.name(index): finished[index] for index in sorted(finished)},
            "seconds": round(time.perf_counter() - began, 3),
            "seconds_per_stage": {name: round(value, 3) for name, value in stages},
        }


def _circumstances(model: Model, config: SystemConfig) -> dict[str, Any]:
    settings = config.model_dump(mode="json")
    return {
        "config": settings,
        **({"seed": settings["seed"]} if "seed" in settings else {}),
        "versions": versions(),
        "device": device(model.system.device),
        "weights": model.record.model_dump(),
    }
