"""Region filter by the last visible mask: hidden objects can reappear.

This is the paper's connected-region-aware filter (CRAF), except that a region is compared with the
object's last visible mask, however long ago that was. See docs/method/fast.md#filter.

To change how a lost object is brought back, change this file: it is done by the `reentry_` settings
and the last lines of `object_pixels_to_remove` alone.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from rotoline.stages.regions.components import count_inside, find_regions, overlaps

MIN_OVERLAP_FRACTION = 0.5
"""Share of a region that must lie inside (or near) the last visible mask for the region to stay
together with the best one."""
NEARBY_RADIUS = 4
"""Pixels of the working map (stride 4) around the last visible mask that count as near: what
emerges from behind a pole is a region of its own."""
NEARBY_MIN_SCORE = 0.8
"""Mean score that a region near the mask needs. Measured on the development split: kite-walk .736
to .748; from .75 horsejump-low falls from .842 to .784 (docs/log/2026-11-25-drift.md)."""
MIN_IOU = 0.01
"""Intersection over union with the last visible mask that the best region needs."""


class LastVisible(BaseModel):
    """Compare regions with the object's last visible mask."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["last_visible"] = "last_visible"
    """Compare regions with the object's last visible mask; hidden objects may reappear."""
    threshold: float = Field(default=0.3, gt=0, lt=1)
    """Score above which a pixel belongs to a region."""
    reentry_min_hidden_frames: int = Field(default=3, ge=1)
    """Number of frames an object must have been hidden before it may reappear away from its last
    position."""
    reentry_min_score: float = Field(default=0.8, gt=0, le=1)
    """Mean score that a region needs for an object to reappear there; 1 lets none reappear."""
    reentry_max_area_ratio: float = Field(default=2.0, gt=0)
    """Largest area of a region in which an object reappears, relative to the largest mask that the
    object has had."""


class ReentryLimits(NamedTuple):
    """Limits for accepting a region away from the object's last position."""

    best_scores: NDArray[np.float32]
    """float `(h, w)`: the highest score of all objects."""
    max_area: float
    """Largest area of the region, in pixels."""


def pixels_to_remove(
    scores: NDArray[np.float32],
    last_visible: NDArray[np.bool_],
    largest_area: NDArray[np.int64],
    hidden_frames: NDArray[np.int64],
    config: LastVisible,
) -> NDArray[np.bool_]:
    """Find the pixels to remove from the maps of K objects.

    Args:
        scores: float `(K, h, w)` in [0, 1].
        last_visible: bool `(K, h, w)`: each object's most recent mask that is not empty.
        largest_area: int `(K,)`: pixels of the largest mask that each object has had.
        hidden_frames: int `(K,)`: number of frames since each object was last visible.
        config: Thresholds.

    Returns:
        bool `(K, h, w)`; see `object_pixels_to_remove`.
    """
    best = scores.max(0)
    removed = np.zeros(scores.shape, dtype=bool)
    for i, score in enumerate(scores):
        may_reenter = hidden_frames[i] >= config.reentry_min_hidden_frames
        max_area = config.reentry_max_area_ratio * float(largest_area[i])
        reentry = ReentryLimits(best, max_area) if may_reenter else None
        removed[i] = object_pixels_to_remove(score, last_visible[i], config, reentry)
    return removed


def object_pixels_to_remove(
    score: NDArray[np.float32],
    last_visible: NDArray[np.bool_],
    config: LastVisible,
    reentry: ReentryLimits | None = None,
) -> NDArray[np.bool_]:
    """Find the pixels to remove from the map of one object.

    A region is an 8-connected set of pixels scoring above `threshold`. These regions stay:

    1. The region with the best intersection over union with `last_visible`, of equals the largest,
       if that is at least `MIN_IOU`.
    2. Every region with more than `MIN_OVERLAP_FRACTION` of its pixels inside `last_visible`: the
       parts of an object need not touch.
    3. Every region with more than that fraction of its pixels within `NEARBY_RADIUS` pixels of
       `last_visible`, if its mean score reaches `NEARBY_MIN_SCORE`.
    4. If nothing stays and `reentry` is given: the region with the highest mean score, if that
       reaches `reentry_min_score` and the region has at most `reentry.max_area` pixels. Pixels at
       which another object scores higher count as 0, so that an object cannot reappear as an
       annotated look-alike.

    Args:
        score: float `(h, w)` in [0, 1].
        last_visible: bool `(h, w)`: the object's last visible mask.
        config: Thresholds.
        reentry: Given if the object was hidden long enough to reappear away from its last position.

    Returns:
        bool `(h, w)`: pixels of the regions that do not stay. Pixels below the threshold are never
        in it.

    Example:
        >>> score = np.array([[0.9, 0.8, 0.1, 0.1, 0.7]])
        >>> last_visible = np.array([[True, False, False, False, False]])
        >>> object_pixels_to_remove(score, last_visible, LastVisible())
        array([[False, False, False, False,  True]])

    Source:
        Paper, CRAF step 1. Deviations: parts inside or near the last mask stay too; the reference
        is the last mask that is not empty, and hidden objects may reappear. The paper compares with
        the previous mask, and a lost object stays lost. Overlaps between objects (step 2) are
        resolved by comparing scores in the stage `fuse`.
    """
    from scipy import ndimage  # imported late: a fifth of the time that loading the model takes

    regions = find_regions(score > config.threshold)
    labels, area = regions
    if len(area) == 1:
        return np.zeros(score.shape, dtype=bool)
    area = np.maximum(area, 1)  # only the area outside all regions can have no pixels
    overlap = overlaps(regions, last_visible)
    overlap[0] = -1.0
    means = np.bincount(labels.ravel(), score.ravel(), minlength=len(area)) / area
    around = ndimage.maximum_filter(last_visible, size=2 * NEARBY_RADIUS + 1)
    is_near = count_inside(regions, around) > MIN_OVERLAP_FRACTION * area
    is_inside = count_inside(regions, last_visible) > MIN_OVERLAP_FRACTION * area
    stays = is_inside | (is_near & (means >= NEARBY_MIN_SCORE))
    closest = np.lexsort((area, overlap))[-1]
    stays[closest] = stays[closest] or overlap[closest] >= MIN_IOU
    if reentry is not None and not stays.any():
        own = np.where(score >= reentry.best_scores, score, 0.0)
        means = np.bincount(labels.ravel(), own.ravel(), minlength=len(area)) / area
        means[area > reentry.max_area] = 0.0
        means[0] = 0.0
        stays[means.argmax()] = means.max() >= config.reentry_min_score
    stays[0] = True
    removed: NDArray[np.bool_] = ~stays[labels]
    return removed
