"""Degradations of frames as by cameras and codecs, and of masks as by a tracker's errors."""

import io
import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from rotoline.data.sampler import Sampler


def augment_photometric(frames: Tensor, sampler: Sampler) -> Tensor:
    """Vary gamma, colour gains and exposure; sometimes add motion blur and JPEG compression.

    Gamma and gains are the same for all frames. The exposure changes linearly along the frames
    after the reference, and only these are blurred.

    Args:
        frames: `(N, 3, H, W)`, RGB in [0, 255]: the reference, then consecutive frames.
        sampler: Source of all random numbers.

    Returns:
        The same shape and range.
    """
    gamma = math.exp(sampler.uniform(-0.35, 0.35))
    gains = torch.tensor([sampler.uniform(0.8, 1.2) for _ in range(3)])
    frames = 255 * (frames / 255).clamp(0, 1) ** gamma * gains[:, None, None]
    first, last = sampler.uniform(0.88, 1.12), sampler.uniform(0.88, 1.12)
    exposure = torch.tensor([1.0, *torch.linspace(first, last, len(frames) - 1).tolist()])
    frames = (frames * exposure[:, None, None, None]).clamp(0, 255)
    if sampler.chance(0.15):
        length = 2 * sampler.integer(1, 4) + 1
        size = (1, length) if sampler.chance(0.7) else (length, 1)
        padded = functional.pad(
            frames[1:], (size[1] // 2,) * 2 + (size[0] // 2,) * 2, mode="replicate"
        )
        frames = torch.cat((frames[:1], functional.avg_pool2d(padded, size, stride=1)))
    if sampler.chance(0.2):
        quality = sampler.integer(15, 60)
        frames = torch.stack([_compress(frame, quality) for frame in frames])
    return frames


def _compress(frame: Tensor, quality: int) -> Tensor:
    """Encode a frame `(3, H, W)` as JPEG in memory, and decode it again."""
    with io.BytesIO() as file:
        pixels = frame.round().byte().permute(1, 2, 0).contiguous().numpy()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        with Image.open(file) as image:
            return torch.from_numpy(np.array(image)).permute(2, 0, 1).float()


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
    max_shift = 6
    down, right = sampler.integer(-max_shift, max_shift), sampler.integer(-max_shift, max_shift)
    mask = torch.roll(mask, (down, right), (0, 1))
    if sampler.chance(0.4):
        size = 2 * sampler.integer(1, 7) + 1
        sign = 1.0 if sampler.chance(0.5) else -1.0  # dilation or erosion
        pooled = functional.max_pool2d(sign * mask[None, None], size, stride=1, padding=size // 2)
        mask = sign * pooled[0, 0]
    height, width = mask.shape
    if sampler.chance(0.2):
        top, left = sampler.integer(0, height - 1), sampler.integer(0, width - 1)
        mask = mask.clone()
        mask[top : top + height // 4, left : left + width // 4] = 0
    blobs = _blobs((height, width), sampler)
    if sampler.chance(0.35):
        mask = torch.maximum(mask, other * (blobs > sampler.uniform(-1, 0.5)))
    if sampler.chance(0.35):
        near = functional.avg_pool2d(mask[None, None], 41, stride=1, padding=20)[0, 0] > 0.02
        mask = torch.maximum(mask, (near & (blobs > 0.6)).float())
    return mask


def _blobs(size: tuple[int, int], sampler: Sampler) -> Tensor:
    """Smooth noise `(H, W)` of about unit variance, with blobs of about 40 pixels."""
    coarse = sampler.noise(1, 1, max(2, size[0] // 24), max(2, size[1] // 24))
    return functional.interpolate(coarse, size=size, mode="bicubic", align_corners=False)[0, 0]
