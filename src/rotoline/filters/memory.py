"""The region filter with a memory: hidden objects can come back.

This is the paper's connected-region-aware filter (CRAF), but what a region is compared with is the
object's last visible mask, however long ago. See docs/method.md#regions.
"""

from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from rotoline.filters.connected import count_inside, find_regions, overlaps


class MemoryRegions(BaseModel):
    """Which regions can be the object, by its last visible mask."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: float = Field(0.3, gt=0, lt=1)
    """Score from which a pixel belongs to a region."""
    inside: float = Field(0.5, ge=0, le=1)
    """Share of a region that must lie in the last visible mask for it to stay beside the best."""
    reach: int = Field(4, ge=0)
    """A region also stays that lies by the same share within so many pixels of the working map
    (stride 4) around that mask, such as a part that comes out behind a pole..."""
    near_score: float = Field(0.8, ge=0, le=1)
    """... if this is its mean score."""
    least_overlap: float = Field(0.01, ge=0, le=1)
    """Intersection over union that the best region needs; below it the object is hidden."""
    return_after: int = Field(3, ge=1)
    """Frames an object must have been hidden before it may come back at another place."""
    return_score: float = Field(0.8, gt=0, le=1)
    """Mean score a region needs for that; 1 never lets an object come back elsewhere."""
    return_area: float = Field(2.0, gt=0)
    """How large it may be, in areas that the object has covered at most so far."""


class Elsewhere(NamedTuple):
    """What a region must hold against where its object was never seen."""

    best: np.ndarray
    """float `(h, w)`, the highest score of all objects."""
    most: float
    """How many pixels the region may have."""


def find_look_alikes(
    scores: np.ndarray,
    last: np.ndarray,
    largest: np.ndarray,
    hidden: np.ndarray,
    config: MemoryRegions,
) -> np.ndarray:
    """Find the pixels to remove of K objects.

    Args:
        scores: float `(K, h, w)` in [0, 1].
        last: bool `(K, h, w)`, each object's last visible mask.
        largest: int `(K,)`, how many pixels each has covered at most.
        hidden: int `(K,)`, for how many frames each has not been visible.
        config: Thresholds.

    Returns:
        bool `(K, h, w)`; see `choose_regions`.
    """
    best = scores.max(0)
    removed = np.zeros(scores.shape, dtype=bool)
    for i, score in enumerate(scores):
        may_return = hidden[i] >= config.return_after
        elsewhere = Elsewhere(best, config.return_area * largest[i]) if may_return else None
        removed[i] = choose_regions(score, last[i], config, elsewhere)
    return removed


def choose_regions(
    score: np.ndarray,
    last_seen: np.ndarray,
    config: MemoryRegions,
    elsewhere: Elsewhere | None = None,
) -> np.ndarray:
    """Find the pixels to remove.

    A region is an 8-connected set of pixels scoring above `threshold`. The region with the best
    intersection over union with `last_seen` stays (of equals the largest), and so does every
    region that lies mostly inside it: parts of one object need not touch. A region that lies mostly
    near it stays if its mean score is high: a part that comes out. An object that has been
    hidden for a while may also come back elsewhere: as the region with the highest mean score, if
    that is high enough and the region not much larger than the object ever was. Pixels at which
    another object scores higher count 0 there, so that it cannot come back as a look-alike that is
    marked itself.

    Args:
        score: float `(h, w)` in [0, 1].
        last_seen: bool `(h, w)`, the object's last visible mask.
        config: Thresholds.
        elsewhere: Given if the object was hidden long enough to come back at another place.

    Returns:
        bool `(h, w)`: pixels of implausible regions. Pixels below the threshold are never in it.

    Example:
        >>> score = np.array([[0.9, 0.8, 0.1, 0.1, 0.7]])
        >>> last_seen = np.array([[True, False, False, False, False]])
        >>> choose_regions(score, last_seen, MemoryRegions())
        array([[False, False, False, False,  True]])

    Source:
        Paper, CRAF step 1. Deviations: parts inside the last mask stay too; the reference is the
        last non-empty mask, and hidden objects may come back; the paper's reference is the
        previous mask, and a lost object stays lost.
        Overlaps between objects (step 2) are settled by comparing scores in stage 6.
    """
    from scipy import ndimage  # a fifth of the time that loading the model takes; needed only now

    regions = find_regions(score > config.threshold)
    labels, area = regions
    if len(area) == 1:
        return np.zeros(score.shape, dtype=bool)
    area = np.maximum(area, 1)  # only what is outside of all regions can have no pixels
    overlap = overlaps(regions, last_seen)
    overlap[0] = -1.0
    means = np.bincount(labels.ravel(), score.ravel(), minlength=len(area)) / area
    around = ndimage.maximum_filter(last_seen, size=2 * config.reach + 1)
    near = count_inside(regions, around) > config.inside * area
    inside = count_inside(regions, last_seen) > config.inside * area
    stays = inside | (near & (means >= config.near_score))
    closest = np.lexsort((area, overlap))[-1]
    stays[closest] = stays[closest] or overlap[closest] >= config.least_overlap
    if elsewhere is not None and not stays.any():
        own = np.where(score >= elsewhere.best, score, 0.0)
        means = np.bincount(labels.ravel(), own.ravel(), minlength=len(area)) / area
        means[area > elsewhere.most] = 0.0
        means[0] = 0.0
        stays[means.argmax()] = means.max() >= config.return_score
    stays[0] = True
    return ~stays[labels]
