"""Spatial propagation: learned, directional smoothing of a map (method.md, section 3).

For one direction, say left to right, with column t and row j:

    h_t(j) = (1 - sum_k g_k,t(j)) x_t(j) + sum_k g_k,t(j) h_{t-1}(j + k),   k in {-1, 0, +1}

The first column is x itself, and a neighbour outside the image has gate 0, so that its share goes
to x. The other directions are the same on the flipped or transposed map.
"""

from typing import Literal

from torch import Tensor
from torch.nn import functional

from rotoline.errors import InputError
from rotoline.kernels.dispatch import Candidate, choose
from rotoline.kernels.propagation import reference, vectorised

__all__ = ["DIRECTIONS", "candidates", "propagate", "signed_gates", "softmax_gates"]

DIRECTIONS = ("right", "left", "down", "up")
"""The order of the directions in gates and unmerged results: where the scan moves to."""

_SCANS = {"reference": reference.scan, "vectorised": vectorised.scan}


def candidates() -> list[Candidate]:
    """Implementations, best first, each with the reason why it cannot run here, if any."""
    return [Candidate("vectorised"), Candidate("reference")]


def propagate(x: Tensor, gates: Tensor, merge: Literal["max", "mean", "none"] = "max") -> Tensor:
    """Propagate a map in four directions and merge the results.

    Args:
        x: `(B, C, H, W)`, floating point.
        gates: `(B or 1, 4, 3, H, W)`, same dtype: for each of `DIRECTIONS` the weights of the
            neighbours k = -1, 0, +1 (row above, same, below; for vertical scans column left, same,
            right). Shared by all channels, and by the whole batch where the first size is 1.
            Weights at neighbours outside the map are ignored.
        merge: `max` and `mean` over the directions, or `none` for all four.

    Returns:
        `(B, C, H, W)`, or `(4, B, C, H, W)` with `none`. Where the gates of a pixel are
        non-negative and sum to at most 1, its value stays within the range of `x`; a constant map
        stays as it is for any gates. Differentiable in `x` and `gates`.

    Raises:
        InputError: Shapes or dtypes do not fit.

    Example:
        A full gate to the left neighbour carries the first column to the right:

        >>> import torch
        >>> x = torch.tensor([[[[1.0, 0.0, 0.0]]]])
        >>> gates = torch.zeros(1, 4, 3, 1, 3)
        >>> gates[:, 0, 1] = 1.0
        >>> propagate(x, gates, merge="none")[0]
        tensor([[[[1., 1., 1.]]]])

    Source:
        Equation 2 of the paper; Liu et al., NeurIPS 2017. Merging by maximum is the paper's.
    """
    if x.dim() != 4 or not x.is_floating_point():
        raise InputError(f"x is {x.dtype} of shape {tuple(x.shape)}; it must be float (B, C, H, W)")
    batch, _, height, width = x.shape
    shared, own = (1, 4, 3, height, width), (batch, 4, 3, height, width)
    if tuple(gates.shape) not in (shared, own) or gates.dtype != x.dtype:
        raise InputError(
            f"gates are {gates.dtype} of shape {tuple(gates.shape)}; "
            f"x needs {x.dtype} of shape {shared} or {own}"
        )
    results = _SCANS[choose(candidates())](x, gates)
    if merge == "max":
        return results.amax(0)
    return results.mean(0) if merge == "mean" else results


def softmax_gates(logits: Tensor) -> Tensor:
    """Make gates out of four logits a pixel: three neighbours and "take x".

    A softmax makes every pixel a convex combination, so probabilities stay probabilities
    (method.md, section 3.3).

    Args:
        logits: `(B, 4, 4, H, W)`: direction, then the neighbours -1, 0, +1 and "take x".

    Returns:
        `(B, 4, 3, H, W)`: non-negative, summing to less than 1.
    """
    return functional.softmax(logits, dim=2)[:, :, :3]


def signed_gates(values: Tensor) -> Tensor:
    """Normalise signed gates so that their absolute values sum to at most 1.

    The paper's stability rule (Gershgorin). Divides only where the sum exceeds 1, so that smaller
    gates keep a share of x. Results may leave the range of x.

    Args:
        values: `(B, 4, 3, H, W)`, any sign.
    """
    return values / values.abs().sum(2, keepdim=True).clamp(min=1.0)
