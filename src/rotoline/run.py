"""Segment a video into an output folder: `rotoline segment` without its output on the terminal.

OUTPUT/<target of each format>   such as `masks/`, one file per frame as soon as it is ready
OUTPUT/run.json                  how the result was made
"""

import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rotoline.errors import OutputError, RotolineError
from rotoline.io.frames import FrameSource, open_frames
from rotoline.io.grey import GreyRange
from rotoline.io.masks import read_annotations
from rotoline.io.output_folder import check_output, new_output
from rotoline.io.overlay import check_video_size
from rotoline.io.run_record import device, versions, write_run_record
from rotoline.io.writers import DEFAULT_FORMATS, MaskWriter, find_writer
from rotoline.limits import DEFAULT_LIMITS, Limits
from rotoline.model import Model, load_model
from rotoline.pipeline import segment
from rotoline.runtime.prefetch import write_behind
from rotoline.runtime.progress import Listener, Progress, ignore_progress
from rotoline.runtime.timing import StageTimer
from rotoline.systems.protocol import SystemConfig
from rotoline.types import FrameResult, LabelMap, ObjectId


def segment_to_folder(  # noqa: PLR0913 (the command's options, by name)
    video: Path,
    masks: Path,
    output: Path,
    *,
    weights: Path | None,
    config: SystemConfig,
    command: Sequence[str],
    formats: Sequence[str] = DEFAULT_FORMATS,
    stream: int | None = None,
    grey_range: GreyRange | None = None,
    sandbox: bool = False,
    report: Listener = ignore_progress,
) -> Generator[Progress, None, None]:
    """Segment `video` with the masks in `masks` into the new folder `output`.

    Everything that can be checked is checked before the folder is made, and the folder is locked
    until the run ends, so that no other run writes into it. If the run ends early, by
    an error or because the caller closes the iterator, the masks of every finished frame stay,
    what needs all frames (such as the overlay) is left out, and `run.json` says how it ended.

    Args:
        video: A video file or a folder of pictures.
        masks: A mask file, or a folder of them, named after their frames; a single file of any
            other name marks the first frame.
        output: Must not exist, or be empty but for what file managers leave, such as `.DS_Store`.
        weights: A weights file, or None for the one that ships.
        config: Settings; they also decide which preset runs.
        command: The command line, for the record.
        formats: Names of the formats to write, from `rotoline.io.writers.WRITERS`.
        stream: As for `rotoline.open_frames`.
        grey_range: As for `rotoline.open_frames`.
        sandbox: As for `rotoline.open_frames`.
        report: Called with the progress of learning and tuning, where they take long.

    Yields:
        Progress, at least once a frame.

    Raises:
        RotolineError: Something is wrong with the input or the output.
    """
    yield Progress("reading")
    timer = StageTimer()
    began = time.perf_counter()
    check_output(output)
    writers = [find_writer(name) for name in dict.fromkeys(formats)]
    with timer.stage("open"):
        opened = open_annotated(
            video,
            masks,
            stream=stream,
            grey_range=grey_range,
            limits=config.limits,
            sandbox=sandbox,
        )
        source = opened.source
        if "overlay" in formats:
            check_video_size(source.size)
    for warning in opened.warnings:
        yield Progress("reading", warning=warning)
    with timer.stage("load"):
        model = load_model(weights, config.preset)
    yield Progress("learning")

    record = {
        "status": "interrupted",
        "command": list(command),
        **opened.record(),
        **_circumstances(model, config),
    }
    results = _Results(output, source, writers, timer)
    with new_output(output):
        try:
            tracker = model.tracker(config=config, timer=timer, report=report)
            segmented = segment(source, opened.annotations, tracker)
            for _ in write_behind(segmented, results.keep):
                yield Progress("segmenting", len(results.finished), source.count)
            if source.problem and source.problem not in opened.warnings:
                record["problem"] = source.problem
                yield Progress(
                    "segmenting", len(results.finished), source.count, warning=source.problem
                )
            yield from results.finish()
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
    warnings: list[str]
    """What the user must know about both."""

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
            "warnings": self.warnings,
        }


def open_annotated(
    video: Path, masks: Path, *, limits: Limits = DEFAULT_LIMITS, **options: Any
) -> AnnotatedFrames:
    """Open the frames, with all options of `open_frames`, and read their masks.

    See `open_frames` and `read_annotations`.
    """
    source = open_frames(video, limits=limits, **options)
    warnings = [source.problem] if source.problem else []
    annotations = read_annotations(masks, source, warnings.append, limits)
    return AnnotatedFrames(video, masks, source, annotations, warnings)


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
        formats: Sequence[type[MaskWriter]],
        timer: StageTimer,
    ) -> None:
        self._output, self._source, self._formats, self._timer = output, source, formats, timer
        self._writers: list[MaskWriter] = []
        self._first_at = 0.0
        self.finished: dict[int, dict[ObjectId, float]] = {}
        """Confidence of every object, by index of the frames that are written."""

    def keep(self, result: FrameResult) -> None:
        """Write one frame; the first one makes the folder."""
        if not self._writers:
            self._first_at = time.perf_counter()
            for cls in self._formats:
                self._writers.append(cls(self._output, self._source))
        with self._timer.stage("write"):
            for writer in self._writers:
                writer.write(result)
        self.finished[result.index] = {k: round(v, 4) for k, v in result.confidence.items()}

    def finish(self) -> Iterator[Progress]:
        """Write what needs all frames."""
        count = len(self.finished)
        yield Progress("finishing", 0, count)
        with self._timer.stage("finish"):
            for writer in self._writers:
                for done in writer.finish():
                    yield Progress("finishing", done, count)

    def close(self) -> None:
        """Close all writers, whether the run is finished or not."""
        for writer in self._writers:
            writer.close()

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
