"""Stage 5 of 6: remove the connected regions that cannot be the object.

    frames ─► foreground ─► adapt ─► score ─► propagate ─► [regions] ─► fuse ─► labels

A rule learned from one frame also fires on look-alikes. An object moves little from one frame to
the next, so a region that shares nothing with where the object was last seen is a look-alike.
This is the paper's connected-region-aware filter (CRAF), with a memory: what a region is compared
with is the object's last visible mask, however long ago, so that hidden objects can come back.
See docs/method.md#regions.
"""

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from scipy import ndimage
from torch import Tensor

_EIGHT_CONNECTED = np.ones((3, 3), dtype=bool)


class RegionsConfig(BaseModel):
    """Which regions can be the object."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    """Off for measuring what the stage brings."""
    threshold: float = Field(0.3, gt=0, lt=1)
    """Score from which a pixel belongs to a region."""
    inside: float = Field(0.5, ge=0, le=1)
    """Share of a region that must lie in the last visible mask for it to stay beside the best."""
    least_overlap: float = Field(0.01, ge=0, le=1)
    """Intersection over union that the best region needs; below it the object is hidden."""


REMOVED = -8.0
"""Logit of removed pixels."""


def remove_regions(logits: Tensor, last_seen: np.ndarray, config: RegionsConfig) -> Tensor:
    """Hide every region that its object cannot have moved to.

    Args:
        logits: `(K, h, w)`.
        last_seen: bool `(K, h, w)`, each object's last visible mask.
        config: Thresholds.

    Returns:
        Logits; kept pixels keep their value.
    """
    if not config.enabled:
        return logits
    scores = logits.sigmoid().numpy()
    removed = [
        choose_regions(score, seen, config) for score, seen in zip(scores, last_seen, strict=True)
    ]
    return logits.masked_fill(torch.from_numpy(np.stack(removed)), REMOVED)


def choose_regions(score: np.ndarray, last_seen: np.ndarray, config: RegionsConfig) -> np.ndarray:
    """Find the pixels to remove.

    A region is an 8-connected set of pixels scoring above `threshold`. The region with the best
    intersection over union with `last_seen` stays (of equals the largest), and so does every
    region that lies mostly inside it: parts of one object need not touch.

    Args:
        score: float `(h, w)` in [0, 1].
        last_seen: bool `(h, w)`, the object's last visible mask.
        config: Thresholds.

    Returns:
        bool `(h, w)`: pixels of implausible regions. Pixels below the threshold are never in it.

    Example:
        >>> score = np.array([[0.9, 0.8, 0.1, 0.1, 0.7]])
        >>> last_seen = np.array([[True, False, False, False, False]])
        >>> choose_regions(score, last_seen, RegionsConfig())
        array([[False, False, False, False,  True]])

    Source:
        Paper, CRAF step 1. Deviations: parts inside the last mask stay too; the reference is the
        last non-empty mask, where the paper's is the previous one and a lost object stays lost.
        Overlaps between objects (step 2) are settled by comparing scores in stage 6.
    """
    regions, count = ndimage.label(score > config.threshold, structure=_EIGHT_CONNECTED)
    if count == 0:
        return np.zeros(score.shape, dtype=bool)
    area = np.bincount(regions.ravel(), minlength=count + 1)
    shared = np.bincount(regions[last_seen], minlength=count + 1)
    overlap = shared / (area + last_seen.sum() - shared)
    overlap[0] = -1.0
    stays = shared > config.inside * area
    best = np.lexsort((area, overlap))[-1]
    stays[best] = stays[best] or overlap[best] >= config.least_overlap
    stays[0] = True
    return ~stays[regions]
