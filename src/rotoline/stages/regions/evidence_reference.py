"""The features of `evidence.region_features` one region and one pixel at a time: slow and plain."""

import math

import numpy as np

from rotoline.stages.regions.components import Regions
from rotoline.stages.regions.evidence import (
    NEARBY_RADIUS,
    Maps,
    ObjectHistory,
    RegionEvidence,
)


def region_features(
    k: int, regions: Regions, scores: Maps, evidence: RegionEvidence, history: ObjectHistory
) -> Maps:
    """Equal to `evidence.region_features` to float32 precision."""
    height, width = scores.shape[1:]
    others = [j for j in range(len(scores)) if j != k]
    last = [(r, c) for r in range(height) for c in range(width) if history.last_visible[r, c]]
    last_area = max(len(last), 1)
    centre = (
        (sum(r for r, _ in last) / last_area, sum(c for _, c in last) / last_area)
        if last
        else (height / 2, width / 2)
    )
    carried = [
        (r, c) for r in range(height) for c in range(width) if evidence.carried[k, r, c] > 0.5
    ]
    pixels = [
        [(r, c) for r in range(height) for c in range(width) if regions.labels[r, c] == number]
        for number in range(1, len(regions.areas))
    ]
    covered = []
    for region in pixels:
        in_last = sum(p in last for p in region) / last_area
        in_carried = sum(p in carried for p in region) / max(len(carried), 1)
        covered.append((in_last, in_carried))

    rows = []
    for number, region in enumerate(pixels):
        area = len(region)

        def mean(values: list[float], area: int = area) -> float:
            return float(sum(values)) / area

        def highest(maps: Maps, p: tuple[int, int]) -> float:
            return max((float(maps[j][p]) for j in others), default=0.0)

        def is_near(p: tuple[int, int]) -> bool:
            return any(
                abs(p[0] - r) <= NEARBY_RADIUS and abs(p[1] - c) <= NEARBY_RADIUS for r, c in last
            )

        row = sum(r for r, _ in region) / area
        column = sum(c for _, c in region) / area
        growth = math.log(area / last_area)
        elsewhere = [max(pair) for at, pair in enumerate(covered) if at != number]
        rows.append(
            [
                mean([float(scores[k][p]) * (scores[k][p] >= highest(scores, p)) for p in region]),
                mean([float(scores[k][p]) for p in region]),
                mean([float(evidence.appearance[k][p]) for p in region]),
                mean([float(evidence.memory[k][p]) for p in region]),
                mean([float(evidence.carried[k][p]) for p in region]),
                mean([highest(scores, p) for p in region]),
                mean([highest(evidence.memory, p) for p in region]),
                mean([highest(evidence.carried, p) for p in region]),
                mean([float(p in last) for p in region]),
                covered[number][0],
                mean([float(is_near(p)) for p in region]),
                covered[number][1],
                growth,
                abs(growth),
                math.log(area / max(history.largest_area, 1)),
                math.log1p(history.hidden_frames),
                max(elsewhere, default=0.0),
                history.motion,
                math.log1p(math.dist((row, column), centre) / math.sqrt(last_area)),
                area / sum(len(one) for one in pixels),
            ]
        )
    return np.array(rows, dtype=np.float32)
