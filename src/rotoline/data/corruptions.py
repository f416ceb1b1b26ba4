"""Degradations of frames as by cameras and codecs."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from rotoline.learning.camera import vary_light
from rotoline.learning.sampler import Sampler


def augment_photometric(frames: Tensor, sampler: Sampler) -> Tensor:
    """Vary the light (`vary_light`); sometimes add JPEG compression.

    Args:
        frames: `(N, 3, H, W)`, RGB in [0, 255]: the reference, then consecutive frames.
        sampler: Source of all random numbers.

    Returns:
        The same shape and range.
    """
    frames = vary_light(frames, sampler)
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
