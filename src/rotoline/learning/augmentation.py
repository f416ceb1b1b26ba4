"""The affine augmentation of frames and masks, always together.

Paper, section on the segmentation network: shift, rotation and flip. The ranges are those of the
authors' data layer, since the paper names none.
"""

import math

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from rotoline.learning.geometry import (
    centre_to_origin,
    map_points,
    pixel_centres,
    sample,
    sampling_grid,
    similarity,
    translation,
)

ORIGINAL_SHARE = 1 / 3001
"""Probability that a view is the frame itself, as in the authors' released data layer."""


class Augmentation(BaseModel):
    """How far augmented views may differ from the original; half of them are mirrored too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: float = Field(default=0.05, ge=0, lt=1)
    """Largest change of size, as a fraction of the size."""
    rotation: float = Field(default=5.0, ge=0, le=180)
    """Largest rotation in degrees, in either direction."""
    shift: float = Field(default=0.1, ge=0, le=1)
    """Largest shift, as a fraction of width and height, in either direction."""


def generator_for(seed: int, number: int) -> torch.Generator:
    """Return the generator of sample `number`, which is independent of all other samples."""
    return torch.Generator().manual_seed(seed * 1_000_003 + number)


def sample_affine(
    generator: torch.Generator, size: tuple[int, int], augmentation: Augmentation
) -> Tensor:
    """Sample one view.

    Args:
        generator: Source of all random numbers.
        size: Height and width of the frame.
        augmentation: How far the view may differ.

    Returns:
        float `(3, 3)`: output pixel to source pixel, (x, y, 1), with pixel centres at halves.

    Source:
        The authors' data layer: with a chance of 1 in 3,001 the original frame, else +-5 % of size,
        +-5 degrees, +-10 % of shift, mirrored half of the time. Deviation: the released layer crops
        image and label differently where it enlarges; here both are one map.
    """
    original_draw, size_draw, angle_draw, right_draw, down_draw, mirror_draw = torch.rand(
        6, generator=generator, dtype=torch.float64
    ).tolist()
    if original_draw < ORIGINAL_SHARE:
        return torch.eye(3, dtype=torch.float32)
    zoom = 1 + augmentation.scale * (2 * size_draw - 1)
    angle = math.radians(augmentation.rotation * (2 * angle_draw - 1))
    right = augmentation.shift * size[1] * (2 * right_draw - 1)
    down = augmentation.shift * size[0] * (2 * down_draw - 1)
    return (
        translation(size[1] / 2 + right, size[0] / 2 + down)
        @ similarity(angle, 1 / zoom, mirrored=mirror_draw < 0.5)
        @ centre_to_origin(size)
    )


def warp_together(
    frame: Tensor, masks: Tensor, affine: Tensor, size: tuple[int, int] | None = None
) -> tuple[Tensor, Tensor]:
    """Sample a frame and its masks at the same places.

    Args:
        frame: `(1, 3, H, W)`.
        masks: `(K, H, W)`, 0 or 1.
        affine: Output pixel to source pixel, as `sample_affine` gives it.
        size: Height and width of the result; those of the frame by default.

    Returns:
        The frame `(1, 3, *size)`, bilinear, and the masks `(K, *size)`, nearest, so still 0 or 1.
        Both are mirrored beyond the border (the authors' layer fills with black).
    """
    height, width = size or frame.shape[-2:]
    points = map_points(affine, pixel_centres((height, width)))
    grid = sampling_grid(points, (frame.shape[-2], frame.shape[-1])).to(frame.device)
    return sample(frame[0], grid)[None], sample(masks, grid, "nearest")
