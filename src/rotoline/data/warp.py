"""Geometry of training pictures: affine views, motions, smooth bends, and sampling by them."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.data.sampler import Sampler


def sample_view(mask: Tensor, size: tuple[int, int], sampler: Sampler) -> Tensor:
    """The view of a whole episode, around the object where the picture is large enough.

    Returns:
        Output pixel to source pixel, `(3, 3)`, in (x, y) order.
    """
    zoom = math.exp(sampler.uniform(math.log(0.75), math.log(2.0)))
    middle = []
    for centre, extent, window in zip(_sample_pixel(mask, sampler), mask.shape, size, strict=True):
        half = zoom * window / 2
        centre += sampler.uniform(-0.6, 0.6) * half
        middle.append(min(max(centre, half), extent - half) if extent > 2 * half else extent / 2)
    turn = _rotation(math.radians(sampler.uniform(-10, 10)), zoom)
    if sampler.chance(0.5):
        turn[:, 0] *= -1
    return _translation(middle[1], middle[0]) @ turn @ _to_middle(size)


def sample_motions(size: tuple[int, int], spread: float, count: int, sampler: Sampler) -> list[Tensor]:
    """Small affine motions, in output pixels: of the reference, and of `count` frames in a row."""
    first, last = _sample_pose(spread, sampler), _sample_pose(spread / 2, sampler)
    row = [first + last * step / max(1, count - 1) for step in range(count)]
    return [_motion(pose, size) for pose in (_sample_pose(spread, sampler), *row)]


def sample_bends(size: tuple[int, int], amount: float, count: int, sampler: Sampler) -> list[Tensor]:
    """Smooth displacements `(2, H, W)` in pixels: of the reference, and of frames in a row."""
    reference, first, change = (amount * sampler.noise(2, 4, 6) for _ in range(3))
    row = [first + change * step / max(1, count - 1) for step in range(count)]
    return [
        functional.interpolate(bend[None], size=size, mode="bicubic", align_corners=True)[0]
        for bend in (reference, *row)
    ]


def warp(
    layers: tuple[Tensor, ...], affine: Tensor, size: tuple[int, int], bend: Tensor | None = None
) -> Tensor:
    """Sample layers `(c, h, w)` at `affine` of every output pixel, mirrored beyond the border.

    Args:
        layers: Of one size; sampled together.
        affine: Output pixel to source pixel, `(3, 3)`, in (x, y) order.
        size: Height and width of the output.
        bend: `(2, H, W)`, added to the output pixel before the affine map.
    """
    rows, cols = torch.meshgrid(
        torch.arange(size[0]) + 0.5, torch.arange(size[1]) + 0.5, indexing="ij"
    )
    at = torch.stack((cols, rows))
    if bend is not None:
        at = at + bend
    at = torch.einsum("ij,jhw->ihw", affine[:2, :2], at) + affine[:2, 2, None, None]
    # Only the part that is looked at is turned into floating point.
    low = (at.amin((1, 2)) - 2).long().clamp(min=0).tolist()
    high = (at.amax((1, 2)) + 3).long().clamp(min=1).tolist()
    left, top = min(low[0], layers[0].shape[2] - 2), min(low[1], layers[0].shape[1] - 2)
    pixels = torch.cat([layer[:, top : high[1], left : high[0]].float() for layer in layers])
    extent = torch.tensor([pixels.shape[2], pixels.shape[1]])[:, None, None]
    grid = 2 * (at - torch.tensor([left, top])[:, None, None]) / extent - 1
    return functional.grid_sample(
        pixels[None],
        grid.permute(1, 2, 0)[None],
        padding_mode="reflection",
        align_corners=False,
    )[0]


def _sample_pixel(mask: Tensor, sampler: Sampler) -> tuple[float, float]:
    """A pixel of the mask (row, col), or the middle of the picture."""
    pixels = mask.nonzero()
    if len(pixels) == 0:
        return mask.shape[0] / 2, mask.shape[1] / 2
    row, col = pixels[sampler.integer(0, len(pixels) - 1)].tolist()
    return float(row), float(col)


def _sample_pose(spread: float, sampler: Sampler) -> Tensor:
    """Angle, logarithm of the zoom, and shift as shares of width and height."""
    most = spread * torch.tensor([math.radians(3), 0.03, 0.02, 0.02])
    return torch.tensor([sampler.uniform(-1, 1) for _ in range(4)]) * most


def _motion(pose: Tensor, size: tuple[int, int]) -> Tensor:
    angle, zoom, right, down = pose.tolist()
    back = _translation(size[1] / 2, size[0] / 2)
    shift = _translation(size[1] * right, size[0] * down)
    return back @ shift @ _rotation(angle, math.exp(zoom)) @ _to_middle(size)


def _rotation(angle: float, zoom: float) -> Tensor:
    cosine, sine = math.cos(angle) * zoom, math.sin(angle) * zoom
    return torch.tensor([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def _translation(x: float, y: float) -> Tensor:
    return torch.tensor([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _to_middle(size: tuple[int, int]) -> Tensor:
    return _translation(-size[1] / 2, -size[0] / 2)
