"""Propagation in plain PyTorch: a loop over columns, everything else at once. Runs anywhere.

Opposite directions share one loop: they are stacked after a flip. The state carries one row of
zeros above and below, so that neighbours are plain slices.
"""

from typing import Any

import torch
from torch import Tensor


def scan(x: Tensor, gates: Tensor) -> Tensor:
    """Propagate `x` `(B, C, H, W)` with `gates` `(B or 1, 4, 3, H, W)` to `(4, B, C, H, W)`."""
    if x.numel() == 0:
        return x.new_zeros((4, *x.shape))
    horizontal = _scan_both_ways(x, gates[:, :2])
    vertical = _scan_both_ways(x.mT, gates[:, 2:].mT).mT
    return torch.cat((horizontal, vertical))


def _scan_both_ways(x: Tensor, gates: Tensor) -> Tensor:
    """Scan the last axis forwards and backwards: `(B, C, J, T)` to `(2, B, C, J, T)`."""
    columns = x.permute(3, 0, 1, 2)  # (T, B, C, J)
    columns = torch.stack((columns, columns.flip(0)), dim=1)  # (T, 2, B, C, J)
    weights = gates.permute(4, 1, 2, 0, 3)  # (T, 2, 3, B or 1, J)
    weights = torch.stack((weights[:, 0], weights[:, 1].flip(0)), dim=1)
    weights = _without_outside(weights).unsqueeze(4)  # (T, 2, 3, B or 1, 1, J)
    scanned = _Scan.apply(columns, weights)
    forwards, backwards = scanned.unbind(1)
    return torch.stack((forwards, backwards.flip(0))).permute(0, 2, 3, 4, 1)


def _without_outside(weights: Tensor) -> Tensor:
    """Set to 0 the weights of neighbours that do not exist: `(T, 2, 3, B, J)`."""
    inside = torch.ones_like(weights[:, :1, :, :1])
    inside[0] = 0
    inside[:, :, 0, :, 0] = 0
    inside[:, :, 2, :, -1] = 0
    return weights * inside


class _Scan(torch.autograd.Function):
    """h_t = (1 - sum g) x_t + sum_k g_k h_{t-1}(. + k), with the exact gradients of section 3.2."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gates: Tensor) -> Tensor:
        """Scan x `(T, D, B, C, J)` with gates `(T, D, 3, B or 1, 1, J)`."""
        padded = x.new_zeros((*x.shape[:-1], x.shape[-1] + 2))
        result = padded[..., 1:-1]
        result.copy_((1 - gates.sum(2)) * x)
        rows = x.shape[-1]
        above, same, below = (padded[..., k : k + rows].unbind(0) for k in range(3))
        current = result.unbind(0)
        weights = [gates[:, :, k].unbind(0) for k in range(3)]
        for t in range(1, x.shape[0]):
            h = current[t]
            h.addcmul_(weights[0][t], above[t - 1])
            h.addcmul_(weights[1][t], same[t - 1])
            h.addcmul_(weights[2][t], below[t - 1])
        ctx.save_for_backward(x, gates, padded)
        return result.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Run the scan from its end: theta is the derivative of the loss by h."""
        x, gates, padded = ctx.saved_tensors
        rows = x.shape[-1]
        theta_padded = torch.zeros_like(padded)
        theta = theta_padded[..., 1:-1]
        theta.copy_(gradient)
        # Row j of column t gave to rows j + 1, j, j - 1 of column t + 1 (k = -1, 0, +1).
        padded_gates = torch.nn.functional.pad(gates, (1, 1))
        weights = [padded_gates[:, :, k, ..., 2 - k : 2 - k + rows].unbind(0) for k in range(3)]
        receivers = [theta_padded[..., 2 - k : 2 - k + rows].unbind(0) for k in range(3)]
        current = theta.unbind(0)
        for t in range(x.shape[0] - 2, -1, -1):
            for k in range(3):
                current[t].addcmul_(weights[k][t + 1], receivers[k][t + 1])
        dx = (1 - gates.sum(2)) * theta
        dg = torch.zeros_like(gates)
        for k in range(3):
            share = theta[1:] * (padded[:-1, ..., k : k + rows] - x[1:])
            dg[1:, :, k] = share.sum_to_size(gates[1:, :, k].shape)
        return dx, dg
