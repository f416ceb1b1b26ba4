"""`new_parts.split_off_new_parts`, one pixel at a time: slow and plain."""

import math

import numpy as np

from rotoline.stages.regions.components import Regions
from rotoline.stages.regions.new_parts import (
    NEAR_RADIUS,
    SMALLEST_AREA,
    SMALLEST_REST,
    SMALLEST_SHARE,
    Masks,
)

Pixel = tuple[int, int]


def split_off_new_parts(
    regions: Regions, stays: Masks, here: Masks, last_visible: Masks, removed: Masks
) -> Regions:
    """Equal to `new_parts.split_off_new_parts`."""
    n, labels = len(regions.areas) - 1, np.array(regions.labels)
    everywhere = [(int(r), int(c)) for r, c in np.ndindex(labels.shape)]
    was_here = [p for p in everywhere if here[p]]
    with_place = {int(labels[p]) for p in was_here} - {0}
    split = [p for p in everywhere if labels[p] in with_place and stays[labels[p] - 1]]
    new = [
        p
        for p in split
        if not here[p] and (removed[p] or not any(_steps(p, q) <= NEAR_RADIUS for q in was_here))
    ]
    smallest = max(SMALLEST_AREA, SMALLEST_SHARE * int(last_visible.sum()))
    large = [p for part in _connected(new) if len(part) >= smallest for p in part]
    place = [p for p in split if here[p]]
    kept = [p for p in everywhere if labels[p] and stays[labels[p] - 1]]
    covered = sum(bool(last_visible[p]) for p in kept) / max(int(last_visible.sum()), 1)
    if covered < SMALLEST_REST or not large:
        return regions
    parts = [p for p in split if not here[p] and _distance(p, large) < _distance(p, place)]
    for number, part in enumerate(_connected(parts), start=n + 1):
        for p in part:
            labels[p] = number
    return Regions(labels, np.bincount(labels.ravel(), minlength=n + 1 + len(_connected(parts))))


def _steps(p: Pixel, q: Pixel) -> int:
    """Pixels from one to the other, diagonal ones included."""
    return max(abs(p[0] - q[0]), abs(p[1] - q[1]))


def _distance(p: Pixel, others: list[Pixel]) -> float:
    return min(math.dist(p, q) for q in others)


def _connected(pixels: list[Pixel]) -> list[list[Pixel]]:
    """The 8-connected sets of pixels that are given row by row, in the order of their first ones.

    A pixel that joins several sets joins them to one.
    """
    sets: list[list[Pixel]] = []
    for p in pixels:
        touching = [one for one in sets if any(_steps(p, q) <= 1 for q in one)]
        merged = sorted([p, *(q for one in touching for q in one)])
        sets = [one for one in sets if one not in touching] + [merged]
    return sorted(sets)
