"""The connected-region-aware filter (CRAF) as the authors' demo script does it.

It differs from the paper: small regions in the right place are marked as certain, overlaps between
objects are not resolved, and an object that shrinks suddenly gets regions after the fusion.
"""

import numpy as np
from numpy.typing import NDArray

from rotoline.errors import InputError
from rotoline.stages.regions.components import check_maps, count_pixels, find_regions, overlaps

FULL_AREA = 480 * 854
"""Pixels of the maps that the script works on; its areas refer to them."""

THRESHOLD = 30 / 255
"""Score above which a pixel belongs to a region."""
MIN_IOU = 0.01
"""An object is lost in a frame if no region has a higher intersection over union with its previous
mask."""
MIN_AREA_RATIO = 0.2
"""Fraction of the largest region's area that a region must exceed to be the object."""
BACKGROUND_THRESHOLD = 100 / 255
"""Score below which the fusion assigns a pixel to the background."""
RECOVERY_MIN_AREA = 100.0
"""Smallest previous mask that is recovered, in pixels of a map of 480x854."""
RECOVERY_AREA_RATIO = 0.3
"""An object is recovered if its area falls below this fraction of its previous area."""
RECOVERY_MIN_IOU = 0.2
"""Intersection over union with the previous mask that a region must exceed to be assigned."""
RECOVERY_THRESHOLD = 1 / 255
"""Lowest score of a pixel of a recovered region; the script uses all scores above 0, in 8 bits."""


def filter_as_script(
    scores: NDArray[np.float32], previous: NDArray[np.bool_], foreground: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Change the scores so that comparing them gives the script's labels.

    1. Regions of each map, and their intersection over union with the object's previous mask.
    2. `mark_regions`, for each map.
    3. Labels: the object with the highest score; none below `BACKGROUND_THRESHOLD` or outside of
       `foreground`.
    4. Recovery: an object with a previous area of at least `RECOVERY_MIN_AREA` and less than
       `RECOVERY_AREA_RATIO` of it now gets regions of pixels without a label. These are regions of
       every object's unfiltered map, one map after another; a region needs `RECOVERY_MIN_IOU` with
       the object's previous mask. Nothing is assigned outside of `foreground`.

    The script returns labels. Here they are expressed as scores: outside of the foreground every
    score is 0, and assigned pixels score 1 for their object, while all others are below
    `BACKGROUND_THRESHOLD` there. The label of every pixel is then the object with the highest score
    (of equals the first), and none if that is below `BACKGROUND_THRESHOLD`.

    Args:
        scores: float32 `(K, h, w)` in [0, 1], one map per object.
        previous: bool `(K, h, w)`, the objects' final masks in the previous frame.
        foreground: bool `(h, w)`, the pixels that may belong to an object.

    Returns:
        float32 `(K, h, w)`, a new array: scores that are kept, 0 (removed), or 1 (certain).

    Raises:
        InputError: Masks that do not belong to the maps.

    Example:
        A small region in the right place is marked as certain, and the large one next to it, which
        also agrees with the previous mask, is kept:

        >>> scores = np.array([[[0.5, 0.0, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]]])
        >>> previous = np.array([[[True, True, True, False, False, False, False, False]]])
        >>> filter_as_script(scores, previous, np.ones((1, 8), dtype=bool)).tolist()
        [[[1.0, 0.0, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]]]

    Source:
        The authors' demonstration of CRAF, described in words; written anew. Deviations: scores
        are not rounded to 8 bits, and the script's 100 pixels are scaled with the size of the map.
        Readings: pixels assigned by the recovery count as labelled for the maps and objects after
        it; the foreground limits the labels after all recoveries; of equal regions the first in row
        order is taken.
    """
    check_maps(scores, previous)
    if foreground.shape != scores.shape[1:] or foreground.dtype != np.bool_:
        raise InputError(
            f"the foreground has shape {foreground.shape} of {foreground.dtype}; it is one bool "
            f"mask of the size of the score maps, {scores.shape[1:]}"
        )
    kept = np.zeros_like(scores)
    for i, (score, mask) in enumerate(zip(scores, previous, strict=True)):
        kept[i] = np.where(foreground, mark_regions(score, mask), 0)
    given = recover_objects(scores, previous, label(kept, BACKGROUND_THRESHOLD))
    kept[given & foreground] = 1
    return kept


def mark_regions(score: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Step 2: mark regions of one map as certain until one is large enough to be the object.

    The region with the highest intersection over union with the previous mask is the object if
    it is larger than `MIN_AREA_RATIO` of the largest region. The regions marked so far stay then,
    all others go. If it is smaller, it is marked as certain and the next best is considered. If the
    best has no more than `MIN_IOU`, the object is lost, and the whole map becomes 0. That
    takes the marked regions too: an object that agrees with small regions alone is lost, and as
    nothing agrees with an empty mask, it is lost for good.

    Args:
        score: float32 `(h, w)` in [0, 1].
        mask: bool `(h, w)`, the object's mask in the previous frame.

    Returns:
        float32 `(h, w)`, a new array: 1 in marked regions, 0 in those removed. Pixels of no
        region keep their score, unless the object is lost.
    """
    regions = find_regions(score > THRESHOLD)
    agreement = overlaps(regions, mask)
    is_marked = np.zeros(len(agreement), dtype=bool)
    while agreement.max() > MIN_IOU:
        best = int(agreement.argmax())
        if regions.areas[best] / regions.areas[1:].max() > MIN_AREA_RATIO:
            stays = is_marked.copy()
            stays[[0, best]] = True
            result = np.where(stays[regions.labels], score, np.zeros_like(score))
            result[is_marked[regions.labels]] = 1
            return result
        is_marked[best] = True
        agreement[best] = 0
    return np.zeros_like(score)


def label(scores: NDArray[np.float32], background_threshold: float) -> NDArray[np.int64]:
    """Step 3: the channel with the highest score at every pixel, int `(h, w)`; -1 for none."""
    return np.where(scores.max(0) >= background_threshold, scores.argmax(0), -1)


def recover_objects(
    scores: NDArray[np.float32], previous: NDArray[np.bool_], labels: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Step 4: give regions without a label to objects that have shrunk suddenly.

    Args:
        scores: float32 `(K, h, w)`, unfiltered.
        previous: bool `(K, h, w)`, the objects' masks in the previous frame.
        labels: int `(h, w)`, the channel of each pixel, -1 where there is none.

    Returns:
        bool `(K, h, w)`: the pixels given to each object. No pixel is given to two objects, and
        none that has a label.
    """
    least_area = RECOVERY_MIN_AREA * labels.size / FULL_AREA
    is_free = labels < 0
    given = np.zeros(scores.shape, dtype=bool)
    for i, mask in enumerate(previous):
        before, now = count_pixels(mask), count_pixels(labels == i)
        if before < least_area or now / before >= RECOVERY_AREA_RATIO:
            continue
        for score in scores:
            regions = find_regions((score >= RECOVERY_THRESHOLD) & is_free)
            agrees = overlaps(regions, mask) > RECOVERY_MIN_IOU
            given[i] |= agrees[regions.labels]
            is_free &= ~given[i]
    return given
