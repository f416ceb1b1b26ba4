"""Variation of pictures as between a camera's frames: light, colour, motion blur."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.learning.sampler import Sampler


def vary_light(frames: Tensor, sampler: Sampler) -> Tensor:
    """Vary gamma, colour gains and exposure; sometimes add motion blur.

    Gamma and gains are the same for all frames. The exposure changes linearly along the frames
    after the reference, and only these are blurred.

    Args:
        frames: `(N, 3, H, W)`, RGB in [0, 255]: the reference, then consecutive frames.
        sampler: Source of all random numbers.

    Returns:
        The same shape and range.
    """
    gamma = math.exp(sampler.uniform(-0.35, 0.35))
    gains = torch.tensor([sampler.uniform(0.8, 1.2) for _ in range(3)], dtype=torch.float32)
    frames = 255 * (frames / 255).clamp(0, 1) ** gamma * gains[:, None, None]
    first, last = sampler.uniform(0.88, 1.12), sampler.uniform(0.88, 1.12)
    exposure = torch.tensor(
        [1.0, *torch.linspace(first, last, len(frames) - 1, dtype=torch.float32).tolist()],
        dtype=torch.float32,
    )
    frames = (frames * exposure[:, None, None, None]).clamp(0, 255)
    if sampler.chance(0.15):
        length = 2 * sampler.integer(1, 4) + 1
        size = (1, length) if sampler.chance(0.7) else (length, 1)
        padded = functional.pad(
            frames[1:], (size[1] // 2,) * 2 + (size[0] // 2,) * 2, mode="replicate"
        )
        frames = torch.cat((frames[:1], functional.avg_pool2d(padded, size, stride=1)))
    return frames
