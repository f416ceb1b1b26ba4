"""Where the objects of the training pictures are: looked up once, before the training."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rotoline.data.stills import MIN_OBJECT_AREA, UNKNOWN
from rotoline.data.training_clips import Clip
from rotoline.learning.sampler import Sampler

STEP = 4
"""Rows and columns between the pixels that are looked at."""


@dataclass(frozen=True, slots=True)
class ObjectView:
    """An object in a picture."""

    label: int
    """Its label."""
    area: float
    """Number of its pixels, to about `STEP` squared."""
    points: Tensor
    """float32 `(n, 2)`: (x, y) of some of its pixels, evenly spread."""

    @property
    def centre(self) -> Tensor:
        """The mean of its points, `(2,)`."""
        return self.points.mean(0)

    def point(self, sampler: Sampler) -> tuple[float, float]:
        """(x, y) of a random pixel."""
        x, y = self.points[sampler.integer(0, len(self.points) - 1)].tolist()
        return x, y


ObjectIndex = Sequence[Sequence[ObjectView]]
"""For each picture of a `PicturePool` its objects that are large enough to be chosen."""


def index_objects(clips: Sequence[Clip]) -> ObjectIndex:
    """Find the objects of all frames of all clips, in the order of `PicturePool.of`."""
    return [_objects(clip.labels[t]) for clip in clips for t in range(len(clip.frames))]


def joined(views: Sequence[ObjectView]) -> ObjectView:
    """Several objects as one, with the label of the first."""
    points = torch.cat([one.points for one in views])
    return ObjectView(views[0].label, sum(one.area for one in views), points)


def _objects(labels: Tensor) -> list[ObjectView]:
    height, width = labels.shape
    seen = labels[STEP // 2 :: STEP, STEP // 2 :: STEP]
    found = []
    for label in seen.unique().tolist():
        if label in (0, UNKNOWN):
            continue
        places = (seen == label).nonzero()
        area = len(places) * STEP**2
        if area > MIN_OBJECT_AREA * height * width:
            some = places[:: max(1, len(places) // 64)].flip(1)
            found.append(ObjectView(label, float(area), some * STEP + STEP / 2 + 0.5))
    return found
