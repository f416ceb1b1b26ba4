"""Propagation on the GPU in Triton: `gpu_kernels.py`, compiled at the first use.

One launch scans all maps in all directions. A program scans in one direction and holds the current
column in registers: of one map, or of a few maps with the same gates, which it then reads only
once. It reads a few columns at a time, ahead of their use, and splits them on the chip: so
memory is read in contiguous pieces although a horizontal scan needs one pixel of each row at every
step.

The backward pass takes two launches: the adjoint scan, whose result is theta, the derivative of the
loss with respect to h, and then the rest, pixel by pixel. In a single launch, programs would have
to add to the same dx and dg, in random order or through copies many times as large as dg. Theta is
as large as h, at least in float32.
"""

import importlib.util
import math
from types import ModuleType

import torch
from torch import Tensor

_SECTOR = 32  # bytes: the smallest piece in which the memory of a GPU is read
_TILE = 32 * 1024  # bytes: registers hold the tiles of x, three gates and h
_LINES = 1024  # rows of all maps of a program that fit into registers
_PIXELS = 128  # of a program, where nothing is scanned


def refusal(device: str) -> str:
    """Why this implementation cannot run on a kind of device; empty if it can."""
    if device != "cuda":
        return f"it runs on the GPU, not on {device}"
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed (pip install triton)"
    return ""


def _compiled() -> ModuleType:
    """Import the kernels late: importing Triton takes seconds, and it need not be installed."""
    from rotoline.kernels.propagation import gpu_kernels

    return gpu_kernels


def scan(x: Tensor, gates: Tensor) -> Tensor:
    """Propagate x `(B, C, H, W)` with gates `(B or 1, 4, 3, C or 1, H, W)`: `(4, B, C, H, W)`."""
    result = x.new_empty((4, *x.shape))
    _scan(x.detach().contiguous().expand(result.shape), _readable(gates), result)
    return result


def scan_backward(gradient: Tensor, x: Tensor, gates: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients with respect to x and gates, from that with respect to h `(4, B, C, H, W)`."""
    gates = _readable(gates)
    gradient = gradient.detach()
    if not gradient[0].is_contiguous():  # one gradient for all directions is not copied
        gradient = gradient.contiguous()
    theta = x.new_empty(h.shape, dtype=torch.promote_types(x.dtype, torch.float32))
    _scan(gradient, gates, theta, adjoint=True)
    x, h = x.detach().contiguous(), h.detach().contiguous()
    dx, dg = x.new_empty(x.shape), gates.new_empty(gates.shape)
    sets, sizes = _sizes(x.shape, gates)
    programs = sets * -(-x[0, 0].numel() // _PIXELS)
    with torch.cuda.device_of(x):
        _compiled().differentiate[(programs,)](
            theta, x, gates, h, dx, dg, **sizes, BLOCK=_PIXELS, enable_fp_fusion=True
        )
    return dx, dg


def _scan(source: Tensor, gates: Tensor, result: Tensor, *, adjoint: bool = False) -> None:
    """Scan x, or scan the gradient by the adjoint; `source` is `(4, B, C, H, W)`."""
    sets, sizes = _sizes(source.shape[1:], gates)
    strides = (source.shape[-1], source.stride(0), *gates.stride()[:4])
    options = _options(source, strides, sets, sizes["shared"])
    programs = 4 * sets * -(-sizes["shared"] // options["MAPS"])
    with torch.cuda.device_of(source):
        _compiled().scan[(programs,)](
            source,
            gates,
            result,
            **sizes,
            source_stride=source.stride(0),
            ADJOINT=adjoint,
            **options,
            enable_fp_fusion=True,
        )


def _sizes(shape: torch.Size, gates: Tensor) -> tuple[int, dict[str, int]]:
    """Count the sets of gates, and size up maps `(B, C, H, W)` and gates for the kernels."""
    batch, channels, height, width = shape
    own, gate_channels = gates.shape[0], gates.shape[3]
    across = channels // gate_channels
    image, direction, neighbour, channel = gates.stride()[:4]
    return own * gate_channels, {
        "height": height,
        "width": width,
        "maps": batch * channels,
        "shared": batch // own * across,
        "across": across,
        "gate_channels": gate_channels,
        "image_stride": image,
        "direction_stride": direction,
        "neighbour_stride": neighbour,
        "channel_stride": channel,
    }


def _options(source: Tensor, strides: tuple[int, ...], sets: int, shared: int) -> dict[str, int]:
    """Choose how much a program does at once, by the length of a column and by the GPU.

    The tiles of x and of three gates are loaded one ahead, and h leaves in tiles; all of these are
    in shared memory. A tile's rows fill a sector, or half of one if columns are long. If they are
    too long for that, tiles are loaded when needed. More maps a program mean that gates are read
    less often, and are chosen if every multiprocessor still has a program.
    """
    size = source.element_size()
    rows = [max(32, 1 << (n - 1).bit_length()) for n in source.shape[-2:]]
    column = max(rows) * size
    processors, memory = _capacity(source.device)

    def fits(maps: int, steps: int) -> bool:
        return (2 * (maps + 3) + maps) * steps * column <= memory

    def is_busy(maps: int) -> bool:
        return maps <= shared and 4 * sets * -(-shared // maps) >= processors

    half = _SECTOR // max(size, 4) // 2  # in registers nothing is smaller than float32
    steps = next((steps for steps in (2 * half, half) if fits(1, steps)), 0)
    limit = _LINES // max(rows) if steps else 1
    maps = next(
        (maps for maps in (4, 2) if maps <= limit and fits(maps, steps) and is_busy(maps)), 1
    )
    warps = min(max(max(rows) * max(maps, 2) // 128, 1), 16)
    unit = math.gcd(16 // size, *strides)
    return {
        "MAPS": maps,
        "STEPS": steps or max(2, min(half, _TILE // column)),
        "STAGES": 3 if steps else 1,
        "ROWS_ACROSS": rows[0],
        "ROWS_DOWN": rows[1],
        "UNIT": unit,
        # Loads wider than the rows of a thread would give h a layout that stores must convert.
        "UNIT_DOWN": min(unit, max(1, maps * rows[1] // (32 * warps))),
        "num_warps": warps,
    }


def _capacity(device: torch.device) -> tuple[int, int]:
    """Multiprocessors, and bytes of shared memory for one program."""
    if device.type != "cuda":  # in Triton's interpreter
        return 1, 99 * 1024
    properties = torch.cuda.get_device_properties(device)
    # Absent on AMD, which has 64 KiB.
    memory = getattr(properties, "shared_memory_per_block_optin", 64 * 1024)
    return properties.multi_processor_count, memory


def _readable(gates: Tensor) -> Tensor:
    """The gates detached from autograd, copied unless each of their maps is contiguous."""
    gates = gates.detach()
    return gates if gates[0, 0, 0, 0].is_contiguous() else gates.contiguous()
