"""Masks from strokes: what the session needs to know first, and what is known already."""

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from rotoline.errors import RotolineError
from rotoline.interact import Session
from rotoline.studio.frame_masks import FrameMasks
from rotoline.studio.history import FrameMarks
from rotoline.studio.pictures import Pictures
from rotoline.studio.project import Project
from rotoline.types import LabelMap


class Computing(NamedTuple):
    """What the engine computes with."""

    session: Session
    circumstances: Mapping[str, Any]
    """Settings, versions, device and weights, for `run.json`."""


class Solver:
    """Belongs to the thread of the engine.

    Args:
        project: An open project.
        masks: Its masks.
        pictures: Its frames; nothing can be solved without.
        load: Makes what is computed with, when it is first needed.
    """

    def __init__(
        self,
        project: Project,
        masks: FrameMasks,
        pictures: Pictures | None,
        load: Callable[[], Computing],
    ) -> None:
        self._project, self._masks, self._load = project, masks, load
        self._pictures = pictures
        self._taught: dict[int, str] = {}

    @cached_property
    def computing(self) -> Computing:
        """What is computed with."""
        return self._load()

    def look(self, index: int) -> None:
        """Prepare a frame before its first stroke."""
        assert self._pictures is not None
        self.computing.session.look(index, self._pictures.frame(index))

    def solve(self, index: int) -> LabelMap:
        """Make the mask of a frame of its strokes, and keep it.

        The newest strokes change their objects alone: what earlier ones gave is known.

        Raises:
            RotolineError: The frame cannot be decoded, or the network cannot be loaded.
        """
        project, state = self._project, self._project.state
        assert self._pictures is not None
        marks, session = state.marks(index), self.computing.session
        frame = self._pictures.frame(index)
        self._teach([index] if marks.accepted else [])
        current, solved = self._solved_so_far(index, marks)
        labels = session.solve(
            index,
            frame,
            marks.strokes_by_object(),
            current=current,
            result=project.results[index] if index in project.results else None,  # noqa: SIM401
            locked=[one.id for one in state.objects.values() if one.is_locked],
            changing={one.object_id for one in marks.strokes[solved:]},
        )
        self._masks.keep_drawn(index, marks.key, labels)
        return labels

    def _solved_so_far(self, index: int, marks: FrameMarks) -> tuple[LabelMap, int]:
        """The mask that the first strokes of a frame gave, and how many these are."""
        for count in range(len(marks.strokes) - 1, 0, -1):
            labels = self._masks.made_of(index, marks.with_first(count))
            if labels is not None:
                return labels, count
        return self._masks.base(index), 0

    def has_more_to_learn(self) -> bool:
        """Whether there are accepted masks that the session does not know."""
        return bool(self._untaught())

    def learn_more(self) -> None:
        """Tell the session one more accepted mask, which helps in all other frames.

        Raises:
            RotolineError: Its frame cannot be decoded.
        """
        indices = self._untaught()[:1]
        try:
            self._teach(indices)
        except RotolineError:
            frames = self._project.state.frames  # not tried again and again
            self._taught |= {i: frames[i].accepted_key for i in indices if i in frames}
            raise

    def _untaught(self) -> list[int]:
        frames = self._project.state.frames
        return [
            index
            for index, marks in frames.items()
            if marks.accepted and self._taught.get(index) != marks.accepted_key
        ]

    def _teach(self, indices: Collection[int]) -> None:
        """Tell the session the accepted masks of frames, and which it must forget."""
        assert self._pictures is not None
        wanted, frames = set(indices), self._project.state.frames
        known = {i for i in self._taught if i in frames and frames[i].accepted}
        new = {i for i in wanted | known if self._taught.get(i) != frames[i].accepted_key}
        if not new and known == self._taught.keys():
            return
        empty = np.zeros(self._project.size, np.uint8)
        masks = {i: frames[i].paint_accepted(empty) for i in wanted | known}
        self.computing.session.teach(masks, {i: self._pictures.frame(i) for i in new})
        self._taught = {i: frames[i].accepted_key for i in masks}
