"""The mask of every frame as it is shown: its result, and what is marked on top."""

import zlib
from collections import OrderedDict
from pathlib import Path
from threading import RLock
from typing import Literal

import numpy as np

from rotoline.io.frame_store import recover_store
from rotoline.io.run_state import STATE
from rotoline.studio.history import FrameMarks
from rotoline.studio.project import Project
from rotoline.types import LabelMap

Kind = Literal["result", "accepted", "hints", "none"]
_DRAWN = "drawn"
_MADE = 500
"""Number of masks that are kept of strokes, so that undo gives exactly the mask of before."""


class FrameMasks:
    """Masks by frame index. May be used from several threads.

    What the strokes of a frame gave is kept on the disk with the strokes that it was made of
    (`.rotoline-state/drawn`), so that it need not be made again when the project is opened.

    Args:
        project: An open project.
    """

    def __init__(self, project: Project) -> None:
        self._project, self._lock = project, RLock()
        path: Path = project.folder / STATE / _DRAWN
        self._drawn = recover_store(path, is_read_only=project.is_read_only)
        self._made: OrderedDict[tuple[int, str], bytes] = OrderedDict()
        self._revisions: dict[int, int] = {}
        self.revision = 1
        """Number of the last change of any frame."""

    def revision_of(self, index: int) -> int:
        """Number of the last change of a frame; 1 if it has not changed since the start."""
        return self._revisions.get(index, 1)

    def touch(self, index: int) -> int:
        """Note that the mask of a frame has changed; returns the number of the change."""
        with self._lock:
            self.revision += 1
            self._revisions[index] = self.revision
            return self.revision

    def kind(self, index: int) -> Kind:
        """What the mask of a frame is made of."""
        marks = self._project.state.marks(index)
        if marks.drawn_ids:
            return "hints"
        if not marks.is_empty:
            return "accepted"
        return "result" if index in self._project.results else "none"

    def base(self, index: int) -> LabelMap:
        """The mask without what the strokes that were not accepted say, uint8 `(H, W)`."""
        project, state = self._project, self._project.state
        if index in project.results:
            known = np.zeros(256, np.uint8)
            known[list(state.objects)] = list(state.objects)
            labels = known[project.results[index].labels]
        else:
            labels = np.zeros(project.size, np.uint8)
        return state.marks(index).paint_accepted(labels)

    def current(self, index: int) -> LabelMap | None:
        """The mask as it is shown, uint8 `(H, W)`; None if strokes are still to be solved."""
        return self.made_of(index, self._project.state.marks(index))

    def made_of(self, index: int, marks: FrameMarks) -> LabelMap | None:
        """The mask that a frame has, or had, with these marks; None if it is not known."""
        return self._drawn_mask(index, marks.key) if marks.strokes else self.base(index)

    def shown(self, index: int) -> LabelMap:
        """The same; while strokes are still to be solved, what there was before them."""
        labels = self.current(index)
        return self.base(index) if labels is None else labels

    def mark(self, index: int) -> LabelMap:
        """What tracking takes from a marked frame: the mask, of marked objects alone."""
        marks = self._project.state.marks(index)
        labels = self.shown(index)
        return np.where(np.isin(labels, marks.marked_ids), labels, 0).astype(np.uint8)

    def keep_drawn(self, index: int, key: str, labels: LabelMap) -> None:
        """Keep what the strokes of a frame gave; `key` is that of the marks it was made of."""
        data = zlib.compress(labels.tobytes(), 1)
        with self._lock:
            self._drawn[index] = key.encode() + b"\n" + data
            self._made[index, key] = data
            self._made.move_to_end((index, key))
            while len(self._made) > _MADE:
                self._made.popitem(last=False)

    def _drawn_mask(self, index: int, key: str) -> LabelMap | None:
        with self._lock:
            data = self._made.get((index, key))
            if data is None and index in self._drawn:
                kept, _, last = self._drawn[index].partition(b"\n")
                data = last if kept.decode() == key else None
        if data is None:
            return None
        return np.frombuffer(zlib.decompress(data), np.uint8).reshape(self._project.size)

    def close(self) -> None:
        """Close the file."""
        self._drawn.close()
