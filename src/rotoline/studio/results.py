"""The results of tracking that a project has: label maps, confidences and maps of every frame.

PROJECT/.rotoline-state/frames   every result that was ever made; the last one of a frame counts
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from rotoline.errors import InputError
from rotoline.io.atomic import make_folder
from rotoline.io.frame_store import FrameStore, compact_store, recover_store
from rotoline.io.run_state import FRAMES, STATE, FinishedFrames, finished_frame
from rotoline.types import FrameResult, ObjectId


class Results(Mapping[int, FrameResult]):
    """Results by index; each is read on access. May be used from several threads.

    Args:
        project: The folder of the project.
        size: Height and width of the frames.
        count: Number of frames.
        is_read_only: Whether another program writes into the project.

    Raises:
        InputError: The file with the results is damaged.
    """

    def __init__(
        self, project: Path, size: tuple[int, int], count: int, *, is_read_only: bool = False
    ) -> None:
        self._lock, self._count = RLock(), count
        path = project / STATE / FRAMES
        if not is_read_only:
            make_folder(project / STATE)
            compact_store(path)
        self._store: FrameStore = recover_store(path, is_read_only=is_read_only)
        self._frames = FinishedFrames(self._store, size)
        self._confidence: dict[ObjectId, NDArray[np.float32]] = {}
        self._has = np.zeros(count, bool)
        self.last: int | None = None
        """The frame whose result came last."""
        for index in self._store:
            header, _, _ = self._store[index].partition(b"\n")
            try:
                confidence = json.loads(header)["confidence"]
                self._note(index, {int(key): float(value) for key, value in confidence.items()})
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                self._store.close()
                raise InputError(
                    f"{path} is damaged at frame {index}; remove {path.parent}, which holds "
                    "results alone, and track again: all that was drawn stays"
                ) from error

    def __getitem__(self, index: int) -> FrameResult:
        with self._lock:
            return self._frames[index]

    def __iter__(self) -> Iterator[int]:
        with self._lock:
            return iter(np.flatnonzero(self._has).tolist())

    def __len__(self) -> int:
        return int(self._has.sum())

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and 0 <= index < self._count and bool(self._has[index])

    def keep(self, name: str, result: FrameResult) -> None:
        """Keep the result of a frame, in place of an earlier one.

        Raises:
            OutputError: It cannot be written.
        """
        with self._lock:
            self._store[result.index] = finished_frame(name, result)
            self._note(result.index, result.confidence)

    def _note(self, index: int, confidence: Mapping[ObjectId, float]) -> None:
        if index >= self._count:
            return
        for object_id, value in confidence.items():
            if object_id not in self._confidence:
                self._confidence[object_id] = np.full(self._count, np.nan, np.float32)
            self._confidence[object_id][index] = value
        self._has[index] = True
        self.last = index

    def set_count(self, count: int) -> None:
        """Correct the number of frames."""
        with self._lock:
            more = max(0, count - self._count)
            self._has = np.pad(self._has, (0, more))[:count]
            self._confidence = {
                object_id: np.pad(values, (0, more), constant_values=np.nan)[:count]
                for object_id, values in self._confidence.items()
            }
            self._count = count

    def confidence(self, index: int) -> dict[ObjectId, float]:
        """The confidence of every object that the result of a frame has."""
        return {
            object_id: round(float(values[index]), 4)
            for object_id, values in sorted(self._confidence.items())
            if not np.isnan(values[index])
        }

    def lane(self, object_id: ObjectId) -> NDArray[np.uint8]:
        """An object in every frame, uint8 `(count,)`: see `lane_bytes`."""
        values = self._confidence.get(object_id)
        return np.zeros(self._count, np.uint8) if values is None else lane_bytes(values)

    def lane_at(self, index: int) -> dict[ObjectId, int]:
        """The same of one frame, for all objects."""
        return {
            object_id: int(lane_bytes(values[index : index + 1])[0])
            for object_id, values in self._confidence.items()
        }

    def frames_with(self, object_id: ObjectId) -> list[int]:
        """The frames in whose result an object is visible."""
        found: list[int] = np.flatnonzero(self.lane(object_id) > 1).tolist()
        return found

    @property
    def end(self) -> int:
        """Length of the file."""
        return self._store.end

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._store.close()


def lane_bytes(confidence: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Confidences as bytes: 0 no result, 1 hidden, 2 to 255 visible, rising with the confidence.

    Example:
        >>> lane_bytes(np.array([np.nan, 0, 0.001, 1], np.float32)).tolist()
        [0, 1, 2, 255]
    """
    known = np.nan_to_num(confidence)
    visible = 2 + np.round(known * 253)
    return np.where(np.isnan(confidence), 0, np.where(known > 0, visible, 1)).astype(np.uint8)
