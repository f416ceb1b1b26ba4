"""Segment a video into an output folder: `rotoline segment` without its output on the terminal.

OUTPUT/<target of each format>   such as `masks/`, one file per frame as soon as it is ready
OUTPUT/run.json                  how the result was made
"""

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rotoline.corrected_run import CorrectedRun
from rotoline.errors import ConfigError, RotolineError
from rotoline.io.frames import FrameSource, open_frames
from rotoline.io.grey import GreyRange
from rotoline.io.masks import read_annotations
from rotoline.io.output_folder import locked_output
from rotoline.io.run_record import device, read_run_record, versions
from rotoline.io.run_state import read_marks
from rotoline.io.writers import DEFAULT_FORMATS
from rotoline.io.writers.together import check_formats, known_formats
from rotoline.model import Model, load_model
from rotoline.pipeline import track_clip
from rotoline.resume import Beginning, begin, content_hash, later_masks, mask_hashes
from rotoline.run_output import RunOutput
from rotoline.runtime.prefetch import write_behind
from rotoline.runtime.progress import Listener, Progress, ignore_progress
from rotoline.runtime.timing import StageTimer
from rotoline.systems.protocol import SystemConfig
from rotoline.tracker import Tracker
from rotoline.types import LabelMap, ObjectId


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
    colours: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    report: Listener = ignore_progress,
) -> Generator[Progress, None, None]:
    """Segment `video` with the masks in `masks` into the folder `output`.

    Everything that can be checked is checked before the folder is made, and the folder is locked
    until the run ends, so that no other run writes into it. If the run ends early, by
    an error or because the caller closes the iterator, the masks of every finished frame stay,
    what needs all frames (such as the overlay) is left out, and `run.json` says how it ended.
    While the run goes on it says `running`.

    Args:
        video: A video file or a folder of pictures.
        masks: A mask file, or a folder of them, named after their frames; a single file of any
            other name marks the first frame. Or a file of annotations of another program.
        output: Must not exist, or be empty but for what file managers leave, such as `.DS_Store`.
        weights: A weights file, or None for the one that ships.
        config: Settings; they also decide which preset runs.
        command: The command line, for the record.
        formats: Names of the formats to write, from `rotoline.io.writers.WRITERS`.
        stream: As for `rotoline.open_frames`.
        grey_range: As for `rotoline.open_frames`.
        colours: Whether every colour of the masks is an object.
        resume: Go on with the run in `output` that was stopped, however that was; on a CPU the
            results are those of a run that was not stopped. All inputs must be the same.
        overwrite: Replace what another run has written into `output`, once the first new result is
            ready.
        report: Called with the progress of learning and tuning, where they take long.

    Yields:
        Progress, at least once a frame.

    Raises:
        RotolineError: Something is wrong with the input or the output.
    """
    yield Progress("reading")
    timer = StageTimer()
    if resume and overwrite:
        raise ConfigError("--resume keeps the results of a run and --overwrite does not; give one")
    if not (resume or overwrite):
        begin(output, {}, resume=False, overwrite=False)  # refused before anything takes time
    formats = known_formats(formats)
    with timer.stage("open"):
        opened = open_annotated(video, masks, stream=stream, grey_range=grey_range, colours=colours)
        source = opened.source
        check_formats(formats, source)
    for warning in opened.warnings:
        yield Progress("reading", warning=warning)
    with timer.stage("load"):
        model = load_model(weights, config.preset)
    with locked_output(output):
        marks = read_marks(output) if resume else {}
        later = later_masks(opened.annotations, marks)
        opened = opened._replace(annotations=marks or opened.annotations)
        record = {
            "command": list(command),
            **opened.record(),
            **_circumstances(model, config),
            "formats": formats,
        }
        beginning = begin(output, record, resume=resume, overwrite=overwrite)
        if beginning.note:
            yield Progress("reading", warning=beginning.note)
        tracker = model.tracker(config=config, timer=timer, report=report)
        if not beginning.is_complete:
            results = RunOutput(
                output, source, opened.annotations, formats, timer, record, beginning
            )
            yield from _run(opened, tracker, results, beginning)
        elif not later and not (beginning.finished and beginning.finished.unwritten):
            yield Progress("reading", warning=f"{output} is complete; there is nothing to resume")
        if resume:
            corrected = CorrectedRun(output, source, formats, opened.names)
            yield from corrected.finish_writing()
            if later:
                tracker = model.tracker(config=config, timer=timer, report=report)
                yield from corrected.correct({**opened.annotations, **later}, tracker)
        done = read_run_record(output)["frames"]
    yield Progress("done", done, done)


def _run(
    opened: "AnnotatedFrames", tracker: Tracker, results: RunOutput, beginning: Beginning
) -> Iterator[Progress]:
    """Track the frames that are left, and write their results."""
    source, status, problem = opened.source, "interrupted", ""
    try:
        yield Progress("learning")
        steps = track_clip(
            source,
            opened.annotations,
            tracker,
            results.state.waiting,
            resumed=beginning.saved.checkpoint if beginning.saved else None,
            is_due=results.is_due,
        )
        for step in write_behind(steps, results.keep):
            finished = Progress("segmenting", len(results.finished), source.count)
            yield step.progress or finished
        if source.problem and source.problem not in opened.warnings:
            problem = source.problem
            yield Progress(
                "segmenting", len(results.finished), source.count, warning=source.problem
            )
        yield from results.finish()
        for found in results.problems:
            yield Progress("finishing", len(results.finished), source.count, warning=found)
        status = "complete"
    except RotolineError as error:
        status, problem = "failed", str(error)
        raise
    finally:
        results.is_tuned = tracker.is_tuned
        results.close(status, **({"problem": problem} if problem else {}))


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
            "content": {
                "video": content_hash(self.source.path),
                "masks": mask_hashes(self.source, self.annotations),
            },
            "annotated_frames": [self.source.name(index) for index in self.annotations],
            "warnings": self.warnings,
            **({"names": self.names} if self.names else {}),
        }


def open_annotated(
    video: Path,
    masks: Path,
    *,
    stream: int | None = None,
    grey_range: GreyRange | None = None,
    colours: bool = False,
) -> AnnotatedFrames:
    """Open the frames and read their masks; see `open_frames` and `read_annotations`."""
    source = open_frames(video, stream=stream, grey_range=grey_range)
    warnings = [source.problem] if source.problem else []
    marks = read_annotations(masks, source, warnings.append, colours=colours)
    return AnnotatedFrames(video, masks, source, marks.labels, warnings, marks.names)


def _circumstances(model: Model, config: SystemConfig) -> dict[str, Any]:
    settings = config.model_dump(mode="json")
    return {
        "config": settings,
        **({"seed": settings["seed"]} if "seed" in settings else {}),
        "versions": versions(),
        "device": device(model.system.device),
        "weights": model.record.model_dump(),
    }
