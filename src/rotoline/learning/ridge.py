"""Learning one object in closed form: a weighted ridge regression on embeddings.

The paper fine-tunes a network per object with a class-balanced loss (equation 1). Its head is
linear, so on a frozen embedding the same rule is a convex problem, and with a squared loss it has a
closed form. Everything a frame teaches is kept in two small sums (`Evidence`), never as pixels.

For object i with pixels p, embeddings x_p (one constant appended), targets y_p in [-1, 1] and
weights v_p:   A = sum_p v_p x_p x_p',   b = sum_p v_p y_p x_p,   rule = (A + damping I)^-1 b
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Evidence(NamedTuple):
    """What one view of K objects teaches; D1 = D + 1. Views add up: weigh and sum the parts."""

    gram: Tensor
    """`(K, D1, D1)`: A."""
    moment: Tensor
    """`(K, D1)`: b."""


def gather_evidence(
    embedding: Tensor,
    masks: Tensor,
    rivals: Tensor | None = None,
    rival_share: float = 0.0,
    trust: Tensor | None = None,
) -> Evidence:
    """Sum up what one view says about each object.

    Foreground and background get half of the total weight each (the balance of equation 1), so
    that neither a small nor a large object is neglected. An object that is absent from the view
    teaches with its background half alone. Of the background's half, `rival_share` goes to the
    rivals, the other marked objects, however small they are: for an object it matters more to be
    told apart from them than from the sky.

    Args:
        embedding: `(D, h, w)`.
        masks: `(K, h, w)` in [0, 1]: the share of each pixel that the object covers.
        rivals: `(K, h, w)` in [0, 1]: the share that other objects cover.
        rival_share: In [0, 1).
        trust: `(K, h, w)` in [0, 1]: how far each pixel is believed; all are, by default.

    Returns:
        Evidence of total weight 1 per object, differentiable in the embedding.
    """
    pixels = embedding.flatten(1).T
    pixels = functional.pad(pixels, (0, 1), value=1.0)
    share = masks.flatten(1)
    believed = torch.ones_like(share) if trust is None else trust.flatten(1)
    rest = (1 - share) * believed
    rival = torch.zeros_like(share) if rivals is None else rivals.flatten(1) * believed
    part = rival_share * (rival.sum(1, keepdim=True) >= 1)
    weights = 0.5 * (_spread(share * believed) + (1 - part) * _spread(rest) + part * _spread(rival))
    # Away from all objects a background pixel has one weight, so that those pixels are summed up
    # once for all objects, and each object adds what is different near the objects.
    away = 0.5 * (1 - part) / rest.sum(1, keepdim=True).clamp(min=1.0)
    is_near = (share + rival + 1 - believed).amax(0) > 0
    near, differences = pixels[is_near], (weights - away)[:, is_near]
    gram = torch.stack([(near * difference[:, None]).T @ near for difference in differences])
    gram = gram + away[:, :, None] * (pixels.T @ pixels)
    return Evidence(gram, (weights * (2 * share - 1)) @ pixels)


def _spread(share: Tensor) -> Tensor:
    """Weights of total 1 per object `(K, P)`; less where there is less than a pixel."""
    return share / share.sum(1, keepdim=True).clamp(min=1.0)


def mix_evidence(parts: list[Evidence], weights: Tensor) -> Evidence:
    """Weighted mean of several views of the same objects.

    Args:
        parts: V views.
        weights: `(V, K)`, not negative, with a positive sum for each object: how much each view
            counts for each object.
    """
    share = weights / weights.sum(0)
    gram = sum(w[:, None, None] * part.gram for w, part in zip(share, parts, strict=True))
    moment = sum(w[:, None] * part.moment for w, part in zip(share, parts, strict=True))
    return Evidence(gram, moment)


def solve(evidence: Evidence, damping: Tensor) -> Tensor:
    """Solve for the rules `(K, D1)`; differentiable, so the embedding trains through it."""
    identity = torch.eye(evidence.gram.shape[-1], dtype=evidence.gram.dtype)
    system = evidence.gram + damping * identity.to(evidence.gram.device)
    return torch.linalg.solve(system, evidence.moment)


def apply_rules(rules: Tensor, embedding: Tensor) -> Tensor:
    """Raw scores `(K, h, w)` of an embedding `(D, h, w)`: about -1 outside, +1 inside."""
    scores = rules[:, :-1] @ embedding.flatten(1) + rules[:, -1:]
    return scores.unflatten(1, embedding.shape[1:])
