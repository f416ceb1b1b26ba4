"""The one thread that computes: masks from strokes, tracking, exports, and the files they leave.

Whatever is asked for waits in this order: masks of frames that somebody draws in, the newest
stroke first; the features of the frame that is looked at, so that its first stroke is quick; the
next step of a job; files that are not up to date. A job is stepped one frame at a time, so that a
stroke waits for one frame at most.
"""

import sys
import time
import traceback
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Condition, Thread
from typing import Any, NamedTuple

from rotoline.errors import InputError, RotolineError, explain
from rotoline.runtime.progress import Progress
from rotoline.studio.derived import (
    frames_without_file,
    own_state,
    remove_stale_files,
    write_frame,
    write_record,
)
from rotoline.studio.events import Events
from rotoline.studio.frame_masks import FrameMasks
from rotoline.studio.jobs import Begin, Job, Steps
from rotoline.studio.pictures import Pictures
from rotoline.studio.project import Project
from rotoline.studio.solver import Computing, Solver
from rotoline.types import FrameResult, LabelMap, ObjectId

_LOOKED_AT = 0.25
"""Seconds after which a frame is one that somebody looks at, and not one that passes by."""
_BETWEEN_EVENTS = 0.2
"""Seconds between two events about the progress of a job."""
_BETWEEN_RECORDS = 20.0
"""Seconds between two writings of `run.json` while a job goes on."""
_QUIET = 1.0
"""Seconds without a change after which `run.json` is written."""


class SupersededError(Exception):
    """A newer stroke in the same frame is waiting, so the mask of the older one is not made."""


class Mask(NamedTuple):
    """The mask of a frame."""

    labels: LabelMap
    revision: int


class Engine:
    """Owns the session of a project. All methods but those with `_` may be called from any thread.

    Args:
        project: An open project.
        masks: Its masks.
        pictures: Its frames; None if the clip was not found.
        events: Told what changes.
        load: Makes what it computes with; called in the thread.
    """

    def __init__(
        self,
        project: Project,
        masks: FrameMasks,
        pictures: Pictures | None,
        events: Events,
        load: Callable[[], Computing],
    ) -> None:
        self._project, self._masks, self._pictures = project, masks, pictures
        self._events = events
        self._condition = Condition()
        self._previews: OrderedDict[int, Future[Mask]] = OrderedDict()
        self._jobs: deque[tuple[Job, Begin]] = deque()
        self._steps: Steps | None = None
        self._is_cancelled = self._is_closed = False
        self._looked_at: tuple[int, float] | None = None
        # What a killed program may not have finished is written again.
        self._dirty = set() if project.is_read_only else self._unsure_frames()
        self._is_record_stale = bool(self._dirty)
        self._recorded_at = self._told_at = self._changed_at = 0.0
        self._is_state_owned = self._is_working = False
        self._recorder = ThreadPoolExecutor(1, thread_name_prefix="record")
        self._recording: Future[None] = self._recorder.submit(lambda: None)
        self._solver = Solver(project, masks, pictures, load)
        self._thread = Thread(target=self._work, name="engine", daemon=True)

    def _unsure_frames(self) -> set[int]:
        last = self._project.results.last
        unsure = self._project.history.touched | frames_without_file(self._project)
        return unsure | ({last} if last is not None else set())

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the step that is being made, and write all files."""
        with self._condition:
            self._is_closed = True
            for future in self._previews.values():
                future.set_exception(InputError("the studio is being closed; start it again"))
            self._previews.clear()
            self._condition.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def job(self) -> Job | None:
        """The job that goes on, or the one that waits first."""
        with self._condition:
            return self._jobs[0][0] if self._jobs else None

    def mask(self, index: int, *, is_newest: bool = False) -> "Future[Mask]":
        """The mask of a frame, made of its strokes if need be.

        Args:
            index: Of the frame.
            is_newest: Whether one that is waited for already is out of date.

        Returns:
            Raises `SupersededError` if a newer one of the frame was asked for before it began.
        """
        with self._condition:
            waiting = self._previews.get(index)
            if waiting is not None and not is_newest:
                return waiting
            if waiting is not None:
                waiting.set_exception(SupersededError())
            future: Future[Mask] = Future()
            self._previews[index] = future
            self._previews.move_to_end(index)
            self._condition.notify_all()
            return future

    def changed(self, indices: Collection[int]) -> None:
        """Say that the marks of frames have changed."""
        if indices:
            self._own_state()
        for index in indices:
            self._masks.touch(index)
        with self._condition:
            self._dirty |= set(indices)
            self._note_change()
            self._condition.notify_all()
        self._tell(indices)

    def removed_object(self, object_id: ObjectId) -> None:
        """Say that an object was removed, or is there again."""
        self.changed(self._project.results.frames_with(object_id))

    def renamed(self) -> None:
        """Say that objects have other names."""
        with self._condition:
            self._note_change()
            self._condition.notify_all()

    def _note_change(self) -> None:
        self._is_record_stale, self._changed_at = True, time.monotonic()

    def _own_state(self) -> None:
        if not self._is_state_owned and not self._project.is_read_only:
            own_state(self._project.folder)
            self._is_state_owned = True

    @property
    def is_busy(self) -> bool:
        """Whether something is computed that somebody waits for."""
        return bool(self._jobs or self._previews or self._is_working)

    def look_at(self, index: int) -> None:
        """Say which frame somebody looks at."""
        with self._condition:
            if self._looked_at is None or self._looked_at[0] != index:
                self._looked_at = (index, time.monotonic() + _LOOKED_AT)
                self._condition.notify_all()

    def submit(self, text: str, begin: Begin) -> Job:
        """Have a job done after those that wait."""
        job = Job(text)
        with self._condition:
            self._jobs.append((job, begin))
            self._condition.notify_all()
        self._events.publish("job", job.as_json())
        return job

    def cancel(self) -> None:
        """Cancel the job that goes on, after its present frame, and all that wait."""
        with self._condition:
            while len(self._jobs) > 1:
                job, _ = self._jobs.pop()
                job.status = "cancelled"
                self._events.publish("job", job.as_json())
            self._is_cancelled = bool(self._jobs)
            self._condition.notify_all()

    def flush(self) -> None:
        """Write all files that are not up to date; in the thread of the engine."""
        for index in sorted(self._dirty):
            self._write_frame(index)
        self._write_record()
        self._recording.result()

    # In the thread

    def _work(self) -> None:
        while (task := self._next_task()) is not None:
            self._is_working = True
            self._try(task)
            self._is_working = False
        if self._steps is not None:
            self._steps.close()
        if not self._project.is_read_only:
            self._try(self.flush)
        self._recorder.shutdown()

    def _try(self, task: Callable[[], None]) -> None:
        """Go on after an error: files that a full disk left out are written another time."""
        try:
            task()
        except (RotolineError, OSError) as error:
            self._events.publish("problem", {"error": str(error)})
            sys.stderr.write(f"warning: {error}\n")

    def _next_task(self) -> Callable[[], None] | None:
        with self._condition:
            while not self._is_closed:
                now = time.monotonic()
                if self._previews:
                    return self._make_mask
                if self._looked_at is not None and self._looked_at[1] <= now:
                    return self._prepare
                if self._jobs:
                    return self._step_job
                dues = [] if self._looked_at is None else [self._looked_at[1]]
                if not self._project.is_read_only and self._pictures is not None:
                    if self._dirty:
                        return self._write_next
                    if self._solver.has_more_to_learn():
                        return self._solver.learn_more
                    if self._is_record_stale:
                        dues.append(self._changed_at + _QUIET)
                        if dues[-1] <= now and self._recording.done():
                            return self._write_record
                self._condition.wait(max(0.01, min(dues) - now) if dues else None)
        return None

    def _make_mask(self) -> None:
        with self._condition:
            index, future = self._previews.popitem()
            if not future.set_running_or_notify_cancel():
                return
        try:
            labels = self.solve(index)
            future.set_result(Mask(labels, self._masks.revision_of(index)))
        except Exception as error:  # noqa: BLE001 (whoever asked is told; the thread goes on)
            future.set_exception(error)

    def solve(self, index: int) -> LabelMap:
        """The mask of a frame as it is now, made of its strokes if need be; in the thread."""
        labels = self._masks.current(index)
        if labels is None:
            labels = self._solver.solve(index)
            self.changed([index])
        return labels

    def _prepare(self) -> None:
        """Have the features of the frame that is looked at, before the first stroke."""
        with self._condition:
            assert self._looked_at is not None
            index, self._looked_at = self._looked_at[0], None
        if self._project.is_read_only or self._pictures is None:
            return
        with suppress(RotolineError):  # whoever draws there is told
            self._solver.look(index)

    def _step_job(self) -> None:
        with self._condition:
            job, begin = self._jobs[0]
            is_cancelled, self._is_cancelled = self._is_cancelled, False
        try:
            if is_cancelled:
                self._end_job("cancelled", job.message)
                return
            if self._steps is None:
                job.status = "running"
                self._own_state()
                self._steps = begin(self._solver.computing.session)
            self._note_progress(job, next(self._steps))
        except StopIteration as end:
            self._end_job("done", str(end.value or ""))
        except Exception as error:  # noqa: BLE001 (the job has failed; the thread goes on)
            text = explain(error)
            if text is None:
                traceback.print_exc()
            self._end_job("failed", text or f"a fault of the program: {error!r}")

    def _note_progress(self, job: Job, progress: Progress) -> None:
        job.done, job.total = progress.done, progress.total or 0
        job.message = progress.warning or progress.stage
        now = time.monotonic()
        if now - self._told_at > _BETWEEN_EVENTS:
            self._told_at = now
            self._events.publish("job", job.as_json())
        if now - self._recorded_at > _BETWEEN_RECORDS and self._recording.done():
            self._write_record()

    def _end_job(self, status: Any, message: str) -> None:
        if self._steps is not None:
            self._steps.close()
        self._steps = None
        with self._condition:
            job, _ = self._jobs.popleft()
        job.status, job.message = status, message
        self._events.publish("job", job.as_json())

    def land(self, result: FrameResult) -> None:
        """Take the result of a frame: keep it, write its mask, and tell the pages."""
        index = result.index
        self._project.results.keep(self._project.name(index), result)
        self._masks.touch(index)
        self._write_frame(index)
        self._note_change()
        self._tell([index])

    def _write_next(self) -> None:
        self._write_frame(min(self._dirty))

    def _write_frame(self, index: int) -> None:
        self._dirty.discard(index)
        if self._pictures is None or index >= self._project.count:
            return
        self.solve(index)
        self._dirty.discard(index)
        write_frame(self._project, self._masks, index)

    def _write_record(self) -> None:
        """Write `run.json` in another thread: that of a long clip takes seconds."""
        source = self._project.source
        self._is_record_stale, self._recorded_at = False, time.monotonic()
        if source is None or self._project.is_read_only:
            return
        remove_stale_files(self._project)
        if len(self._project.results):
            circumstances = self._solver.computing.circumstances
            write = partial(write_record, self._project, self._masks, source, circumstances)
            self._recording = self._recorder.submit(self._try, write)

    def _tell(self, indices: Sequence[int] | Collection[int]) -> None:
        frames = [
            {
                "frame": index,
                "revision": self._masks.revision_of(index),
                "lane": self._project.results.lane_at(index),
            }
            for index in list(indices)[:200]
        ]
        if len(indices) > 200:
            self._events.publish("project", {})
        elif frames:
            self._events.publish("frames", {"frames": frames})
