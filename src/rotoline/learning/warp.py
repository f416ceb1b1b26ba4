"""Random motion for short clips: affine views, motions along frames, and smooth deformations."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.learning.geometry import (
    centre_to_origin,
    map_points,
    pixel_centres,
    sample,
    sampling_grid,
    similarity,
    translation,
)
from rotoline.learning.sampler import Sampler

MAX_ROTATION, MAX_LOG_ZOOM, MAX_SHIFT = math.radians(3), 0.03, 0.02
"""Largest motion at spread 1: radians, logarithm of the zoom, fraction of width and height."""
DEFORMATION_GRID = (4, 6)
"""Rows and columns of the random displacements from which a deformation is interpolated."""


def sample_view(mask: Tensor, size: tuple[int, int], sampler: Sampler) -> Tensor:
    """Sample the view of a whole episode: a window around a random pixel of the object.

    Size and position are random, the rotation is up to 10 degrees, half of the views are mirrored.
    The window stays within the picture where the picture is large enough.

    Args:
        mask: `(h, w)`, not 0 where the object is; if it is empty, the window is near the centre.
        size: Height and width of the output.
        sampler: Source of all random numbers.

    Returns:
        Output pixel to source pixel, `(3, 3)`, see `rotoline.learning.geometry`.
    """
    zoom = math.exp(sampler.uniform(math.log(0.75), math.log(2.0)))
    middle = []
    for centre, extent, window in zip(_sample_pixel(mask, sampler), mask.shape, size, strict=True):
        half = zoom * window / 2
        centre += sampler.uniform(-0.6, 0.6) * half
        middle.append(min(max(centre, half), extent - half) if extent > 2 * half else extent / 2)
    angle = math.radians(sampler.uniform(-10, 10))
    turn = similarity(angle, zoom, mirrored=sampler.chance(0.5))
    return translation(middle[1], middle[0]) @ turn @ centre_to_origin(size)


def sample_motions(
    size: tuple[int, int], spread: float, count: int, sampler: Sampler
) -> list[Tensor]:
    """Sample small affine motions: one for the reference, then `count` for consecutive frames.

    The motion changes linearly along the consecutive frames; the reference is independent of them.

    Args:
        size: Height and width of the frames.
        spread: Factor of the largest rotation, zoom and shift.
        count: Number of consecutive frames.
        sampler: Source of all random numbers.

    Returns:
        1 + `count` affine maps `(3, 3)` of output pixels.
    """
    first, change = _sample_pose(spread, sampler), _sample_pose(spread / 2, sampler)
    poses = interpolated(first, change, count)
    return [_motion(pose, size) for pose in (_sample_pose(spread, sampler), *poses)]


def sample_deformations(
    size: tuple[int, int], amount: float, count: int, sampler: Sampler
) -> list[Tensor]:
    """Sample smooth displacement fields: one for the reference, then `count` for the next frames.

    The field changes linearly along the consecutive frames; the reference is independent of them.

    Args:
        size: Height and width of the frames.
        amount: Standard deviation of the displacement, in pixels.
        count: Number of consecutive frames.
        sampler: Source of all random numbers.

    Returns:
        1 + `count` fields `(2, H, W)`, (x, y) in pixels.
    """
    reference, first, change = (amount * sampler.noise(2, *DEFORMATION_GRID) for _ in range(3))
    rows, columns = map(cubic_weights, DEFORMATION_GRID, size)
    return [rows @ field @ columns.T for field in (reference, *interpolated(first, change, count))]


def warp(
    layers: tuple[Tensor, ...],
    affine: Tensor,
    size: tuple[int, int],
    deformation: Tensor | None = None,
) -> Tensor:
    """Warp layers `(c, h, w)` of one size together; they are mirrored beyond the border.

    Args:
        layers: Pictures and masks of any dtype.
        affine: Output pixel to source pixel, `(3, 3)`.
        size: Height and width of the output.
        deformation: `(2, H, W)`, added to the output pixel before the affine map.

    Returns:
        The layers stacked along the first axis, float32 `(C, *size)`, bilinear.
    """
    parts, grid = _source(layers, affine, size, deformation)
    return sample(torch.cat([part.float() for part in parts]), grid)


def warp_labelled(
    pixels: Tensor,
    labels: Tensor,
    affine: Tensor,
    size: tuple[int, int],
    deformation: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Warp a picture and its label map together; both are mirrored beyond the border.

    Args:
        pixels: `(3, h, w)` of any dtype.
        labels: `(h, w)` of any dtype.
        affine: Output pixel to source pixel, `(3, 3)`.
        size: Height and width of the output.
        deformation: `(2, H, W)`, added to the output pixel before the affine map.

    Returns:
        The picture, float32 `(3, *size)`, bilinear; and the labels of the nearest pixels, int64
        `size`.
    """
    parts, grid = _source((pixels, labels[None]), affine, size, deformation)
    picture, map_ = (part.float() for part in parts)
    return sample(picture, grid), sample(map_, grid, "nearest")[0].long()


def _source(
    layers: tuple[Tensor, ...], affine: Tensor, size: tuple[int, int], deformation: Tensor | None
) -> tuple[list[Tensor], Tensor]:
    """The part of the layers that a warp shows, and the grid to sample it at."""
    points = pixel_centres(size)
    if deformation is not None:
        points = points + deformation
    points = map_points(affine, points)
    # Only the visible part is converted to floating point: a view is much smaller than a picture.
    low = (points.amin((1, 2)) - 2).long().clamp(min=0).tolist()
    high = (points.amax((1, 2)) + 3).long().clamp(min=1).tolist()
    left, top = min(low[0], layers[0].shape[2] - 2), min(low[1], layers[0].shape[1] - 2)
    parts = [layer[:, top : high[1], left : high[0]] for layer in layers]
    points = points - torch.tensor([left, top])[:, None, None]
    return parts, sampling_grid(points, (parts[0].shape[1], parts[0].shape[2]))


def cubic_weights(count: int, length: int) -> Tensor:
    """`(length, count)`: what each of `count` values counts in a bicubic interpolation to `length`.

    The first and the last value are at the ends. Two products with such a matrix take a twentieth
    of the time of an interpolation in two dimensions.
    """
    each = torch.eye(count, dtype=torch.float32)[None, :, :, None]
    return functional.interpolate(each, (length, 1), mode="bicubic", align_corners=True)[
        0, :, :, 0
    ].T


def paste_softly(picture: Tensor, other: Tensor, inside: Tensor) -> Tensor:
    """Paste `other` over a picture, both `(3, H, W)`, where `inside` `(H, W)` is true (bool).

    The border is soft: a network could recognise what was pasted by a sharp seam.
    """
    return torch.lerp(picture, other, soften(inside[None].float()))


def soften(inside: Tensor) -> Tensor:
    """Masks `(..., H, W)` with a border that is soft over three pixels."""
    return functional.avg_pool2d(inside, 3, stride=1, padding=1)


def interpolated(first: Tensor, change: Tensor, count: int) -> list[Tensor]:
    """Return `count` values from `first` to `first + change`, evenly spaced."""
    return [first + change * step / max(1, count - 1) for step in range(count)]


def _sample_pixel(mask: Tensor, sampler: Sampler) -> tuple[float, float]:
    """A random pixel of the mask (row, column), or the centre of the picture if it is empty."""
    pixels = mask.nonzero()
    if len(pixels) == 0:
        return mask.shape[0] / 2, mask.shape[1] / 2
    row, col = pixels[sampler.integer(0, len(pixels) - 1)].tolist()
    return float(row), float(col)


def _sample_pose(spread: float, sampler: Sampler) -> Tensor:
    """Angle, logarithm of the zoom, and shift as fractions of width and height: `(4,)`."""
    limits = spread * torch.tensor(
        [MAX_ROTATION, MAX_LOG_ZOOM, MAX_SHIFT, MAX_SHIFT], dtype=torch.float32
    )
    return torch.tensor([sampler.uniform(-1, 1) for _ in range(4)], dtype=torch.float32) * limits


def _motion(pose: Tensor, size: tuple[int, int]) -> Tensor:
    """The affine map of a pose about the centre of the frame."""
    angle, log_zoom, right, down = pose.tolist()
    origin_to_centre = translation(size[1] / 2, size[0] / 2)
    shift = translation(size[1] * right, size[0] * down)
    return origin_to_centre @ shift @ similarity(angle, math.exp(log_zoom)) @ centre_to_origin(size)
