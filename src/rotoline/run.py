"""Segment a file or a folder into an output folder: everything the command does but the terminal.

OUTPUT/masks/<frame>.png   one per frame, as soon as it is ready
OUTPUT/overlay.mp4         the frames with their objects drawn in
OUTPUT/run.json            what made it
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rotoline.model import Model, load_model
from rotoline.runtime.prefetch import write_behind
from rotoline.runtime.timing import StageTimer
from rotoline.errors import OutputError, RotolineError
from rotoline.io.frames import FrameSource, open_frames
from rotoline.io.masks import read_labels, read_annotations, write_mask
from rotoline.io.overlay import write_overlay
from rotoline.io.run_record import device, versions, write_run_record
from rotoline.pipeline import PipelineConfig
from rotoline.runtime.progress import Progress, Report, ignore
from rotoline.types import FrameResult


def segment_to_folder(  # noqa: PLR0913 (the command's options, by name)
    video: Path,
    masks: Path,
    output: Path,
    *,
    weights: Path | None,
    config: PipelineConfig,
    command: Sequence[str],
    report: Report = ignore,
) -> Iterator[Progress]:
    """Segment `video` with the marks in `masks` into the new folder `output`.

    Everything that can be checked is checked before the folder is made. If the run ends early, by
    an error or because the caller closes the iterator, every finished mask stays, the overlay is
    left out, and `run.json` says how it ended.

    Args:
        video: A video file or a folder of images.
        masks: A mask file for the first frame, or a folder of masks named after their frames.
        output: Must not exist, or be empty.
        weights: A weights file, or None for the one that ships.
        config: Settings of the stages; they say which preset runs.
        command: What the user typed, for the record.
        report: Is told of the steps of learning, where that takes long.

    Yields:
        Progress, at least once a frame.

    Raises:
        RotolineError: Whatever is wrong with the input or the output.
    """
    yield Progress("reading")
    timer = StageTimer()
    began = time.perf_counter()
    check_output(output)
    with timer.stage("open"):
        source = open_frames(video)
        marks = read_annotations(masks, source)
    with timer.stage("load"):
        model = load_model(weights, config.preset)
    yield Progress("learning", 0, source.count)

    record = {
        "status": "interrupted",
        "command": list(command),
        "input": {"video": str(video), "masks": str(masks), "size": list(source.size)},
        "marked_frames": [source.name(index) for index in marks],
        **_circumstances(model, config),
    }
    finished: dict[int, dict[int, float]] = {}

    def keep(result: FrameResult) -> None:
        if not finished:
            record["seconds_to_first_mask"] = round(time.perf_counter() - began, 3)
            _make_folder(output)
        with timer.stage("write"):
            write_mask(mask_path(output, source, result.index), result.labels)
        finished[result.index] = {k: round(v, 4) for k, v in result.confidence.items()}

    try:
        results = model.segment(source, marks, config=config, timer=timer, report=report)
        for _ in write_behind(results, keep):
            yield Progress("segmenting", len(finished), source.count)
        if source.problem:
            record["problem"] = source.problem
            yield Progress("segmenting", len(finished), source.count, warning=source.problem)
        yield Progress("drawing", 0, len(finished))
        with timer.stage("overlay"):
            yield from _draw(output, source, len(finished))
        record["status"] = "complete"
    except RotolineError as error:
        record["status"] = "failed"
        record["problem"] = str(error)
        raise
    finally:
        if finished:
            record |= _summary(source, finished, timer, time.perf_counter() - began)
            # A full disk has been reported already; the masks that exist are worth more.
            with suppress(OutputError):
                write_run_record(output / "run.json", record)
    yield Progress("done", len(finished), len(finished))


def _circumstances(model: Model, config: PipelineConfig) -> dict[str, Any]:
    return {
        "config": config.model_dump(mode="json"),
        "seed": config.seed,
        "versions": versions(),
        "device": device(),
        "weights": model.record.model_dump(),
    }


def mask_path(output: Path, source: FrameSource, index: int) -> Path:
    """Where the mask of a frame goes."""
    return output / "masks" / f"{source.name(index)}.png"


def check_output(output: Path) -> None:
    """Refuse an output folder that holds something.

    Raises:
        OutputError: It exists and is not empty, or is a file.
    """
    if output.is_dir() and not any(output.iterdir()):
        return
    if output.exists():
        what = "holds files already" if output.is_dir() else "is a file"
        raise OutputError(
            f"{output} {what}; results are never written over others: "
            "give a folder that does not exist yet, or remove this one"
        )


def _make_folder(output: Path) -> None:
    try:
        (output / "masks").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make {output / 'masks'}: {error.strerror}; choose a folder you may write to"
        ) from error


def _draw(output: Path, source: FrameSource, count: int) -> Iterator[Progress]:
    """Write the overlay in a second pass: frames may have been segmented backwards."""
    labels = (read_labels(mask_path(output, source, index)) for index in range(count))
    for done in write_overlay(
        output / "overlay.mp4", source, labels, frame_rate=source.frame_rate, time=source.time
    ):
        yield Progress("drawing", done, count)


def _summary(
    source: FrameSource, finished: dict[int, dict[int, float]], timer: StageTimer, seconds: float
) -> dict[str, Any]:
    return {
        "frames": len(finished),
        "frames_promised": source.count,
        "frame_rate": str(source.frame_rate),
        "confidence": {source.name(index): finished[index] for index in sorted(finished)},
        "seconds": round(seconds, 3),
        "seconds_per_stage": {name: round(value, 3) for name, value in timer.seconds.items()},
    }
