"""Errors of a tracker: what a mask of the previous frame is like when it is not right."""

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.learning.sampler import Sampler

MAX_SHIFT = 6
"""Largest shift of a mask, in pixels."""
NEARBY = 41
"""Side of the square, in pixels, in which a mask must have some pixels to be near."""


def corrupt_previous_mask(mask: Tensor, other: Tensor, sampler: Sampler) -> Tensor:
    """Corrupt the true mask of the previous frame as a tracker's errors do.

    One mask in ten is lost: all 0. The others are shifted by up to 6 pixels, and each of these is
    applied at random: dilation or erosion, a missing rectangle, false positives on the other
    object, false positives near the mask.

    Args:
        mask: `(H, W)`, 0 or 1; not changed.
        other: `(H, W)`, 0 or 1: the mask of an object that it may be confused with.
        sampler: Source of all random numbers.

    Returns:
        `(H, W)`, 0 or 1.
    """
    if sampler.chance(0.1):
        return torch.zeros_like(mask)
    down, right = sampler.integer(-MAX_SHIFT, MAX_SHIFT), sampler.integer(-MAX_SHIFT, MAX_SHIFT)
    mask = torch.roll(mask, (down, right), (0, 1))
    if sampler.chance(0.4):
        size = 2 * sampler.integer(1, 7) + 1
        sign = 1.0 if sampler.chance(0.5) else -1.0  # dilation or erosion
        mask = sign * _highest(sign * mask, size)
    height, width = mask.shape
    if sampler.chance(0.2):
        top, left = sampler.integer(0, height - 1), sampler.integer(0, width - 1)
        mask = mask.clone()
        mask[top : top + height // 4, left : left + width // 4] = 0
    blobs = _blobs((height, width), sampler)
    if sampler.chance(0.35):
        mask = torch.maximum(mask, other * (blobs > sampler.uniform(-1, 0.5)))
    if sampler.chance(0.35):
        near = window_mean(mask[None], NEARBY)[0] > 0.02
        mask = torch.maximum(mask, (near & (blobs > 0.6)).float())
    return mask


def _blobs(size: tuple[int, int], sampler: Sampler) -> Tensor:
    """Smooth noise `(H, W)` of about unit variance, with blobs of about 40 pixels."""
    coarse = sampler.noise(1, 1, max(2, size[0] // 24), max(2, size[1] // 24))
    return functional.interpolate(coarse, size=size, mode="bicubic", align_corners=False)[0, 0]


# Rows and columns one after the other: a tenth of the time of a window of 41 x 41.


def window_mean(masks: Tensor, size: int) -> Tensor:
    """Mean in a square window around every pixel of `(M, H, W)`; 0 outside."""
    half = size // 2
    rows = functional.avg_pool2d(masks[:, None], (size, 1), stride=1, padding=(half, 0))
    return functional.avg_pool2d(rows, (1, size), stride=1, padding=(0, half))[:, 0]


def _highest(values: Tensor, size: int) -> Tensor:
    """Highest value in a square window around every pixel of `(H, W)`."""
    rows = functional.max_pool2d(values[None, None], (size, 1), stride=1, padding=(size // 2, 0))
    return functional.max_pool2d(rows, (1, size), stride=1, padding=(0, size // 2))[0, 0]
