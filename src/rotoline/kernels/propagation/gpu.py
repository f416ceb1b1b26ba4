"""Propagation on the GPU in Triton."""

import importlib.util
import math
from types import ModuleType

import torch
from torch import Tensor

def refusal(device: str) -> str:
    """Why it cannot run on a kind of device; empty if it can."""
    if device != "cuda":
        return f"it runs on the GPU, not on {device}"
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed (pip install triton)"
    return ""


def scan(x: Tensor, gates: Tensor) -> Tensor:
    x, gates = _readable(x), _readable(gates)
    result = x.new_empty((4, *x.shape))
    _scan(x.expand(result.shape), gates, result, adjoint=False)
    return result


def scan_backward(gradient, x, gates, h):
    gradient, x, gates, h = (_readable(tensor) for tensor in (gradient, x, gates, h))
    theta = torch.empty_like(gradient, memory_format=torch.contiguous_format)
    _scan(gradient, gates, theta, adjoint=True)
    dx, dg = x.new_empty(x.shape), gates.new_empty(gates.shape)
    wide = gates.expand(len(x), 4, 3, *x.shape[1:])
    bd = wide.stride()
    strides = (*x.stride()[:2], *h.stride()[:3], bd[1], bd[2], bd[0], bd[3])
    sizes = _sizes(x, gates)
    plane = x.shape[2] * x.shape[3]
    sets = x.shape[0] * x.shape[1] // sizes[4]
    BLOCK = 128
    with torch.cuda.device_of(x):
        _kernels().differentiate[(-(-plane // BLOCK) * sets,)](theta, x, gates, h, dx, dg, strides, sizes, BLOCK=BLOCK, num_warps=4, enable_fp_fusion=True)
    return dx, dg

def _kernels():
    from rotoline.kernels.propagation import gpu_kernels
    return gpu_kernels

def _sizes(x, gates):
    b, c, H, W = x.shape
    across = c if gates.shape[3] == 1 else 1
    sharing = across * (b if gates.shape[0] == 1 else 1)
    return (b, c, H, W, sharing, across, gates.shape[3])

MAPS=0
def _scan(source, gates, result, adjoint):
    b, c, H, W = source.shape[1:]
    sizes = _sizes(source[0], gates)
    wide = gates.expand(b, 4, 3, c, H, W)
    s = wide.stride()
    strides = (*source.stride()[:3], s[1], s[2], s[0], s[3])
    import triton
    R0, R1 = triton.next_power_of_2(H), triton.next_power_of_2(W)
    K = 8
    maps = MAPS or 1
    warps = min(16, max(1, max(R0, R1)//64))
    unit = math.gcd(16 // source.element_size(), W, *strides)
    blocks = -(-sizes[4] // maps)
    sets = b * c // sizes[4]
    with torch.cuda.device_of(source):
        _kernels().scan[(4*blocks*sets,)](source, gates, result, strides, sizes, ADJOINT=adjoint, MAPS=maps, STEPS=K, ROWS_ACROSS=R0, ROWS_DOWN=R1, UNIT=unit, STAGES=2, num_warps=warps, enable_fp_fusion=True)

def _readable(tensor):
    tensor = tensor.detach()
    fits = tensor.stride()[-2:] == (tensor.shape[-1], 1)
    return tensor if fits else tensor.contiguous()
