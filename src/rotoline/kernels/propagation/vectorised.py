"""Propagation in plain PyTorch: a loop over columns, everything else at once. Runs anywhere.

Opposite directions share one loop: they are stacked after a flip. The state carries one row of
zeros above and below, so that neighbours are plain slices.
"""

import torch
from torch import Tensor
from torch.nn import functional


def scan(x: Tensor, gates: Tensor) -> Tensor:
    """Propagate x `(B, C, H, W)` with gates `(B or 1, 4, 3, C or 1, H, W)`: `(4, B, C, H, W)`."""
    horizontal = _scan_columns(_columns(x, x), _gate_columns(gates[:, :2]))
    vertical = _scan_columns(_columns(x.mT, x.mT), _gate_columns(gates[:, 2:].mT))
    return torch.cat((_maps(horizontal), _maps(vertical).mT))


def scan_backward(gradient: Tensor, x: Tensor, gates: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients with respect to x and gates, from that with respect to h `(4, B, C, H, W)`."""
    dx_across, dg_across = _scan_columns_backward(
        _columns(gradient[0], gradient[1]),
        _columns(x, x),
        _gate_columns(gates[:, :2]),
        _columns(h[0], h[1]),
    )
    dx_along, dg_along = _scan_columns_backward(
        _columns(gradient[2].mT, gradient[3].mT),
        _columns(x.mT, x.mT),
        _gate_columns(gates[:, 2:].mT),
        _columns(h[2].mT, h[3].mT),
    )
    dx = _maps(dx_across).sum(0) + _maps(dx_along).sum(0).mT
    return dx, torch.cat((_gate_maps(dg_across), _gate_maps(dg_along).mT), dim=1)


def _columns(forwards: Tensor, backwards: Tensor) -> Tensor:
    """Two maps `(B, C, J, T)` as columns in the order of their scans: `(T, 2, B, C, J)`."""
    return torch.stack((forwards.permute(3, 0, 1, 2), backwards.permute(3, 0, 1, 2).flip(0)), 1)


def _maps(columns: Tensor) -> Tensor:
    """Undo `_columns`: `(2, B, C, J, T)`."""
    return torch.stack((columns[:, 0], columns[:, 1].flip(0))).permute(0, 2, 3, 4, 1)


def _gate_columns(gates: Tensor) -> Tensor:
    """Gates `(B, 2, 3, C, J, T)` as `(T, 2, 3, B, C, J)`, 0 where a neighbour does not exist."""
    weights = gates.permute(5, 1, 2, 0, 3, 4)
    weights = torch.stack((weights[:, 0], weights[:, 1].flip(0)), dim=1)
    return weights * _inside(weights)


def _gate_maps(columns: Tensor) -> Tensor:
    """Undo `_gate_columns`: `(B, 2, 3, C, J, T)`."""
    columns = columns * _inside(columns)
    return torch.stack((columns[:, 0], columns[:, 1].flip(0))).permute(3, 0, 2, 4, 5, 1)


def _inside(weights: Tensor) -> Tensor:
    """1 where the neighbour of a gate `(T, 2, 3, B, C, J)` exists: `(T, 2, 3, 1, 1, J)`."""
    inside = torch.ones_like(weights[:, :, :, :1, :1])
    inside[:1] = 0
    inside[:, :, 0, ..., :1] = 0
    inside[:, :, 2, ..., -1:] = 0
    return inside


def _scan_columns(x: Tensor, gates: Tensor) -> Tensor:
    """h_t = (1 - sum g) x_t + sum_k g_k h_{t-1}(. + k), over the first axis."""
    rows = x.shape[-1]
    padded = x.new_zeros((*x.shape[:-1], rows + 2))
    h = padded[..., 1:-1]
    h.copy_((1 - gates.sum(2)) * x)
    above, same, below = (padded[..., k : k + rows].unbind(0) for k in range(3))
    current = h.unbind(0)
    weights = [gates[:, :, k].unbind(0) for k in range(3)]
    for t in range(1, x.shape[0]):
        current[t].addcmul_(weights[0][t], above[t - 1])
        current[t].addcmul_(weights[1][t], same[t - 1])
        current[t].addcmul_(weights[2][t], below[t - 1])
    return h


def _scan_columns_backward(
    gradient: Tensor, x: Tensor, gates: Tensor, h: Tensor
) -> tuple[Tensor, Tensor]:
    """The adjoint scan: theta is the derivative of the loss with respect to h (docs/kernels.md)."""
    rows = x.shape[-1]
    padded = x.new_zeros((*x.shape[:-1], rows + 2))
    theta = padded[..., 1:-1]
    theta.copy_(gradient)
    # Row j of column t contributes to rows j + 1, j, j - 1 of column t + 1 (k = -1, 0, +1).
    padded_gates = functional.pad(gates, (1, 1))
    weights = [padded_gates[:, :, k, ..., 2 - k : 2 - k + rows].unbind(0) for k in range(3)]
    receivers = [padded[..., 2 - k : 2 - k + rows].unbind(0) for k in range(3)]
    current = theta.unbind(0)
    for t in range(x.shape[0] - 2, -1, -1):
        for k in range(3):
            current[t].addcmul_(weights[k][t + 1], receivers[k][t + 1])
    dx = (1 - gates.sum(2)) * theta
    dg = torch.zeros_like(gates)
    padded_h = functional.pad(h, (1, 1))
    for k in range(3):
        share = theta[1:] * (padded_h[:-1, ..., k : k + rows] - x[1:])
        dg[1:, :, k] = share.sum_to_size(gates[1:, :, k].shape)
    return dx, dg
