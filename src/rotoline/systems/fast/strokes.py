"""One frame segmented from strokes, without any mask: what a person sees while marking.

A stroke says of a few pixels whether they are the object. The ridge classifiers need no more: they
are solved on the pixels with a stroke, as from a mask in which everything else is unknown.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from rotoline.learning.ridge import accumulate, solve
from rotoline.learning.targets import known_shares, with_union
from rotoline.systems.fast.encoder import Features
from rotoline.systems.fast.memory_readout import MemoryFrames
from rotoline.systems.fast.network import FastNet
from rotoline.systems.fast.online_ridge import OTHER_OBJECT_WEIGHT
from rotoline.systems.fast.scoring import (
    ScoringConfig,
    TemporalContext,
    readout_maps,
    score_objects,
)
from rotoline.types import SATURATED_LOGIT

PASSES = 2
"""How often the frame is scored; each time with the answer before as the previous score map."""
BORDER_WEIGHT, BORDER_WIDTH = 0.3, 2
"""Weight of the pixels along the border of the frame as samples of the background, where no stroke
says more, and the width of that strip in pixels of the maps."""


@dataclass(frozen=True, slots=True)
class StrokeMaps:
    """The strokes of K objects in a frame, at the working size."""

    inside: Tensor
    """float32 `(K, H, W)`: 1 where a stroke says that a pixel is the object."""
    outside: Tensor
    """float32 `(K, H, W)`: 1 where a stroke says that it is not, without those of other objects."""


def segment_from_strokes(net: FastNet, features: Features, strokes: StrokeMaps) -> Tensor:
    """Score all objects in a frame that has strokes and nothing else.

    Args:
        net: The network.
        features: Of the frame.
        strokes: At least one pixel inside for each object.

    Returns:
        float32 `(K, H, W)`: logits at the working size, saturated where strokes are, and below 0
        in regions without a stroke inside.
    """
    count = len(strokes.inside)
    inside = with_union(strokes.inside)
    outside, others = strokes.outside, (strokes.inside.sum(0) - strokes.inside).clamp(max=1)
    if count > 1:
        outside = torch.cat((outside, outside.amin(0, keepdim=True)))
        others = torch.cat((others, torch.zeros_like(others[:1])))
    known = torch.maximum(torch.maximum(inside, outside), others)
    shares, counted = known_shares(inside, known, 4)
    other_shares, _ = known_shares(others, known, 4)
    weights = torch.maximum(counted, BORDER_WEIGHT * _border(counted))
    equations = accumulate(
        features.embedding[0], shares, other_shares, OTHER_OBJECT_WEIGHT, weights
    )
    classifiers = solve(equations, net.ridge)
    values, present = known_shares(inside, known, 16)
    memory = MemoryFrames(features.global_keys[0].flatten(1), values.flatten(1), present.flatten(1))
    scores, config = torch.zeros_like(shares), ScoringConfig()
    for _ in range(PASSES):
        context = TemporalContext(scores, features.local_keys, memory)
        readouts = readout_maps(net, features, context)
        refined = score_objects(net, classifiers, features, context, readouts, config)
        logits = net.propagation(refined[:, None], features)[:, 0]
        scores = logits.sigmoid()
    inside, known = strokes.inside, known[:count]
    logits = functional.interpolate(
        logits[None, :count], size=inside.shape[-2:], mode="bilinear", align_corners=False
    )[0]
    logits = torch.where(known > 0, SATURATED_LOGIT * (2 * inside - 1), logits)
    kept = [
        touched_regions((one > 0).numpy(), (stroke > 0).numpy())
        for one, stroke in zip(logits, inside, strict=True)
    ]
    return torch.where(torch.from_numpy(np.stack(kept)), logits, logits.clamp(max=-1e-3))


def touched_regions(mask: NDArray[np.bool_], stroke: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The 8-connected regions of a mask `(H, W)` that a stroke touches.

    Example:
        >>> mask = np.array([[1, 1, 0, 1]], dtype=bool)
        >>> touched_regions(mask, np.array([[1, 0, 0, 0]], dtype=bool)).astype(int)
        array([[1, 1, 0, 0]])
    """
    regions, count = ndimage.label(mask, structure=np.ones((3, 3), int))
    is_touched = np.zeros(count + 1, dtype=bool)
    is_touched[np.unique(regions[stroke])] = True
    is_touched[0] = False
    found: NDArray[np.bool_] = is_touched[regions]
    return found


def _border(maps: Tensor) -> Tensor:
    """1 along the border of maps `(K, h, w)`, 0 elsewhere."""
    ring = torch.ones_like(maps)
    ring[..., BORDER_WIDTH:-BORDER_WIDTH, BORDER_WIDTH:-BORDER_WIDTH] = 0
    return ring
