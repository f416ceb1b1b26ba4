"""Affine maps of the image plane, and sampling of images at mapped points.

Points are (x, y) in pixels, with pixel centres at half-integers: the first centre is (0.5, 0.5).
Affine maps are float32 `(3, 3)` for column vectors (x, y, 1). To warp an image, the map goes from
output pixel to source pixel.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional


def translation(x: float, y: float) -> Tensor:
    """Return the translation by `x` and `y` pixels, `(3, 3)`."""
    return torch.tensor([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]], dtype=torch.float32)


def similarity(angle: float, scale: float, *, mirrored: bool = False) -> Tensor:
    """Return a rotation about the origin together with a change of size, `(3, 3)`.

    Args:
        angle: In radians, from the x axis to the y axis.
        scale: Factor of all lengths.
        mirrored: Whether to negate x first.
    """
    cosine, sine = math.cos(angle) * scale, math.sin(angle) * scale
    sign = -1.0 if mirrored else 1.0
    return torch.tensor(
        [[sign * cosine, -sine, 0.0], [sign * sine, cosine, 0.0], [0.0, 0.0, 1.0]],
        dtype=torch.float32,
    )


def centre_to_origin(size: tuple[int, int]) -> Tensor:
    """Return the translation of the centre of an image (height, width) to the origin, `(3, 3)`."""
    return translation(-size[1] / 2, -size[0] / 2)


def pixel_centres(size: tuple[int, int]) -> Tensor:
    """Return the centre of every pixel of an image (height, width), float32 `(2, H, W)`."""
    rows, cols = torch.meshgrid(
        *(torch.arange(length, dtype=torch.float32) + 0.5 for length in size), indexing="ij"
    )
    return torch.stack((cols, rows))


def map_points(affine: Tensor, points: Tensor) -> Tensor:
    """Apply an affine map `(3, 3)` to points `(2, H, W)`."""
    return torch.einsum("ij,jhw->ihw", affine[:2, :2], points) + affine[:2, 2, None, None]


def sampling_grid(points: Tensor, size: tuple[int, int]) -> Tensor:
    """Return points `(2, H, W)` of images of a size (height, width) as the grid for `sample`.

    Returns:
        `(1, H, W, 2)`; the borders of the image are at -1 and 1.
    """
    extent = torch.tensor([size[1], size[0]])[:, None, None]
    return (2 * points / extent - 1).permute(1, 2, 0)[None]


def sample(images: Tensor, grid: Tensor, mode: str = "bilinear") -> Tensor:
    """Sample images at the points of a grid; images are mirrored beyond their border.

    Args:
        images: Float `(C, h, w)`.
        grid: `(1, H, W, 2)` as `sampling_grid` returns it, on the device of `images`.
        mode: Interpolation, "bilinear" or "nearest".

    Returns:
        `(C, H, W)`, of the dtype of `images`.
    """
    return functional.grid_sample(
        images[None], grid.to(images.dtype), mode, padding_mode="reflection", align_corners=False
    )[0]
