"""Stage 3 of 6: each object's score map, from its own rule and from where it was before.

    frames ─► foreground ─► adapt ─► [score] ─► propagate ─► regions ─► fuse ─► labels

The rule says how much a pixel looks like the object; the prior-aware fusion adds where the object
was one frame earlier. See docs/method.md#score.
"""

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from rotoline.learning.ridge import apply_rules
from rotoline.nets.embedding import Features
from rotoline.nets.fast import FastNet


class ScoreConfig(BaseModel):
    """What a score is made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prior: bool = True
    """Whether the mask of the frame before takes part."""


def score_objects(
    net: FastNet, rules: Tensor, features: Features, priors: Tensor, config: ScoreConfig
) -> Tensor:
    """Score every rule on one frame.

    Args:
        net: Gives the fusion and the scale from raw score to logit.
        rules: `(R, D1)`.
        features: Of the frame.
        priors: `(R, h, w)` in [0, 1], each object's score map one frame earlier.
        config: Whether to use them.

    Returns:
        `(R, 1, h, w)`: logits.
    """
    raw = apply_rules(rules, features.embedding[0])
    logits = (net.scale * raw + net.shift)[:, None]
    if not config.prior:
        return logits
    # One object at a time keeps the maps small enough for the cache, and memory independent of
    # the number of objects.
    return torch.cat(
        [
            net.fusion(logit[None], prior[None, None], features)
            for logit, prior in zip(logits, priors, strict=True)
        ]
    )
