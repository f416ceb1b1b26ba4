"""Stage 5 of 6: remove the connected regions that cannot be the object.

    frames ─► foreground ─► adapt ─► score ─► propagate ─► [regions] ─► fuse ─► labels

A rule learned from one frame also fires on look-alikes. An object moves little from one frame to
the next, so a region that shares nothing with where the object was last seen is a look-alike.
This is the paper's connected-region-aware filter (CRAF), with a memory: what a region is compared
with is the object's last visible mask, however long ago, so that hidden objects can come back.
See docs/method.md#regions.
"""

from typing import NamedTuple

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
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


REMOVED = -8.0
"""Logit of removed pixels."""


class Seen(NamedTuple):
    """What is remembered of K objects."""

    last: np.ndarray
    """bool `(K, h, w)`, each object's last visible mask."""
    largest: np.ndarray
    """int `(K,)`, how many pixels each has covered at most."""
    hidden: np.ndarray
    """int `(K,)`, for how many frames each has not been visible."""


class Elsewhere(NamedTuple):
    """What a region must hold against where its object was never seen."""

    best: np.ndarray
    """float `(h, w)`, the highest score of all objects."""
    most: float
    """How many pixels the region may have."""


def remove_regions(logits: Tensor, seen: Seen, config: RegionsConfig) -> Tensor:
    """Hide every region that its object cannot have moved to.

    Args:
        logits: `(K, h, w)`.
        seen: What is remembered of the objects.
        config: Thresholds.

    Returns:
        Logits; kept pixels keep their value.
    """
    if not config.enabled:
        return logits
    scores = logits.sigmoid().numpy()
    best = scores.max(0)
    removed = []
    for score, last, largest, hidden in zip(scores, *seen, strict=True):
        may_return = hidden >= config.return_after
        elsewhere = Elsewhere(best, config.return_area * largest) if may_return else None
        removed.append(choose_regions(score, last, config, elsewhere))
    return logits.masked_fill(torch.from_numpy(np.stack(removed)), REMOVED)


def choose_regions(
    score: np.ndarray,
    last_seen: np.ndarray,
    config: RegionsConfig,
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
        >>> choose_regions(score, last_seen, RegionsConfig())
        array([[False, False, False, False,  True]])

    Source:
        Paper, CRAF step 1. Deviations: parts inside the last mask stay too; the reference is the
        last non-empty mask, and hidden objects may come back; the paper's reference is the
        previous mask, and a lost object stays lost.
        Overlaps between objects (step 2) are settled by comparing scores in stage 6.
    """
    from scipy import ndimage  # a fifth of the time that loading the model takes; needed only now

    regions, count = ndimage.label(score > config.threshold, structure=_EIGHT_CONNECTED)
    if count == 0:
        return np.zeros(score.shape, dtype=bool)
    area = np.bincount(regions.ravel(), minlength=count + 1)
    shared = np.bincount(regions[last_seen], minlength=count + 1)
    overlap = shared / (area + last_seen.sum() - shared)
    overlap[0] = -1.0
    means = np.bincount(regions.ravel(), score.ravel(), minlength=count + 1) / area
    around = ndimage.maximum_filter(last_seen, size=2 * config.reach + 1)
    near = np.bincount(regions[around], minlength=count + 1) > config.inside * area
    stays = (shared > config.inside * area) | (near & (means >= config.near_score))
    closest = np.lexsort((area, overlap))[-1]
    stays[closest] = stays[closest] or overlap[closest] >= config.least_overlap
    if elsewhere is not None and not stays.any():
        own = np.where(score >= elsewhere.best, score, 0.0)
        means = np.bincount(regions.ravel(), own.ravel(), minlength=count + 1) / area
        means[area > elsewhere.most] = 0.0
        means[0] = 0.0
        stays[means.argmax()] = means.max() >= config.return_score
    stays[0] = True
    return ~stays[regions]
