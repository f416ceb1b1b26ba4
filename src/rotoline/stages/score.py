"""Stage 3 of 6: each object's score map, from its own rule and from where it was before.

    frames ─► foreground ─► adapt ─► [score] ─► propagate ─► regions ─► fuse ─► labels

The rule says how much a pixel looks like the object. The prior-aware fusion adds where the object
was one frame earlier, where that has moved to, what the marked frames say about pixels like these,
and where the other objects are. See docs/method.md#score.
"""

from typing import NamedTuple

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from rotoline.learning.ridge import apply_rules
from rotoline.nets.embedding import Features
from rotoline.nets.fast import FastNet
from rotoline.nets.recall import Memory


class ScoreConfig(BaseModel):
    """What a score is made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prior: bool = True
    """Whether the frame before, the marked frames and the other objects take part."""
    recall: bool = True
    """Whether pixels are looked up in the frame before and in the marked frames."""


class Past(NamedTuple):
    """What is known before a frame is looked at, for R rules."""

    scores: Tensor
    """`(R, h, w)` in [0, 1]: score maps of the frame before."""
    keys: Tensor
    """`Features.keys` of the frame before."""
    memory: Memory
    """The marked frames."""


def score_objects(
    net: FastNet, rules: Tensor, features: Features, past: Past, config: ScoreConfig
) -> Tensor:
    """Score every rule on one frame.

    Args:
        net: Gives the fusion, the recall, and the scale from raw score to logit.
        rules: `(R, D1)`: K objects and, where K > 1, their union as the last.
        features: Of the frame.
        past: What came before.
        config: What takes part.

    Returns:
        `(R, 1, h, w)`: logits.
    """
    raw = apply_rules(rules, features.embedding[0])
    logits = net.scale * raw + net.shift
    if not config.prior:
        return logits[:, None]
    recalled, rivals = [None] * len(logits), [None] * len(logits)
    if config.recall:
        near = net.recall.near(features.keys, past.keys, past.scores)
        recalled = list(torch.stack((near, net.recall.far(features, past.memory)), dim=1)[:, None])
    if len(logits) > 1:
        rivals[:-1] = find_rivals(logits[:-1], past.scores[:-1])[:, None]
    # One object at a time keeps the maps small enough for the cache, and memory independent of
    # the number of objects.
    return torch.cat(
        [
            net.fusion(logit[None, None], prior[None, None], *others, features)
            for logit, prior, *others in zip(logits, past.scores, recalled, rivals, strict=True)
        ]
    )


def find_rivals(logits: Tensor, scores: Tensor) -> Tensor:
    """For each of K > 1 objects the highest of the others.

    Args:
        logits: `(K, h, w)` of the frame.
        scores: `(K, h, w)` of the frame before.

    Returns:
        `(K, 2, h, w)`.
    """
    return torch.stack((_highest_other(logits), _highest_other(scores)), dim=1)


def _highest_other(maps: Tensor) -> Tensor:
    best, at = maps.max(0, keepdim=True)
    second = maps.scatter(0, at, -torch.inf).amax(0, keepdim=True)
    is_best = at == torch.arange(len(maps))[:, None, None]
    return torch.where(is_best, second, best)
