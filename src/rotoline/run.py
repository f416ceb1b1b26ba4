"""Segment a video into an output folder: `rotoline segment` without its output on the terminal.

OUTPUT/<target of each format>   such as `masks/`, one file per frame as soon as it is ready
OUTPUT/run.json                  how the result was made
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Unpack

from rotoline.annotations import GivenMasks
from rotoline.corrected_run import CorrectedRun
from rotoline.errors import ConfigError, InputError, RotolineError
from rotoline.io.content import content_hash
from rotoline.io.frames import FrameSource, Reading, open_frames
from rotoline.io.masks import read_annotations
from rotoline.io.output_folder import locked_output
from rotoline.io.pictures import shorten
from rotoline.io.run_record import device, read_run_record, versions
from rotoline.io.run_state import read_given_masks
from rotoline.io.writers import DEFAULT_FORMATS
from rotoline.io.writers.together import check_formats, known_formats
from rotoline.limits import DEFAULT_LIMITS
from rotoline.model import Model, load_model
from rotoline.pipeline import track_clip
from rotoline.resume import Beginning, begin, later_masks, mask_hashes
from rotoline.run_output import RunOutput
from rotoline.runtime.prefetch import write_behind
from rotoline.runtime.progress import Listener, Progress, ignore_progress
from rotoline.runtime.timing import StageTimer
from rotoline.systems.protocol import SystemConfig
from rotoline.tracker import Tracker
from rotoline.types import LabelMap, ObjectId

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
    resume: bool = False,
    overwrite: bool = False,
    report: Listener = ignore_progress,
    model: Model | None = None,
    more_record: Mapping[str, Any] = MappingProxyType({}),
    **reading: Unpack[Reading],
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
        complete: Names of the frames whose masks show everything there is, or `all` for every mask:
            objects that they leave out are hidden there.
        is_strict: Whether what is otherwise a warning ends the run: before anything is written, or
            where it is found.
        colours: Whether every colour of the masks is an object.
        resume: Go on with the run in `output` that was stopped, however that was; on a CPU the
            results are those of a run that was not stopped. All inputs must be the same.
        overwrite: Replace what another run has written into `output`, once the first new result is
            ready.
        report: Called with the progress of learning and tuning, where they take long.
        model: The model, if `weights` are loaded already.
        more_record: Further fields of `run.json`.
        **reading: As for `rotoline.open_frames`.

    Yields:
        Progress, at least once a frame.

    Raises:
        RotolineError: Something is wrong with the input or the output.
    """
    yield Progress("reading")
    timer = StageTimer()
    _check_output(output, resume=resume, overwrite=overwrite)
    formats = known_formats(formats)
    with timer.stage("open"):
        reading["limits"] = config.limits
        opened = open_annotated(video, masks, complete=complete, colours=colours, **reading)
        source = opened.source
        check_formats(formats, source)
    yield from _say(opened.warnings, Progress("reading"), is_strict=is_strict)
    with timer.stage("load"):
        model = model or load_model(weights, config.preset)
    with locked_output(output):
        known = read_given_masks(output) if resume else GivenMasks({})
        corrections = _with_corrections(opened, known)
        if known.masks:
            opened = opened._replace(annotations=known.masks, complete=set(known.complete))
        record = {
            "command": list(command),
            **opened.record(),
            **circumstances(model, config),
            "formats": formats,
            **more_record,
        }
        beginning = begin(output, record, resume=resume, overwrite=overwrite)
        if beginning.note:
            yield Progress("reading", warning=beginning.note)
        tracker = model.tracker(config=config, timer=timer, report=report)
        if not beginning.is_complete:
            given = GivenMasks(opened.annotations, sorted(opened.complete))
            results = RunOutput(output, source, given, formats, timer, record, beginning)
            yield from _run(opened, tracker, results, beginning, is_strict=is_strict)
        elif not (corrections or (beginning.finished and beginning.finished.unwritten)):
            yield Progress("reading", warning=f"{output} is complete; there is nothing to resume")
        if resume:
            corrected = CorrectedRun(output, source, formats, opened.names)
            yield from corrected.finish_writing()
            if corrections:
                tracker = model.tracker(config=config, timer=timer, report=report)
                yield from corrected.correct(corrections, tracker)
        done = read_run_record(output)["frames"]
    yield Progress("done", done, done)


def _check_output(output: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse the output folder before anything takes time."""
    if resume and overwrite:
        raise ConfigError("--resume keeps the results of a run and --overwrite does not; give one")
    if not (resume or overwrite):
        begin(output, {}, resume=False, overwrite=False)


def _run(
    opened: "AnnotatedFrames",
    tracker: Tracker,
    results: RunOutput,
    beginning: Beginning,
    *,
    is_strict: bool,
) -> Iterator[Progress]:
    """Track the frames that are left, and write their results."""
    source, status, problem = opened.source, "interrupted", ""
    try:
        yield Progress("learning")
        steps = track_clip(
            source,
            GivenMasks(opened.annotations, opened.complete),
            tracker,
            results.state.waiting,
            resumed=beginning.saved.checkpoint if beginning.saved else None,
            is_due=results.is_due,
        )
        for tracked in write_behind(steps, results.keep):
            finished = Progress("segmenting", len(results.finished), source.count)
            yield tracked.progress or finished
        if source.problem and source.problem not in opened.warnings:
            problem = source.problem
            step = Progress("segmenting", len(results.finished), source.count)
            yield from _say([problem], step, is_strict=is_strict)
        yield from results.finish()
        step = Progress("finishing", len(results.finished), source.count)
        yield from _say(results.problems, step, is_strict=is_strict)
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
    annotations: Mapping[int, LabelMap]
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
            "content": {
                "video": content_hash(self.source.path),
                "masks": mask_hashes(self.source, self.annotations),
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
    source, limits = open_frames(video, **reading), reading.get("limits", DEFAULT_LIMITS)
    warnings = [source.problem] if source.problem else []
    marks = read_annotations(masks, source, warnings.append, colours=colours, limits=limits)
    annotations = marks.labels
    indices = {_find_annotated(name, source, annotations) for name in complete if name != ALL}
    if ALL in complete:
        indices |= set(annotations)
    return AnnotatedFrames(video, masks, source, annotations, indices, warnings, marks.names)


def _with_corrections(opened: AnnotatedFrames, known: GivenMasks) -> GivenMasks | None:
    """The masks of a run with those that are new or changed; None if none is.

    Args:
        opened: What was given to resume it.
        known: The masks of the run.

    Raises:
        ConfigError: A mask that the run has is called complete, and was not when it was begun.
    """
    later = later_masks(opened.annotations, known.masks)
    unlike = opened.complete - set(known.complete) - set(later)
    if known.masks and unlike:
        names = shorten([opened.source.name(index) for index in sorted(unlike)])
        raise ConfigError(
            f"frame {names} is called complete, and was not when the run was begun; leave that out "
            "to resume the run, or start anew with --overwrite or in another folder"
        )
    if not later:
        return None
    complete = (set(known.complete) - set(later)) | (opened.complete & set(later))
    return GivenMasks({**known.masks, **later}, sorted(complete))


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


def circumstances(model: Model, config: SystemConfig) -> dict[str, Any]:
    """The fields of `run.json` about what computes: settings, versions, device and weights."""
    settings = config.for_device(model.system.device).model_dump(mode="json")
    return {
        "config": settings,
        **({"seed": settings["seed"]} if "seed" in settings else {}),
        "versions": versions(),
        "device": device(model.system.device),
        "weights": model.record.model_dump(),
    }
