"""A complete run whose result is corrected by further masks, see `rotoline.correction`.

Nothing that the run has written changes until all corrected results are in its state. From then on
the state says which files are still to be written, so that a run that is killed at any moment is
either as it was, or completed by the next `--resume`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rotoline.annotations import GivenMasks
from rotoline.correction import Segmented, changed_masks, correct_clip
from rotoline.errors import ConfigError
from rotoline.io.atomic import remove_parts
from rotoline.io.frame_store import FrameStore, open_store, temporary_store
from rotoline.io.frames import FrameSource
from rotoline.io.run_record import now, read_run_record, write_run_record
from rotoline.io.run_state import (
    FRAMES,
    STATE,
    FinishedFrames,
    FinishedRun,
    finished_frame,
    read_finished_run,
    write_finished,
)
from rotoline.io.writers.together import Writers
from rotoline.resume import mask_hashes
from rotoline.run_output import names_in
from rotoline.runtime.progress import Progress
from rotoline.tracker import Tracker
from rotoline.types import ObjectId


class CorrectedRun:
    """The output folder of a complete run.

    Args:
        output: The folder, locked.
        source: The frames.
        formats: Names of the formats that the run has written.
        names: The names of objects that the new masks tell.
    """

    def __init__(
        self,
        output: Path,
        source: FrameSource,
        formats: Sequence[str],
        names: Mapping[ObjectId, str],
    ) -> None:
        self._names = names_in(read_run_record(output)) | dict(names)
        self._output, self._source, self._formats = output, source, formats
        self._state = output / STATE

    def correct(self, given: GivenMasks, tracker: Tracker) -> Iterator[Progress]:
        """Correct the results by masks.

        Args:
            given: All masks: those that the run has, and the new or changed ones.
            tracker: A new tracker.

        Raises:
            ConfigError: The state of the run was removed.
        """
        finished = read_finished_run(self._output)
        if finished is None:
            raise ConfigError(
                f"{self._state} is gone, so the result cannot be corrected; start anew with "
                "--overwrite and all masks"
            )
        changed = changed_masks(finished.masks, given.masks)
        names = ", ".join(self._source.name(index) for index in sorted(changed))
        yield Progress("learning", warning=f"correcting the result by the mask of frame {names}")
        # What a killed correction has added is dropped.
        store, found = self._open(finished), temporary_store()
        try:
            results = FinishedFrames(store, self._source.size)
            before = Segmented(GivenMasks(finished.masks, finished.complete), results)
            redone = []
            for step in correct_clip(self._source, given, before, tracker, found):
                if step.progress is not None:
                    yield step.progress
                if step.result is not None:
                    name = self._source.name(step.result.index)
                    store[step.result.index] = finished_frame(name, step.result)
                    redone.append(step.result.index)
            about = {"masks": names, "frames_redone": len(redone), "at": now()}
            corrected = FinishedRun(
                dict(sorted(given.masks.items())), list(given.complete), store.end, redone, about
            )
            write_finished(self._state, corrected)
        finally:
            store.close()
            found.close()
        yield from self.finish_writing()

    def finish_writing(self) -> Iterator[Progress]:
        """Write the corrected results that are not in their files yet, if there are any."""
        finished = read_finished_run(self._output)
        if finished is None or not finished.unwritten:
            return
        remove_parts(self._output)
        record = read_run_record(self._output)
        write_run_record(self._output, record | {"status": "running"})
        store = self._open(finished)
        try:
            results = FinishedFrames(store, self._source.size)
            yield from self._write(results, finished.unwritten)
            confidence = {
                self._source.name(index): {
                    object_id: round(value, 4)
                    for object_id, value in results[index].confidence.items()
                }
                for index in sorted(results)
            }
        finally:
            store.close()
        earlier = [one for one in record.get("corrections", ()) if one != finished.correction]
        corrections: list[Any] = [*earlier, finished.correction]
        record |= {
            "status": "complete",
            "corrections": corrections,
            "confidence": confidence,
            "annotated_frames": [self._source.name(index) for index in finished.masks],
            "complete_frames": [self._source.name(index) for index in finished.complete],
            **({"names": self._names} if self._names else {}),
        }
        record["content"]["masks"] = mask_hashes(self._source, finished.masks)
        write_run_record(self._output, record)
        write_finished(
            self._state, FinishedRun(finished.masks, finished.complete, finished.frames_end)
        )

    def _write(self, results: FinishedFrames, unwritten: Sequence[int]) -> Iterator[Progress]:
        """Write the files of the corrected frames, and what needs all frames."""
        writers = Writers(self._formats, self._output, self._source)
        try:
            for done, index in enumerate(sorted(results), start=1):
                is_corrected = index in unwritten
                result = replace(results[index], names=self._names)
                (writers.write if is_corrected else writers.write_again)(result)
                yield Progress("writing", done, len(results))
            for done in writers.finish():
                yield Progress("finishing", done, len(results))
        finally:
            writers.close()

    def _open(self, finished: FinishedRun) -> FrameStore:
        return open_store(self._state / FRAMES, finished.frames_end)
