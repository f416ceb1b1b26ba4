"""The frames most worth looking at, by `rotoline.review`."""

from threading import Lock, Thread
from typing import NamedTuple

import numpy as np
from PIL import Image

from rotoline.errors import InputError
from rotoline.review.findings import LOW_CONFIDENCE, find_all
from rotoline.review.measures import Measuring
from rotoline.review.ranking import LISTED, MIN_DISTANCE, rank_frames, suppress_neighbours
from rotoline.studio.frame_masks import FrameMasks
from rotoline.studio.pictures import Pictures
from rotoline.studio.project import Project
from rotoline.types import Frame

_SMALL = (64, 36)
"""Width and height to which pictures are reduced to compare their colours."""
_SECONDS = 3.0
"""How long the first ranking is waited for; until it is there, confidence alone decides."""


class WorthLooking(NamedTuple):
    """A frame, and why."""

    frame: int
    text: str


class Checks:
    """Ranks frames in a thread of its own; may be used from several threads.

    Args:
        project: The project.
        masks: Its masks.
        pictures: Its frames.
    """

    def __init__(self, project: Project, masks: FrameMasks, pictures: Pictures) -> None:
        self._project, self._masks, self._pictures = project, masks, pictures
        self._lock = Lock()
        self._found: list[WorthLooking] | None = None
        self._revision = 0
        self._thread: Thread | None = None
        self._small: dict[int, Frame] = {}

    def ranking(self) -> list[WorthLooking]:
        """The frames that are not marked yet, most worth looking at first.

        The last ranking that was made; a new one is begun if masks have changed since.
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
        return [one for one in found if one.frame not in self._project.state.frames]

    def _rank(self) -> None:
        project, revision = self._project, self._masks.revision
        indices = list(project.results)
        if not indices:
            return
        ids = sorted(project.state.objects)
        marked = [project.name(index) for index in project.state.frames]
        measuring = Measuring(ids, project.size, marked)
        for index in indices:
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
        self._found = [
            WorthLooking(
                int(measures.indices[one.frame]),
                "; ".join(finding.reason for finding in (one.findings or one.nearby)[:3]),
            )
            for one in ranked
        ]
        self._revision = revision

    def _picture(self, index: int) -> Frame:
        """A frame, reduced; what `rotoline.review` does to every frame first."""
        if index not in self._small:
            image = Image.fromarray(self._pictures.frame(index))
            self._small[index] = np.asarray(image.resize(_SMALL, Image.Resampling.BOX))
        return self._small[index]

    def _by_confidence(self) -> list[WorthLooking]:
        """A ranking by the confidence alone, which is quick."""
        project = self._project
        urgency = np.zeros(project.count)
        for object_id in project.state.objects:
            lane = project.results.lane(object_id)
            confidence = (lane.astype(float) - 2) / 253
            urgency += np.where((lane > 1) & (confidence < LOW_CONFIDENCE), 1 - confidence, 0)
        chosen = suppress_neighbours(urgency, MIN_DISTANCE, LISTED)
        return [WorthLooking(index, "low confidence") for index in chosen]
