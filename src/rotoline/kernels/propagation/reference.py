"""The meaning of the operation, in loops and float64. The specification: never optimised."""

import torch
from torch import Tensor

NEIGHBOURS = (-1, 0, 1)


def scan(x: Tensor, gates: Tensor) -> Tensor:
    """Propagate `x` `(B, C, H, W)` with `gates` `(B or 1, 4, 3, H, W)` to `(4, B, C, H, W)`."""
    values = x.double()
    weights = gates.double().expand(x.shape[0], -1, -1, -1, -1)
    right = _scan_right(values, weights[:, 0])
    left = _scan_right(values.flip(-1), weights[:, 1].flip(-1)).flip(-1)
    down = _scan_right(values.mT, weights[:, 2].mT).mT
    up = _scan_right(values.mT.flip(-1), weights[:, 3].mT.flip(-1)).flip(-1).mT
    return torch.stack((right, left, down, up)).to(x.dtype)


def _scan_right(x: Tensor, gates: Tensor) -> Tensor:
    """One scan over the last axis: x `(B, C, J, T)`, gates `(B, 3, J, T)`."""
    batch, channels, rows, columns = x.shape
    result = torch.zeros_like(x)
    for b in range(batch):
        for c in range(channels):
            for t in range(columns):
                for j in range(rows):
                    share_of_x = torch.ones((), dtype=x.dtype)
                    value = torch.zeros((), dtype=x.dtype)
                    for k, neighbour in enumerate(NEIGHBOURS):
                        if t == 0 or not 0 <= j + neighbour < rows:
                            continue
                        share_of_x = share_of_x - gates[b, k, j, t]
                        value = value + gates[b, k, j, t] * result[b, c, j + neighbour, t - 1]
                    result[b, c, j, t] = value + share_of_x * x[b, c, j, t]
    return result
