"""The specification of the operation, in loops and float64; never optimised."""

import torch
from torch import Tensor

NEIGHBOURS = (-1, 0, 1)


def scan(x: Tensor, gates: Tensor) -> Tensor:
    """Propagate x `(B, C, H, W)` with gates `(B or 1, 4, 3, C or 1, H, W)`: `(4, B, C, H, W)`."""
    results = [_to_map(_scan_right(_turned(x, d), _turned(gates[:, d], d)), d) for d in range(4)]
    return torch.stack(results).to(x)


def scan_backward(gradient: Tensor, x: Tensor, gates: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients with respect to x and gates, from that with respect to h `(4, B, C, H, W)`."""
    dx = torch.zeros(x.shape, dtype=torch.float64)
    dg = torch.zeros(gates.shape, dtype=torch.float64)
    for d in range(4):
        turned = (_turned(gradient[d], d), _turned(x, d), _turned(gates[:, d], d), _turned(h[d], d))
        by_x, by_gates = _scan_right_backward(*turned)
        dx += _to_map(by_x, d)
        dg[:, d] = _to_map(by_gates, d).sum_to_size(gates[:, d].shape)
    return dx.to(x), dg.to(gates)


def _turned(values: Tensor, direction: int) -> Tensor:
    """Flip and transpose the last two axes, so that `direction` becomes "to the right"."""
    values = values.double().cpu()
    values = values.mT if direction >= 2 else values
    return values.flip(-1) if direction % 2 else values


def _to_map(values: Tensor, direction: int) -> Tensor:
    """Undo `_turned`."""
    values = values.flip(-1) if direction % 2 else values
    return values.mT if direction >= 2 else values


def _scan_right(x: Tensor, gates: Tensor) -> Tensor:
    """One scan over the last axis: x `(B, C, J, T)`, gates `(B or 1, 3, C or 1, J, T)`."""
    batch, channels, rows, columns = x.shape
    gates = gates.expand(batch, 3, channels, rows, columns)
    h = torch.zeros_like(x)
    for b in range(batch):
        for c in range(channels):
            for t in range(columns):
                for j in range(rows):
                    share_of_x = torch.ones((), dtype=x.dtype)
                    for k, row in _sources(j, t, rows):
                        share_of_x = share_of_x - gates[b, k, c, j, t]
                        h[b, c, j, t] += gates[b, k, c, j, t] * h[b, c, row, t - 1]
                    h[b, c, j, t] += share_of_x * x[b, c, j, t]
    return h


def _scan_right_backward(
    gradient: Tensor, x: Tensor, gates: Tensor, h: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of x `(B, C, J, T)` and of gates `(B, 3, C, J, T)`, one for every b and c."""
    batch, channels, rows, columns = x.shape
    gates = gates.expand(batch, 3, channels, rows, columns)
    dx, dg = torch.zeros_like(x), torch.zeros(gates.shape, dtype=x.dtype)
    for b in range(batch):
        for c in range(channels):
            theta = gradient[b, c].clone()  # becomes the derivative of the loss with respect to h
            for t in reversed(range(columns)):
                for j in range(rows):
                    share_of_x = torch.ones((), dtype=x.dtype)
                    for k, row in _sources(j, t, rows):
                        gate = gates[b, k, c, j, t]
                        share_of_x = share_of_x - gate
                        theta[row, t - 1] += gate * theta[j, t]
                        dg[b, k, c, j, t] = theta[j, t] * (h[b, c, row, t - 1] - x[b, c, j, t])
                    dx[b, c, j, t] = share_of_x * theta[j, t]
    return dx, dg


def _sources(j: int, t: int, rows: int) -> list[tuple[int, int]]:
    """Index of each gate, and row in column t - 1, of the neighbours that row j has."""
    if t == 0:
        return []
    return [(k, j + step) for k, step in enumerate(NEIGHBOURS) if 0 <= j + step < rows]
