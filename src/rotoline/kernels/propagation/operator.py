"""The operation registered with PyTorch: operators with shapes, gradients and autocast.

`torch.compile`, `torch.export` and AMP work through these. Which implementation runs is decided at
each call. x is `(B, C, H, W)`, gates are `(B or 1, 4, 3, C or 1, H, W)`.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rotoline.kernels.dispatch import Candidate, choose
from rotoline.kernels.propagation import gpu, native, reference, vectorised

_IMPLEMENTATIONS = {
    "gpu": gpu,
    "native": native,
    "vectorised": vectorised,
    "reference": reference,
}
_HALVES = (torch.bfloat16, torch.float16)


def candidates(device: str = "cpu") -> list[Candidate]:
    """Implementations, best first, each with the reason why it cannot run on a kind of device."""
    return [
        Candidate("gpu", gpu.refusal(device)),
        Candidate("native", native.refusal(device)),
        Candidate("vectorised"),
        Candidate("reference"),
    ]


def _register(name: str, schema: str) -> Callable[[Callable[..., Any]], Any]:
    """Register a function for all devices; return the operator, which calls it.

    `torch.library.custom_op` does the same, at 40 microseconds more a call.
    """

    def register(function: Callable[..., Any]) -> Any:
        torch.library.define(name, schema)
        torch.library.impl(name, "CompositeExplicitAutograd", function)
        namespace, operator = name.split("::")
        return getattr(getattr(torch.ops, namespace), operator).default

    return register


@_register("rotoline::propagation", "(Tensor x, Tensor gates) -> Tensor")
def scan(x: Tensor, gates: Tensor) -> Tensor:
    """Scan in all directions, unmerged: `(4, B, C, H, W)`."""
    name = choose(candidates(x.device.type))
    if x.numel() == 0:
        return x.new_zeros((4, *x.shape))
    if x.dtype in _HALVES and name != "gpu":  # the GPU kernels accumulate in float32
        x32: Tensor = _IMPLEMENTATIONS[name].scan(x.float(), gates.float())
        return x32.to(x.dtype).contiguous()
    result: Tensor = _IMPLEMENTATIONS[name].scan(x, gates)
    return result.contiguous()


def _scan_shape(x: Tensor, gates: Tensor) -> Tensor:
    return x.new_empty((4, *x.shape))


@_register(
    "rotoline::propagation_backward",
    "(Tensor gradient, Tensor x, Tensor gates, Tensor h) -> (Tensor, Tensor)",
)
def scan_backward(gradient: Tensor, x: Tensor, gates: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients with respect to x and gates, from that with respect to the unmerged result h."""
    name = choose(candidates(x.device.type))
    if x.numel() == 0:
        return x.new_zeros(x.shape), gates.new_zeros(gates.shape)
    inputs: tuple[Tensor, ...] = (gradient, x, gates, h)
    if x.dtype in _HALVES and name != "gpu":
        inputs = tuple(part.float() for part in inputs)
    dx, dg = _IMPLEMENTATIONS[name].scan_backward(*inputs)
    return dx.to(x.dtype).contiguous(), dg.to(x.dtype).contiguous()


def _scan_backward_shape(
    gradient: Tensor, x: Tensor, gates: Tensor, h: Tensor
) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), gates.new_empty(gates.shape)


@_register("rotoline::propagation_merged", "(Tensor x, Tensor gates, str merge) -> Tensor")
def scan_merged(x: Tensor, gates: Tensor, merge: str) -> Tensor:
    """Scan and merge by `max` or `mean`, without gradients: `(B, C, H, W)`, laid out as x is."""
    name = choose(candidates(x.device.type))
    if x.numel() == 0:
        return torch.empty_like(x, memory_format=_layout(x))
    if name == "native":
        singles = (x.float(), gates.float()) if x.dtype in _HALVES else (x, gates)
        merged = native.scan_merged(*singles, merge).to(x.dtype)
    else:
        results = scan(x, gates)
        merged = results.amax(0) if merge == "max" else results.mean(0)
    return merged.contiguous(memory_format=_layout(x))


def _scan_merged_shape(x: Tensor, gates: Tensor, merge: str) -> Tensor:
    return torch.empty_like(x, memory_format=_layout(x))


def _layout(x: Tensor) -> torch.memory_format:
    is_channels_last = x.is_contiguous(memory_format=torch.channels_last)
    plain = x.is_contiguous() or not is_channels_last
    return torch.contiguous_format if plain else torch.channels_last


def _save_for_backward(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs, output)


def _differentiate(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
    x, gates, h = ctx.saved_tensors
    gradients: tuple[Tensor, Tensor] = scan_backward(gradient, x, gates, h)
    return gradients


torch.library.register_fake("rotoline::propagation", _scan_shape)
torch.library.register_fake("rotoline::propagation_backward", _scan_backward_shape)
torch.library.register_fake("rotoline::propagation_merged", _scan_merged_shape)
torch.library.register_autograd(
    "rotoline::propagation", _differentiate, setup_context=_save_for_backward
)

# Like cumulative sums, the scans run in float32 under AMP, whatever their inputs are.
for _device in ("cpu", "cuda"):
    for _name in ("propagation", "propagation_merged"):
        torch.library.register_autocast(f"rotoline::{_name}", _device, torch.float32)
