"""Spatial propagation: learned, directional smoothing of a map (docs/kernels.md).

For one direction, say left to right, with column t and row j:

    h_t(j) = (1 - sum_k g_k,t(j)) x_t(j) + sum_k g_k,t(j) h_{t-1}(j + k),   k in {-1, 0, +1}

The first column is x itself, and a neighbour outside the image has gate 0, so that its share goes
to x. The other directions are the same on the flipped or transposed map.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.errors import InputError
from rotoline.kernels.propagation.operator import candidates, scan, scan_merged

__all__ = ["DIRECTIONS", "candidates", "propagate", "signed_gates", "softmax_gates"]

DIRECTIONS = ("right", "left", "down", "up")
"""The order of the directions in gates and unmerged results: where the scan moves to."""


def propagate(
    x: Tensor, gates: Tensor, merge: Literal["max", "mean", "none"] | Tensor = "max"
) -> Tensor:
    """Propagate a map in four directions and merge the results.

    Args:
        x: `(B, C, H, W)`, floating point; on the CPU or a GPU. Every size works, also 0 and 1.
            bfloat16 and float16 are stored as such and computed in float32; under autocast all is
            float32.
        gates: `(B or 1, 4, 3, H, W)`, same dtype and device: for each of `DIRECTIONS` the weights
            of the neighbours k = -1, 0, +1 (row above, same, below; for vertical scans column
            left, same, right). Shared by all channels, and by the whole batch where the first size
            is 1. With one set per channel, `(B or 1, 4, 3, C, H, W)`. Weights at neighbours
            outside the map are ignored.
        merge: `max` and `mean` over the directions, `none` for all four, or learned weights of
            the directions, `(4,)` for all channels or `(4, C)`: the weighted sum.

    Returns:
        `(B, C, H, W)`, or `(4, B, C, H, W)` with `none`. Where the gates of a pixel are
        non-negative and sum to at most 1, its value stays within the range of `x`; a constant map
        is unchanged by any gates (merged by weights: multiplied by their sum). Differentiable once
        in `x`, `gates` and the weights.

    Raises:
        InputError: Shapes, dtypes or devices do not fit.
        KernelError: `ROTOLINE_KERNELS` asks for an implementation that cannot run here.

    Example:
        A full gate to the left neighbour carries the first column to the right:

        >>> import torch
        >>> x = torch.tensor([[[[1.0, 0.0, 0.0]]]])
        >>> gates = torch.zeros(1, 4, 3, 1, 3)
        >>> gates[:, 0, 1] = 1.0
        >>> propagate(x, gates, merge="none")[0]
        tensor([[[[1., 1., 1.]]]])

    Source:
        Equation 2 of the paper; Liu et al., NeurIPS 2017. Merging by maximum is the paper's, one
        set of gates per channel that of the published SPN code.
    """
    gates = _check(x, gates)
    if isinstance(merge, Tensor):
        return _weighted(scan(x, gates), merge)
    if merge not in ("max", "mean", "none"):
        raise InputError(f"merge is {merge!r}; it must be max, mean, none or a tensor of weights")
    needs_gradients = torch.is_grad_enabled() and (x.requires_grad or gates.requires_grad)
    if merge != "none" and not needs_gradients:
        merged: Tensor = scan_merged(x, gates, merge)
        return merged
    results: Tensor = scan(x, gates)
    if merge == "max":
        return results.amax(0)
    return results.mean(0) if merge == "mean" else results


def _check(x: Tensor, gates: Tensor) -> Tensor:
    """Check shapes, dtypes and devices; return the gates as `(B or 1, 4, 3, C or 1, H, W)`."""
    if x.dim() != 4 or not x.is_floating_point():
        raise InputError(f"x is {x.dtype} of shape {tuple(x.shape)}; it must be float (B, C, H, W)")
    batch, channels, height, width = x.shape
    size = tuple(gates.shape)
    fits = (
        len(size) in (5, 6)
        and size[0] in (1, batch)
        and size[1:3] == (4, 3)
        and size[-2:] == (height, width)
        and (len(size) == 5 or size[3] in (1, channels))
    )
    # Autocast brings both to one dtype; gates from float32 layers may meet a bfloat16 map there.
    same = gates.dtype == x.dtype or (
        gates.is_floating_point() and torch.is_autocast_enabled(x.device.type)
    )
    if not fits or not same or gates.device != x.device:
        raise InputError(
            f"gates are {gates.dtype} of shape {size} on {gates.device}; "
            f"x needs {x.dtype} on {x.device} of shape ({batch} or 1, 4, 3, {height}, {width}) or "
            f"({batch} or 1, 4, 3, {channels}, {height}, {width})"
        )
    return gates if len(size) == 6 else gates.unsqueeze(3)


def _weighted(results: Tensor, weights: Tensor) -> Tensor:
    """Sum of `(4, B, C, H, W)` over the directions with weights `(4,)` or `(4, C)`."""
    channels = results.shape[2]
    if tuple(weights.shape) not in ((4,), (4, channels)):
        raise InputError(
            f"merge weights have shape {tuple(weights.shape)}; they need (4,) or (4, {channels})"
        )
    weights = weights.to(results.dtype).reshape(4, 1, -1, 1, 1)
    return (results * weights).sum(0)


def softmax_gates(logits: Tensor) -> Tensor:
    """Compute gates from four logits per pixel: three neighbours and "take x".

    A softmax makes every pixel a convex combination, so probabilities stay probabilities
    (docs/method/fast.md).

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
