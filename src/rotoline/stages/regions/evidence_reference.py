"""The features of `evidence.region_features` one region and one pixel at a time: slow and plain."""

import math

import numpy as np

from rotoline.stages.regions.components import Regions
from rotoline.stages.regions.evidence import (
    NEARBY_RADIUS,
    Maps,
    Masks,
    ObjectHistory,
    RegionEvidence,
)

Pixel = tuple[int, int]


def region_features(
    k: int, regions: Regions, scores: Maps, evidence: RegionEvidence, history: ObjectHistory
) -> Maps:
    """Equal to `evidence.region_features` to float32 precision."""
    last = _pixels(history.last_visible)
    carried, removed = _pixels(evidence.carried[k] > 0.5), _pixels(history.removed)
    all_regions = [_pixels(regions.labels == n) for n in range(1, len(regions.areas))]
    covered = [(_covers(region, last), _covers(region, carried)) for region in all_regions]
    rows = []
    for at, region in enumerate(all_regions):
        elsewhere = [max(pair) for other, pair in enumerate(covered) if other != at]
        share = len(region) / sum(len(one) for one in all_regions)
        rows.append(
            [
                *_values(k, region, scores, evidence),
                sum(p in last for p in region) / len(region),
                covered[at][0],
                sum(_is_near(p, last) for p in region) / len(region),
                covered[at][1],
                *_sizes(region, last, history),
                math.log1p(history.hidden_frames),
                max(elsewhere, default=0.0),
                history.motion,
                _distance(region, last, history),
                share,
                sum(p in removed for p in region) / len(region),
                float(any(_is_outermost(p, regions.labels.shape) for p in region)),
                float(any(_is_outermost(p, regions.labels.shape) for p in last)),
            ]
        )
    return np.array(rows, dtype=np.float32)


def _pixels(mask: Masks) -> list[Pixel]:
    return [(r, c) for r in range(mask.shape[0]) for c in range(mask.shape[1]) if mask[r, c]]


def _is_outermost(p: Pixel, size: tuple[int, ...]) -> bool:
    return p[0] in (0, size[0] - 1) or p[1] in (0, size[1] - 1)


def _covers(region: list[Pixel], mask: list[Pixel]) -> float:
    """Share of the mask that the region covers."""
    return sum(p in mask for p in region) / max(len(mask), 1)


def _is_near(p: Pixel, mask: list[Pixel]) -> bool:
    return any(max(abs(p[0] - r), abs(p[1] - c)) <= NEARBY_RADIUS for r, c in mask)


def _values(k: int, region: list[Pixel], scores: Maps, evidence: RegionEvidence) -> list[float]:
    """Means of the maps over the region: `own score` to `other carried`."""
    maps = (scores, evidence.appearance, evidence.memory, evidence.carried)

    def highest_other(values: Maps, p: Pixel) -> float:
        return max((float(values[j][p]) for j in range(len(values)) if j != k), default=0.0)

    own = [float(scores[k][p]) * (scores[k][p] >= highest_other(scores, p)) for p in region]
    columns = [own, *([float(values[k][p]) for p in region] for values in maps)]
    columns += [[highest_other(values, p) for p in region] for values in (scores, *maps[2:])]
    return [sum(column) / len(region) for column in columns]


def _sizes(region: list[Pixel], last: list[Pixel], history: ObjectHistory) -> list[float]:
    """`growth`, `size change` and `largest ratio`."""
    growth = math.log(len(region) / max(len(last), 1))
    return [growth, abs(growth), math.log(len(region) / max(history.largest_area, 1))]


def _distance(region: list[Pixel], last: list[Pixel], history: ObjectHistory) -> float:
    centre, other = (
        [sum(p[axis] for p in pixels) / len(pixels) for axis in (0, 1)] if pixels else None
        for pixels in (region, last)
    )
    assert centre is not None
    reference = [extent / 2 for extent in history.last_visible.shape] if other is None else other
    return math.log1p(math.dist(centre, reference) / math.sqrt(max(history.largest_area, 1)))
