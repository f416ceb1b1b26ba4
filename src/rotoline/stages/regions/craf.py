"""The connected-region-aware filter (CRAF) as the paper describes it, in three steps.

Each object selects one region: the one that agrees best with its mask in the previous frame. Where
two objects select the same pixels, one gives them up; an object with few pixels left may select
again.
"""

from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from rotoline.stages.regions.components import (
    Regions,
    check_maps,
    count_pixels,
    find_regions,
    overlap,
    overlaps,
)


class Craf(BaseModel):
    """The connected-region-aware filter of the paper, with the paper's names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["craf"] = "craf"
    """The connected-region-aware filter as the paper describes it."""
    threshold: float = Field(default=30 / 255, gt=0, lt=1)
    """Score above which a pixel belongs to a region. The paper names none; this is the value of the
    authors' script."""
    alpha: float = Field(default=0.2, ge=0, lt=1)
    """Step 1: a selected region must be larger than this fraction of the largest region of the same
    map."""
    beta: float = Field(default=0.9, ge=0, le=1)
    """Step 2: an object that covers more than this fraction of another object's region gives up the
    shared pixels."""
    gamma: float = Field(default=0.1, ge=0, le=1)
    """Step 3: an object selects again if its area falls below this fraction of its area in the
    previous frame."""
    delta: float = Field(default=0.4, ge=0, lt=1)
    """Step 3: intersection over union with the object's previous mask that a region must exceed to
    be selected."""


class Origin(NamedTuple):
    """Where a selected region comes from."""

    channel: int
    """Channel of the score map."""
    number: int
    """Number of the region in that map, from 1; 0 if no region is selected."""


def keep_selected_regions(
    scores: NDArray[np.float32], previous: NDArray[np.bool_], config: Craf
) -> NDArray[np.float32]:
    """Keep the scores of one region per object; the others become 0.

    1. Each object selects a region of its own map: `select_region`.
    2. Objects that cover each other's selection give pixels up: `resolve_overlaps`.
    3. An object that now has less than `gamma` of its previous area selects the free region
       that agrees best with its previous mask, if by more than `delta`. A region is free if
       no object has selected it so far; it may come from any object's map, and its scores are taken
       over where they are higher. Objects select in the order of their channels. If one did, step 2
       is done again, once.

    An object with an empty previous mask is lost and stays lost: nothing agrees with it.

    Args:
        scores: float32 `(K, h, w)` in [0, 1], one map per object.
        previous: bool `(K, h, w)`, the objects' masks in the previous frame, annotated or computed.
        config: Thresholds.

    Returns:
        float32 `(K, h, w)`, a new array: 0 outside of the selected regions.

    Raises:
        InputError: Masks that do not belong to the maps.

    Example:
        The right-hand region is larger, but the object was on the left:

        >>> scores = np.array([[[0.9, 0.8, 0.1, 0.1, 0.7, 0.7, 0.7]]])
        >>> previous = np.array([[[True, False, False, False, False, False, False]]])
        >>> keep_selected_regions(scores, previous, Craf()).tolist()
        [[[0.9, 0.8, 0.0, 0.0, 0.0, 0.0, 0.0]]]

    Source:
        Paper, section on CRAF, steps 1 to 3. Where it is silent:
        threshold and 8-connectedness are those of the authors' script;
        a region that shares no pixel with the previous mask is never selected in step 1;
        if the best region fails `alpha`, the next best that passes is selected, or none;
        `gamma` has no unit and is read as a ratio to the previous area, as in the script;
        step 3 considers the regions of all maps, as the script does (no other object could have
        selected a region of the object's own map), and takes over their scores (a region without
        scores could not win a pixel); of several regions the one that agrees best is selected, of
        equals the largest, as in step 1.
    """
    check_maps(scores, previous)
    maps = [find_regions(score > config.threshold) for score in scores]
    origins = [
        Origin(channel, select_region(regions, mask, config.alpha))
        for channel, (regions, mask) in enumerate(zip(maps, previous, strict=True))
    ]
    selected = resolve_overlaps(_pixels(maps, origins, scores.shape), previous, config.beta)
    taken, changed = set(origins), False
    for i, mask in enumerate(previous):
        if _ratio(count_pixels(selected[i]), count_pixels(mask)) < config.gamma:
            found = select_free_region(maps, mask, taken, config.delta)
            if found is not None:
                origins[i], changed = found, True
                taken.add(found)
                selected[i] = maps[found.channel].labels == found.number
    if changed:
        selected = resolve_overlaps(selected, previous, config.beta)
    brought = scores[[origin.channel for origin in origins]]
    return np.where(selected, np.maximum(scores, brought), np.zeros_like(scores))


def select_region(regions: Regions, mask: NDArray[np.bool_], alpha: float) -> int:
    """Step 1: the number of the region that agrees best with an object's previous mask.

    Args:
        regions: Regions of the object's own map.
        mask: bool `(h, w)`, the object's mask in the previous frame.
        alpha: Share of the largest region's area above which a region may be selected.

    Returns:
        The region with the highest intersection over union, of equals the largest, of those again
        the first; 0 if no region is large enough and shares a pixel with the mask.
    """
    agreement = overlaps(regions, mask)
    areas = regions.areas
    large = areas / areas[1:].max(initial=1) > alpha
    numbers = np.flatnonzero(large & (agreement > 0))
    return int(max(numbers, key=lambda number: (agreement[number], areas[number]), default=0))


def resolve_overlaps(
    selected: NDArray[np.bool_], previous: NDArray[np.bool_], beta: float
) -> NDArray[np.bool_]:
    """Step 2: an object that covers another one's selection gives up the shared pixels.

    The coverage of j by i is the fraction of j's pixels that i has selected too. If it exceeds
    `beta`, i gives up all shared pixels: the smaller object inside keeps them. If each covers the
    other, the two are nearly identical, and the one whose selection has the lower intersection over
    union with its own previous mask gives up (of equals the later channel).

    Args:
        selected: bool `(K, h, w)`, the pixels that each object has selected.
        previous: bool `(K, h, w)`, the objects' masks in the previous frame.
        beta: Coverage above which an object gives up.

    Returns:
        bool `(K, h, w)`, a new array. No pixel is left without an object that had one.

    Source:
        Paper, CRAF step 2, which treats ordered pairs. Here both orders of a pair are considered
        together, pair after pair by channel, each time with what is left. Deviation: the paper says
        nothing of nearly identical selections, and its order would empty one by chance.
    """
    kept = selected.copy()
    for i, j in combinations(range(len(kept)), 2):
        shared = count_pixels(kept[i] & kept[j])
        covers_j = shared / max(count_pixels(kept[j]), 1) > beta
        covers_i = shared / max(count_pixels(kept[i]), 1) > beta
        if covers_i and covers_j:
            covers_j = overlap(kept[i], previous[i]) < overlap(kept[j], previous[j])
            covers_i = not covers_j
        if covers_j:
            kept[i] &= ~kept[j]
        elif covers_i:
            kept[j] &= ~kept[i]
    return kept


def select_free_region(
    maps: list[Regions], mask: NDArray[np.bool_], taken: set[Origin], delta: float
) -> Origin | None:
    """Step 3: the region of all maps, not taken, that agrees best with a previous mask.

    Args:
        maps: The regions of each object's map.
        mask: bool `(h, w)`, the previous mask of the object that selects.
        taken: The regions that are already selected.
        delta: Intersection over union above which a region may be selected.

    Returns:
        Of equals the largest, of those again the first; None if no region agrees well enough.
    """
    best, found = (delta, 0), None
    for channel, regions in enumerate(maps):
        agreement = overlaps(regions, mask)
        for number in np.flatnonzero(agreement > delta):
            origin = Origin(channel, int(number))
            quality = (agreement[number], regions.areas[number])
            if origin not in taken and quality > best:
                best, found = quality, origin
    return found


def _pixels(
    maps: list[Regions], origins: list[Origin], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """The pixels of the selected regions, bool `(K, h, w)`."""
    pixels = np.zeros(shape, dtype=bool)
    for i, (channel, number) in enumerate(origins):
        pixels[i] = (maps[channel].labels == number) & (number > 0)
    return pixels


def _ratio(now: int, before: int) -> float:
    """Area now over area before; 1 if there was none, so that lost objects do not select."""
    return now / before if before else 1.0
