"""The connected-region-aware filter (CRAF) as the authors' demo script does it.

It differs from the paper: small regions in the right place are marked as certain, coverage is not
looked at, and an object that shrinks suddenly is given regions after the fusion.
"""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from rotoline.errors import InputError
from rotoline.filters.connected import check_maps, find_regions, overlaps

AREA = 480 * 854
"""Pixels of the maps that the script works on; areas are given for them."""


class ScriptRegions(BaseModel):
    """The constants of the script. Its scores are whole numbers up to 255."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: float = Field(30 / 255, gt=0, lt=1)
    """Score above which a pixel belongs to a region."""
    least_overlap: float = Field(0.01, ge=0, lt=1)
    """An object is lost in this frame if no region has more intersection over union."""
    large: float = Field(0.2, ge=0, lt=1)
    """Share of the largest region's area above which a region may be the object."""
    background: float = Field(100 / 255, gt=0, lt=1)
    """Score below which the fusion leaves a pixel to the background."""
    rescue_area: float = Field(100.0, gt=0)
    """Pixels, of a map of 480x854, from which a previous mask is worth a rescue."""
    rescue_below: float = Field(0.3, ge=0, le=1)
    """Share of its previous area below which an object is rescued."""
    rescue_overlap: float = Field(0.2, ge=0, lt=1)
    """Intersection over union with the previous mask above which a region is given to it."""
    rescue_score: float = Field(1 / 255, gt=0, lt=1)
    """Score from which a pixel belongs to such a region: the script's are above 0, in 8 bits."""


def filter_scores(
    scores: np.ndarray,
    previous: np.ndarray,
    foreground: np.ndarray,
    config: ScriptRegions | None = None,
) -> np.ndarray:
    """Change the scores so that comparing them gives the script's labels.

    1. Regions of each map, and their intersection over union with the object's previous mask.
    2. `mark_regions`, for each map.
    3. Labels: the object with the highest score, none below `background` or outside `foreground`.
    4. Rescue: an object with at least `rescue_area` before and less than `rescue_below` of that
       now is given regions of pixels without a label. These are regions of every object's
       unfiltered map, one map after another; a region needs `rescue_overlap` with the object's
       previous mask. Outside of `foreground` nothing is given.

    The script returns labels. Here they are put into the scores: outside of the foreground
    every score is 0, and given pixels score 1 for their object, while all others are below
    `background` there. So the labels are, at every pixel, the object with the highest score (of
    equals the first), and none if that is below `background`.

    Args:
        scores: float32 `(K, h, w)` in [0, 1], one map per object.
        previous: bool `(K, h, w)`, the objects' final masks in the frame before.
        foreground: bool `(h, w)`, what belongs to any object.
        config: Thresholds; those of the script if None.

    Returns:
        float32 `(K, h, w)`, a new array: scores that are kept, 0 (removed), or 1 (certain).

    Raises:
        InputError: Masks that do not belong to the maps.

    Example:
        A small region in the right place is marked as certain, and the large one beside it, which
        also agrees with the previous mask, is kept:

        >>> scores = np.array([[[0.5, 0.0, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]]])
        >>> previous = np.array([[[True, True, True, False, False, False, False, False]]])
        >>> filter_scores(scores, previous, np.ones((1, 8), dtype=bool)).tolist()
        [[[1.0, 0.0, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]]]

    Source:
        The authors' demonstration of CRAF, described in words; written anew. Deviations: scores
        are not rounded to 8 bits, and the script's 100 pixels are scaled with the size of the map.
        Readings: pixels given in the rescue count as labelled for the maps and objects after it;
        the foreground limits the labels after all rescues; of equal regions the first by rows.
    """
    check_maps(scores, previous)
    if foreground.shape != scores.shape[1:] or foreground.dtype != np.bool_:
        raise InputError(
            f"the foreground has shape {foreground.shape} of {foreground.dtype}; it is one bool "
            f"mask of the size of the score maps, {scores.shape[1:]}"
        )
    config = config or ScriptRegions()
    kept = np.zeros_like(scores)
    for i, (score, mask) in enumerate(zip(scores, previous, strict=True)):
        kept[i] = np.where(foreground, mark_regions(score, mask, config), 0)
    given = rescue(scores, previous, label(kept, config.background), config)
    kept[given & foreground] = 1
    return kept


def mark_regions(score: np.ndarray, mask: np.ndarray, config: ScriptRegions) -> np.ndarray:
    """Step 2: mark regions of one map as certain until one is large enough to be the object.

    The region with the highest intersection over union with the previous mask is the object if
    it is larger than `large` of the largest region. The regions marked so far stay then, all others
    go. If it is smaller, it is marked as certain and the next best is looked at. If the best
    has no more than `least_overlap`, the object is lost, and the whole map becomes 0. That
    takes the marked regions too: an object that agrees with small regions alone is lost, and as
    nothing agrees with an empty mask, it is lost for good.

    Args:
        score: float32 `(h, w)` in [0, 1].
        mask: bool `(h, w)`, the object's mask in the frame before.
        config: Thresholds.

    Returns:
        float32 `(h, w)`, a new array: 1 in marked regions, 0 in those removed. Pixels of no
        region keep their score, unless the object is lost.
    """
    regions = find_regions(score > config.threshold)
    agreement = overlaps(regions, mask)
    is_marked = np.zeros(len(agreement), dtype=bool)
    while agreement.max() > config.least_overlap:
        best = agreement.argmax()
        if regions.areas[best] / regions.areas[1:].max() > config.large:
            stays = is_marked.copy()
            stays[[0, best]] = True
            result = np.where(stays[regions.labels], score, np.zeros_like(score))
            result[is_marked[regions.labels]] = 1
            return result
        is_marked[best] = True
        agreement[best] = 0
    return np.zeros_like(score)


def label(scores: np.ndarray, background: float) -> np.ndarray:
    """Step 3: the channel with the highest score at every pixel, int `(h, w)`; -1 for none."""
    return np.where(scores.max(0) >= background, scores.argmax(0), -1)


def rescue(
    scores: np.ndarray, previous: np.ndarray, labels: np.ndarray, config: ScriptRegions
) -> np.ndarray:
    """Step 4: give regions without a label to objects that have shrunk suddenly.

    Args:
        scores: float32 `(K, h, w)`, unfiltered.
        previous: bool `(K, h, w)`, the objects' masks in the frame before.
        labels: int `(h, w)`, the channel of each pixel, -1 where there is none.
        config: Thresholds.

    Returns:
        bool `(K, h, w)`: the pixels given to each object; no pixel to two, none with a label.
    """
    least_area = config.rescue_area * labels.size / AREA
    is_free = labels < 0
    given = np.zeros(scores.shape, dtype=bool)
    for i, mask in enumerate(previous):
        before, now = np.count_nonzero(mask), np.count_nonzero(labels == i)
        if before < least_area or now / before >= config.rescue_below:
            continue
        for score in scores:
            regions = find_regions((score >= config.rescue_score) & is_free)
            agrees = overlaps(regions, mask) > config.rescue_overlap
            given[i] |= agrees[regions.labels]
            is_free &= ~given[i]
    return given
