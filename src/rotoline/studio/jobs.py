"""What takes long: tracking and exports. A job is a generator that the engine steps through."""

from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any, Literal, cast

from rotoline.errors import InputError
from rotoline.export import export_run
from rotoline.interact import Direction, Session, Span, plan_spans
from rotoline.io.frame_store import temporary_store
from rotoline.pipeline import Step
from rotoline.runtime.progress import Progress
from rotoline.studio.frame_masks import FrameMasks
from rotoline.studio.project import EXPORTS, Project
from rotoline.types import FrameResult, LabelMap, ObjectId
from rotoline.wording import counted

Status = Literal["waiting", "running", "done", "cancelled", "failed"]
Steps = Generator[Progress, None, str]
"""Steps of a job; it returns what there is to say at the end."""

_ids = count(1)


@dataclass
class Job:
    """A job as the page sees it."""

    text: str
    status: Status = "waiting"
    done: int = 0
    total: int = 0
    message: str = ""
    id: int = 0

    def __post_init__(self) -> None:
        self.id = next(_ids)

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


Begin = Callable[[Session], Steps]
"""Begins a job, in the thread of the engine."""
Land = Callable[[FrameResult], None]
"""Takes the result of a frame."""


def plan_tracking(
    project: Project, direction: Direction, frame: int, objects: Collection[ObjectId] | None
) -> tuple[str, list[Span]]:
    """What is to be tracked: in words, and as spans.

    Raises:
        InputError: Nothing that could be tracked is marked.
    """
    state = project.state
    marks = state.marked_frames()
    chosen = [i for i in sorted(state.objects) if not state.objects[i].is_locked]
    if objects is not None:
        chosen = sorted({project.check_object(i) for i in objects})
    locked = [state.objects[i].name for i in chosen if state.objects[i].is_locked]
    if locked:
        raise InputError(f"{locked[0]} is locked; unlock it to track it")
    unmarked = [i for i in chosen if not marks[i]]
    if objects is not None and unmarked:
        name = state.objects[unmarked[0]].name
        raise InputError(f"{name} is not marked in any frame; draw it in one first")
    chosen = [i for i in chosen if marks[i]]
    if not chosen:
        raise InputError("no object is marked, or all are locked; draw one in any frame first")
    spans = plan_spans(marks, chosen, frame, project.count, direction)
    if not spans:
        raise InputError(
            f"there is nothing to track {direction} from frame {frame}; all frames there are marked"
        )
    names = ", ".join(state.objects[i].name for i in chosen[:3])
    more = f" and {len(chosen) - 3} more" if len(chosen) > 3 else ""
    return f"track {names}{more} {direction}", spans


def track(
    project: Project,
    spans: Sequence[Span],
    masks: FrameMasks,
    solve: Callable[[int], LabelMap],
    land: Land,
) -> Begin:
    """Track spans; each result lands as it comes.

    Args:
        project: The project.
        spans: What is to be tracked.
        masks: Its masks.
        solve: Makes the mask of a frame of its strokes.
        land: Takes the results.
    """

    def begin(session: Session) -> Steps:
        source = project.reopened_source()
        given = {}
        for index in sorted(project.state.frames):
            yield Progress("reading")
            solve(index)
            given[index] = masks.mark(index)
        done = 0
        with closing(temporary_store()) as store:
            frames = project.state.frames
            complete = [i for i in given if i in frames and frames[i].is_complete]
            tracking = session.track(
                source, given, spans, project.results, store, complete=complete
            )
            with closing(cast(Generator[Step, None, None], tracking)) as steps:
                for step in steps:
                    if step.result is not None:
                        land(step.result)
                        done += 1
                    yield step.progress or Progress("tracking", done)
        problem = source.problem
        return f"{counted(done, 'frame')} tracked" + (f"; {problem}" if problem else "")

    return begin


def export(
    project: Project, formats: Sequence[str], options: dict[str, object], flush: Callable[[], None]
) -> Begin:
    """Export the results into a new folder inside the project.

    Args:
        project: The project.
        formats: Names of formats.
        options: For them, as for `rotoline.export.export_run`.
        flush: Writes all files of the project that are not up to date.
    """

    def begin(session: Session) -> Steps:
        del session
        source = project.opened_source()
        if not len(project.results):
            raise InputError("nothing was tracked yet, so there is nothing to export; track first")
        flush()
        yield Progress("reading")
        parent = project.folder / EXPORTS
        number = 1
        while (parent / f"{number:03d}").exists():
            number += 1
        output = parent / f"{number:03d}"
        warnings = []
        steps = export_run(
            project.folder, formats, output=output, video=source.path, options=options
        )
        with closing(steps):
            for step in steps:
                if step.warning:
                    warnings.append(step.warning)
                yield step
        return "; ".join([str(output), *warnings])

    return begin
