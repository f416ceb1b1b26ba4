"""Propagation on the CPU in C++: `scan.cpp`, `lanes.cpp` and `module.cpp`.

They are compiled when rotoline is installed. SIMD over the rows of a column, threads over batch,
direction and groups of channels. An install without a compiler lacks the compiled module; then
`vectorised` runs, with the same numbers.
"""

import functools
import importlib
from types import ModuleType
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

_MERGES = {"none": 0, "max": 1, "mean": 2}
_LANES = 8


@functools.cache
def _compiled() -> ModuleType | str:
    """Import the compiled module, or say why that fails."""
    try:
        module = importlib.import_module("rotoline.kernels.propagation._native")
    except ImportError as error:
        return f"it was installed without a C++ compiler ({error})"
    return module


def _module() -> ModuleType:
    """The compiled module; call it only where `refusal` is empty."""
    module = _compiled()
    assert not isinstance(module, str), module
    return module


def refusal(device: str) -> str:
    """Why this implementation cannot run on a kind of device; empty if it can."""
    if device != "cpu":
        return f"it runs on the CPU, not on {device}"
    module = _compiled()
    return module if isinstance(module, str) else ""


def scan(x: Tensor, gates: Tensor) -> Tensor:
    """Propagate x `(B, C, H, W)` with gates `(B or 1, 4, 3, C or 1, H, W)`: `(4, B, C, H, W)`."""
    return _scan(x, gates, "none", x.new_empty((4, *x.shape)))


def scan_merged(x: Tensor, gates: Tensor, merge: str) -> Tensor:
    """Scan and merge by `max` or `mean`, without writing the four results: `(B, C, H, W)`.

    Channels-last maps, which networks produce, are not transposed: SIMD runs over their channels.
    """
    pixels = x.detach().permute(0, 2, 3, 1)
    if pixels.is_contiguous() and pixels.shape[3] % _LANES == 0 and gates.shape[3] == 1:
        result = pixels.new_empty(pixels.shape)
        _module().scan_channels_last(
            pixels.numpy(),
            _readable(gates),
            result.numpy(),
            _MERGES[merge],
            torch.get_num_threads(),
        )
        return result.permute(0, 3, 1, 2)
    return _scan(x, gates, merge, x.new_empty(x.shape))


def _scan(x: Tensor, gates: Tensor, merge: str, result: Tensor) -> Tensor:
    _module().scan(
        _readable(x), _readable(gates), result.numpy(), _MERGES[merge], torch.get_num_threads()
    )
    return result


def scan_backward(gradient: Tensor, x: Tensor, gates: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients with respect to x and gates, from that with respect to h `(4, B, C, H, W)`."""
    # Threads must not add to the same place: one dx per direction, and one dg per image. With gates
    # per channel, there is enough parallel work without one dg per image.
    dx = x.new_empty((4, *x.shape))
    dg = gates.new_empty((len(gates) if gates.shape[3] > 1 else len(x), *gates.shape[1:]))
    inputs = (_readable(tensor) for tensor in (gradient, x, gates, h))
    _module().scan_backward(*inputs, dx.numpy(), dg.numpy(), torch.get_num_threads())
    return dx.sum(0), dg.sum_to_size(gates.shape)


def _readable(tensor: Tensor) -> NDArray[Any]:
    """The memory of a tensor, copied unless its last axis is contiguous."""
    tensor = tensor.detach()
    return (tensor if tensor.stride(-1) == 1 else tensor.contiguous()).numpy()
