"""Where the loss of J is: at the object's border, inside or outside; and what the object is like.

All distances are Euclidean, and are those of frames whose shorter side has 480 pixels: in other
frames they are scaled with that side, to at least one pixel.
"""

from collections.abc import Iterable

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from rotoline.metrics.boundary import dilate_by_disk
from rotoline.types import LabelMap, ObjectId

BORDER = 4
"""A pixel is at the border if it is this close to a pixel on the border's other side."""
THIN = 4
"""A part is thin if no disk of this radius fits into it: if it is at most 8 pixels wide."""
SHORT_SIDE = 480
"""The size of frames, along their shorter side, for which the distances are given."""


class LostJ(BaseModel):
    """The loss of J by place, as shares of the union of mask and truth; their sum is 1 - J."""

    model_config = ConfigDict(frozen=True)

    missing_at_border: float
    """Pixels of the object that the mask lacks, at the object's border."""
    extra_at_border: float
    """Pixels of the mask that are not of the object, at its border."""
    missing_inside: float
    """Pixels of the object that the mask lacks, further inside."""
    extra_outside: float
    """Pixels of the mask that are not of the object, further outside."""


class TrueShape(BaseModel):
    """What the true masks of an object are like, over the frames in which it is visible."""

    model_config = ConfigDict(frozen=True)

    area: float = Field(ge=0, le=1)
    """Mean area, as a share of the frame."""
    thin: float = Field(ge=0, le=1)
    """Mean share of the object's pixels that are in thin parts: those that an opening of the mask
    with a disk of radius `THIN` removes."""


class ErrorPlaces:
    """Adds up, frame by frame, where the masks of some objects are wrong.

    Args:
        object_ids: The objects.
    """

    def __init__(self, object_ids: Iterable[ObjectId]) -> None:
        ids = list(object_ids)
        self._lost: dict[ObjectId, list[tuple[float, ...]]] = {one: [] for one in ids}
        self._shapes: dict[ObjectId, list[tuple[float, float]]] = {one: [] for one in ids}

    def add(self, predicted: LabelMap, true: LabelMap) -> None:
        """Compare one frame: a predicted and a true label map of one size."""
        for object_id, lost in self._lost.items():
            truth = true == object_id
            lost.append(lost_shares(predicted == object_id, truth))
            if truth.any():
                self._shapes[object_id].append((float(truth.mean()), thin_share(truth)))

    def lost(self, object_id: ObjectId) -> LostJ:
        """The mean loss of an object over the frames, of which there must be one."""
        means = np.mean(self._lost[object_id], axis=0).tolist()
        return LostJ(**dict(zip(LostJ.model_fields, means, strict=True)))

    def shape(self, object_id: ObjectId) -> TrueShape:
        """What an object is like; all 0 if it is visible in no frame."""
        area, thin = np.mean(self._shapes[object_id] or [(0.0, 0.0)], axis=0).tolist()
        return TrueShape(area=area, thin=thin)


def lost_shares(prediction: np.ndarray, truth: np.ndarray) -> tuple[float, float, float, float]:
    """Return the loss of J in one frame, in the order of the fields of `LostJ`.

    Args:
        prediction: bool `(H, W)`.
        truth: bool `(H, W)`.

    Returns:
        Shares of the union, which add up to 1 - J; all 0 if both masks are empty.

    Example:
        A mask that lacks the object's right half, and is wrong in the opposite corner:

        >>> truth = np.zeros((480, 480), bool)
        >>> truth[100:200, 100:200] = True
        >>> prediction = truth.copy()
        >>> prediction[:, 150:] = False
        >>> prediction[-10:, -10:] = True
        >>> lost = lost_shares(prediction, truth)
        >>> [round(share * 10_100) for share in lost]  # the union has 10,100 pixels
        [768, 0, 4232, 100]
    """
    union = np.count_nonzero(prediction | truth)
    if union == 0:
        return 0.0, 0.0, 0.0, 0.0
    radius = _scaled(BORDER, truth)
    missing, extra = truth & ~prediction, prediction & ~truth
    inner = dilate_by_disk(~truth, radius) if missing.any() else truth
    outer = dilate_by_disk(truth, radius) if extra.any() else truth
    counts = (missing & inner, extra & outer, missing & ~inner, extra & ~outer)
    one, two, three, four = (float(np.count_nonzero(found) / union) for found in counts)
    return one, two, three, four


def thin_share(truth: np.ndarray) -> float:
    """Return the share of a mask's pixels that are in thin parts, see `TrueShape.thin`.

    Args:
        truth: bool `(H, W)`, not empty.
    """
    radius = _scaled(THIN, truth)
    opened = dilate_by_disk(~dilate_by_disk(~truth, radius), radius)
    return float(np.count_nonzero(truth & ~opened) / np.count_nonzero(truth))


def _scaled(distance: int, mask: np.ndarray) -> int:
    """A distance in pixels for frames of the size of `mask`."""
    short_side: int = min(mask.shape)
    return max(1, round(distance * short_side / SHORT_SIDE))
