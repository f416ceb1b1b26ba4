"""The frames most worth looking at, by `rotoline.review`."""

from collections.abc import Callable, Sequence
from threading import Lock, Thread
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rotoline.errors import InputError
from rotoline.review.findings import LOW_CONFIDENCE, find_all
from rotoline.review.measures import Measuring, reduced
from rotoline.review.ranking import (
    LISTED,
    MIN_DISTANCE,
    ListedFrame,
    rank_frames,
    suppress_neighbours,
)
from rotoline.studio.frame_masks import FrameMasks
from rotoline.studio.pictures import Pictures
from rotoline.studio.project import Project
from rotoline.types import Frame, ObjectId

_SECONDS = 3.0
"""How long the first ranking is waited for; until it is there, confidence alone decides."""
_LEAST_SURE = 5
"""How many frames are named of which nothing was found."""


class WorthLooking(NamedTuple):
    """A frame, and why."""

    frame: int
    text: str
    object: ObjectId | None
    """The object that it is about most; None for all."""
    is_found: bool = True
    """Whether something was found in it, or it is only less sure than the others."""


class Checks:
    """Ranks frames in a thread of its own; may be used from several threads.

    Args:
        project: The project.
        masks: Its masks.
        pictures: Its frames.
        tell: Called when there is a new ranking.
    """

    def __init__(
        self, project: Project, masks: FrameMasks, pictures: Pictures, tell: Callable[[], None]
    ) -> None:
        self._project, self._masks, self._pictures = project, masks, pictures
        self._tell, self._is_closed = tell, False
        self._lock = Lock()
        self._found: list[WorthLooking] | None = None
        self._revision = 0
        self._thread: Thread | None = None
        self._small: dict[int, Frame] = {}

    def ranking(self) -> list[WorthLooking]:
        """The frames that are not marked yet, most worth looking at first.

        The last ranking that was made; a new one is begun if masks have changed since. After the
        frames in which something was found come those that are least sure.
        """
        with self._lock:
            is_running = self._thread is not None and self._thread.is_alive()
            if self._revision != self._masks.revision and not is_running:
                self._thread = Thread(target=self._rank, name="checks", daemon=True)
                self._thread.start()
            thread = self._thread
        if self._found is None and thread is not None:
            thread.join(_SECONDS)
        found = self._by_confidence() if self._found is None else self._found
        left = [one for one in found if one.frame not in self._project.state.frames]
        return left + self._least_sure([one.frame for one in left])

    def close(self) -> None:
        """End the thread."""
        self._is_closed = True
        if self._thread is not None:
            self._thread.join()

    def _rank(self) -> None:
        project, revision = self._project, self._masks.revision
        indices = list(project.results)
        if not indices:
            return
        ids = sorted(project.state.objects)
        marked = [project.name(index) for index in project.state.frames]
        measuring = Measuring(ids, project.size, marked)
        for index in indices:
            if self._is_closed:
                return
            try:
                small = self._picture(index)
            except InputError:  # the page is told when it asks for the frame itself
                continue
            known = project.results.confidence(index)
            confidence = {i: known.get(i, 0.0) for i in ids}
            labels = np.where(np.isin(shown := self._masks.shown(index), ids), shown, 0)
            measuring.add(project.name(index), index, labels.astype(np.uint8), confidence, small)
        measures = measuring.finish()
        ranked = rank_frames(find_all(measures), len(measures.names))
        self._found = [_worth(one, int(measures.indices[one.frame])) for one in ranked]
        self._revision = revision
        self._tell()

    def _picture(self, index: int) -> Frame:
        """A frame, reduced, so that it can be kept."""
        if index not in self._small:
            self._small[index] = reduced(self._pictures.frame(index))
        return self._small[index]

    def _by_confidence(self) -> list[WorthLooking]:
        """A ranking by the confidence alone, which is quick."""
        ids, doubts = self._doubts()
        urgency = np.where(doubts > 1 - LOW_CONFIDENCE, doubts, 0).sum(axis=0)
        chosen = suppress_neighbours(urgency, MIN_DISTANCE, LISTED)
        return [_least_sure_of(ids, doubts, index) for index in chosen]

    def _least_sure(self, found: Sequence[int]) -> list[WorthLooking]:
        """Frames of which nothing was found, those with the lowest confidence first."""
        ids, doubts = self._doubts()
        worst = doubts.max(axis=0, initial=0)
        worst[[i for i in self._project.state.frames if i < len(worst)]] = 0
        for index in found:
            worst[max(0, index - MIN_DISTANCE) : index + MIN_DISTANCE + 1] = 0
        chosen = suppress_neighbours(worst, MIN_DISTANCE, _LEAST_SURE)
        return [_least_sure_of(ids, doubts, index, is_found=False) for index in chosen]

    def _doubts(self) -> tuple[list[ObjectId], NDArray[np.float64]]:
        """All ids, and 1 - confidence of each in every frame, float `(objects, count)`.

        0 where an object is hidden or unknown, and at least a little where it is visible.
        """
        results, ids = self._project.results, sorted(self._project.state.objects)
        lanes = np.array([results.lane(one) for one in ids], float).reshape(
            len(ids), self._project.count
        )
        return ids, np.where(lanes > 1, np.maximum(1 - (lanes - 2) / 253, 1e-6), 0.0)


def _worth(one: ListedFrame, index: int) -> WorthLooking:
    found = one.findings or one.nearby
    ids = [i for finding in found for i in finding.object_ids]
    text = "; ".join(finding.reason for finding in found[:3])
    return WorthLooking(index, text, ids[0] if ids else None)


def _least_sure_of(
    ids: Sequence[ObjectId], doubts: NDArray[np.float64], index: int, *, is_found: bool = True
) -> WorthLooking:
    at = int(doubts[:, index].argmax())
    text = f"object {ids[at]}: confidence {1 - doubts[at, index]:.2f}"
    return WorthLooking(index, text if is_found else f"nothing found; {text}", ids[at], is_found)
