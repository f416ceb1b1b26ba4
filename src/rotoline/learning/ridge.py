"""Learning objects in closed form: weighted ridge regression on the embedding of pixels.

The paper fine-tunes a network per object with a class-balanced loss (equation 1). Its last layers
are linear, so on a frozen embedding the same classifier is the solution of a convex problem, and
with a squared loss the solution has a closed form. Everything learned from a frame is kept in two
small sums, the normal equations, never as pixels.

For object i with pixels p, embeddings x_p (with a constant 1 appended), targets y_p in [-1, 1] and
pixel weights v_p:

    A = sum_p v_p x_p x_p',   b = sum_p v_p y_p x_p,   classifier = (A + ridge I)^-1 b
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class NormalEquations(NamedTuple):
    """The sums over one view, for K objects; D1 = D + 1. Views combine by `weighted_sum`."""

    gram: Tensor
    """float `(K, D1, D1)`: A."""
    moment: Tensor
    """float `(K, D1)`: b."""


def accumulate(
    embedding: Tensor,
    masks: Tensor,
    others: Tensor | None = None,
    other_weight: float = 0.0,
    confident: Tensor | None = None,
) -> NormalEquations:
    """Sum up the normal equations of one view.

    Object and background get half of the total weight each (the class balance of equation 1), so
    that the size of an object does not matter. Of the background's half, `other_weight` goes to the
    other annotated objects, however small they are: separating an object from them matters more
    than separating it from the sky. An object that is absent from the view contributes background
    alone.

    Args:
        embedding: float `(D, h, w)`.
        masks: float `(K, h, w)` in [0, 1]: the share of each pixel that the object covers.
        others: float `(K, h, w)` in [0, 1]: the share that other objects cover; None for no others.
        other_weight: In [0, 1): fraction of the background's weight for the other objects.
        confident: float `(K, h, w)` in [0, 1]: weight of each pixel as a sample; None for 1.

    Returns:
        Normal equations of total weight 1 per object, differentiable in the embedding.
    """
    pixels = embedding.flatten(1).T
    pixels = functional.pad(pixels, (0, 1), value=1.0)
    share = masks.flatten(1)
    known = torch.ones_like(share) if confident is None else confident.flatten(1)
    rest = (1 - share) * known
    other = torch.zeros_like(share) if others is None else others.flatten(1) * known
    part = other_weight * (other.sum(1, keepdim=True) >= 1).to(share)
    weights = 0.5 * (
        _normalised(share * known) + (1 - part) * _normalised(rest) + part * _normalised(other)
    )
    # Away from all objects, background pixels have one weight, so they are summed up once for all
    # objects, and each object adds what differs near the objects.
    away = 0.5 * (1 - part) / rest.sum(1, keepdim=True).clamp(min=1.0)
    is_near = (share + other + 1 - known).amax(0) > 0
    near, differences = pixels[is_near], (weights - away)[:, is_near]
    gram = torch.stack([(near * difference[:, None]).T @ near for difference in differences])
    gram = gram + away[:, :, None] * (pixels.T @ pixels)
    return NormalEquations(gram, (weights * (2 * share - 1)) @ pixels)


def _normalised(share: Tensor) -> Tensor:
    """Weights `(K, P)` that sum to 1 per object, or to less if there is less than a pixel."""
    return share / share.sum(1, keepdim=True).clamp(min=1.0)


def weighted_sum(views: list[NormalEquations], weights: Tensor) -> NormalEquations:
    """Weighted mean of the normal equations of several views of the same objects.

    Args:
        views: Normal equations of V views.
        weights: float `(V, K)`, not negative, with a positive sum for each object: how much each
            view counts for each object.
    """
    share = weights / weights.sum(0)
    pairs = list(zip(share, views, strict=True))
    zero = torch.zeros((), dtype=torch.float32)
    gram = sum((w[:, None, None] * view.gram for w, view in pairs), start=zero)
    moment = sum((w[:, None] * view.moment for w, view in pairs), start=zero)
    return NormalEquations(gram, moment)


def solve(equations: NormalEquations, ridge: Tensor) -> Tensor:
    """Solve for the classifiers, float `(K, D1)`; differentiable, so the embedding can be trained.

    Args:
        equations: Normal equations of K objects.
        ridge: Scalar, not negative: strength of the L2 regularisation.
    """
    identity = torch.eye(equations.gram.shape[-1], dtype=equations.gram.dtype)
    system = equations.gram + ridge * identity.to(equations.gram.device)
    classifiers: Tensor = torch.linalg.solve(system, equations.moment)
    return classifiers


def predict(classifiers: Tensor, embedding: Tensor) -> Tensor:
    """Outputs `(K, h, w)` of classifiers `(K, D1)`: about -1 outside of an object, +1 inside.

    Args:
        classifiers: float `(K, D1)`, the bias last.
        embedding: float `(D, h, w)`.
    """
    outputs = classifiers[:, :-1] @ embedding.flatten(1) + classifiers[:, -1:]
    return outputs.reshape(len(classifiers), *embedding.shape[1:])
