"""What a run leaves in its output folder: results in all formats, `run.json`, and its state."""

import os
import platform
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rotoline.annotations import GivenMasks
from rotoline.errors import InputError, OutputError
from rotoline.io.atomic import remove_parts
from rotoline.io.frames import FrameSource
from rotoline.io.old_results import put_back, remove_old_results, set_aside
from rotoline.io.run_record import now, write_run_record
from rotoline.io.run_state import (
    FinishedFrames,
    RunState,
    finished_frame,
    remove_state,
)
from rotoline.io.writers import find_writer
from rotoline.io.writers.per_frame import FrameFileWriter
from rotoline.io.writers.together import Writers
from rotoline.pipeline import Checkpoint, Step
from rotoline.resume import Beginning
from rotoline.runtime.progress import Progress
from rotoline.runtime.timing import StageTimer
from rotoline.types import FrameResult, ObjectId

SECONDS_BETWEEN_CHECKPOINTS = 10.0
"""What a killed run loses at most, but for `SHARE`."""
SHARE = 50
"""A checkpoint is due after so many times the seconds that the last one took: 2 % of the run."""


class RunOutput:
    """The results of a run, each written in all formats as soon as it is ready.

    Args:
        output: The output folder, locked.
        source: The frames.
        given: The masks.
        formats: Names of the formats to write.
        timer: Adds up the seconds of writing.
        record: The fields of `run.json` that are known before the run.
        beginning: How the run begins.

    Raises:
        InputError: The run goes on, and a file that it has written is gone.
        OutputError: Nothing can be written.
    """

    def __init__(  # noqa: PLR0913 (all that a run has)
        self,
        output: Path,
        source: FrameSource,
        given: GivenMasks,
        formats: Sequence[str],
        timer: StageTimer,
        record: dict[str, Any],
        beginning: Beginning,
    ) -> None:
        self._output, self._source, self._formats, self._timer = output, source, formats, timer
        self._given = given
        # The masks that a run goes on with may name no objects, or name them anew.
        begun = beginning.saved.facts["record"] if beginning.saved else {}
        self._names = names_in(begun) | names_in(record)
        if self._names:
            record = record | {"names": self._names}
        self._inputs, self._replaces = record, beginning.replaces
        self._began = self._checkpoint_at = time.perf_counter()
        self._cost = self._before = 0.0
        self._first_at: float | None = None
        self._started = now()
        self._writers: Writers | None = None
        self.is_tuned = False
        self.finished: dict[int, array[float]] = {}
        """Confidences of the objects, by index of the frames that are written."""
        self._objects: list[ObjectId] = []
        remove_parts(output)
        if beginning.replaces and beginning.saved is None:
            set_aside(output)
        self.state = RunState(output, beginning.saved)
        if beginning.saved is not None:
            try:
                self._restore(beginning.saved.facts)
            except BaseException:
                self._close_files()
                raise

    def _restore(self, facts: dict[str, Any]) -> None:
        """Go on with the results of the frames that were finished before the checkpoint."""
        self._before, self._first_at = facts["seconds"], facts["seconds_to_first_mask"]
        self._started = facts["started"]
        for name, seconds in facts["seconds_per_stage"].items():
            self._timer.add(name, seconds)
        for result in FinishedFrames(self.state.frames, self._source.size).values():
            self._refuse_missing(result.index)
            self._opened().write_again(replace(result, names=self._names))
            self._finish_frame(result)

    def _refuse_missing(self, index: int) -> None:
        """Refuse to go on without a file that was written: it could not be made again."""
        for cls in map(find_writer, self._formats):
            if issubclass(cls, FrameFileWriter):
                path = self._output / cls.target / f"{self._source.name(index)}{cls.suffix}"
                if not path.is_file() or not path.stat().st_size:
                    raise InputError(
                        f"{path} is gone, which the run had finished; put it back to resume, or "
                        "start anew with --overwrite"
                    )

    def is_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        passed = time.perf_counter() - self._checkpoint_at
        if passed < max(SECONDS_BETWEEN_CHECKPOINTS, SHARE * self._cost):
            return False
        self._checkpoint_at = time.perf_counter()
        return True

    def keep(self, step: Step) -> None:
        """Write one frame, and the checkpoint after it, if there is one."""
        if step.result is not None:
            with self._timer.stage("write"):
                self._write(step.result)
        if step.checkpoint is not None:
            with self._timer.stage("checkpoint"):
                self._save(step.checkpoint)

    def _write(self, result: FrameResult) -> None:
        is_first = not self.finished
        if is_first:
            if self._replaces:
                remove_old_results(self._output)
                self._replaces = False
            self._opened()
            self._first_at = self._seconds()
        # Before the frame's files, so that they are known to be the run's, however it ends.
        name = self._source.name(result.index)
        self.state.frames[result.index] = finished_frame(name, result)
        self._opened().write(replace(result, names=self._names))
        self._finish_frame(result)
        if is_first:
            self.write_record("running")

    def _opened(self) -> Writers:
        """The writers, which make their folders when the first result is ready."""
        if self._writers is None:
            self._writers = Writers(self._formats, self._output, self._source)
        return self._writers

    def _finish_frame(self, result: FrameResult) -> None:
        # A dictionary for each frame would be half of the memory that a long video adds.
        self._objects = result.object_ids
        self.finished[result.index] = array("d", (round(v, 4) for v in result.confidence.values()))

    def _save(self, checkpoint: Checkpoint) -> None:
        began = time.perf_counter()
        self.is_tuned = checkpoint.tracker.is_tuned
        if self.finished:
            self.write_record("running")
        facts = {
            "record": self._inputs,
            "started": self._started,
            "seconds": self._seconds(),
            "seconds_to_first_mask": self._first_at,
            "seconds_per_stage": dict(self._timer.seconds),
        }
        self.state.save(checkpoint, self._given, facts)
        self._cost = time.perf_counter() - began

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

    def close(self, status: str, **more: Any) -> None:
        """End the run, whether it is finished or not, and say so in `run.json`.

        Args:
            status: `complete`, `failed` or `interrupted`.
            **more: Further fields of the record.

        Raises:
            OutputError: The run is complete, and its record cannot be written.
        """
        self._close_files()
        if self.finished:
            try:
                self.write_record(status, **more)
            except OutputError:
                # That the disk is full has been reported then: the finished masks matter more.
                if status == "complete":
                    raise
                return  # the state says which files are the run's
        if status == "complete":
            try:
                self.state.finish(self._given)
            except OutputError:  # the results are complete; they cannot be corrected later
                remove_state(self._output)
        elif not self.state.has_checkpoint:
            remove_state(self._output)
            if self._replaces:
                put_back(self._output)

    def _close_files(self) -> None:
        if self._writers is not None:
            self._writers.close()
        self.state.close()

    def write_record(self, status: str, **more: Any) -> None:
        """Write `run.json`, as the run stands.

        Raises:
            OutputError: It cannot be written.
        """
        source, finished = self._source, self.finished
        process = {"pid": os.getpid(), "host": platform.node(), "updated": now()}
        record = {
            "status": status,
            **self._inputs,
            "started": self._started,
            **({"process": process} if status == "running" else {}),
            **more,
            "is_tuned": self.is_tuned,
            "seconds_to_first_mask": round(self._first_at or 0.0, 3),
            "frames": len(finished),
            "frames_declared": source.count,
            "frame_rate": str(source.frame_rate),
            "confidence": (
                (source.name(index), dict(zip(self._objects, finished[index], strict=True)))
                for index in sorted(finished)
            ),
            "seconds": round(self._seconds(), 3),
            "seconds_per_stage": {
                name: round(value, 3) for name, value in self._timer.seconds.items()
            },
        }
        write_run_record(self._output, record)

    def _seconds(self) -> float:
        """Seconds that the run took so far, in all processes."""
        return self._before + time.perf_counter() - self._began


def names_in(record: Mapping[str, Any]) -> dict[ObjectId, str]:
    """The names of objects in `run.json`."""
    return {ObjectId(one): str(name) for one, name in record.get("names", {}).items()}
