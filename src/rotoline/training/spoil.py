"""What cameras, codecs and trackers do to frames and masks."""

import io
import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from rotoline.training.draw import Draw


def spoil_frames(frames: Tensor, draw: Draw) -> Tensor:
    """Vary colours, let the exposure drift, blur by motion, and compress.

    Args:
        frames: `(N, 3, H, W)` in [0, 255]; the first is the reference, the others follow each
            other.
        draw: Decides everything.

    Returns:
        The same shape and range.
    """
    gamma = math.exp(draw.uniform(-0.35, 0.35))
    gains = torch.tensor([draw.uniform(0.8, 1.2) for _ in range(3)])
    frames = 255 * (frames / 255).clamp(0, 1) ** gamma * gains[:, None, None]
    first, last = draw.uniform(0.88, 1.12), draw.uniform(0.88, 1.12)
    drift = torch.tensor([1.0, *torch.linspace(first, last, len(frames) - 1).tolist()])
    frames = (frames * drift[:, None, None, None]).clamp(0, 255)
    if draw.chance(0.15):
        length = 2 * draw.integer(1, 4) + 1
        size = (1, length) if draw.chance(0.7) else (length, 1)
        padded = functional.pad(
            frames[1:], (size[1] // 2,) * 2 + (size[0] // 2,) * 2, mode="replicate"
        )
        frames = torch.cat((frames[:1], functional.avg_pool2d(padded, size, stride=1)))
    if draw.chance(0.2):
        quality = draw.integer(15, 60)
        frames = torch.stack([_compress(frame, quality) for frame in frames])
    return frames


def _compress(frame: Tensor, quality: int) -> Tensor:
    with io.BytesIO() as file:
        pixels = frame.round().byte().permute(1, 2, 0).contiguous().numpy()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        with Image.open(file) as image:
            return torch.from_numpy(np.array(image)).permute(2, 0, 1).float()


def spoil_prior(mask: Tensor, other: Tensor, draw: Draw) -> Tensor:
    """A mask as a tracker would have left it: shifted, grown, shrunk, torn, leaking, or lost.

    Args:
        mask: `(H, W)`, 0 or 1: the truth.
        other: `(H, W)`, 0 or 1: what it may leak to.
        draw: Decides everything.
    """
    if draw.chance(0.1):
        return torch.zeros_like(mask)
    reach = 6
    mask = torch.roll(mask, (draw.integer(-reach, reach), draw.integer(-reach, reach)), (0, 1))
    if draw.chance(0.4):
        size = 2 * draw.integer(1, 7) + 1
        sign = 1.0 if draw.chance(0.5) else -1.0
        pooled = functional.max_pool2d(sign * mask[None, None], size, stride=1, padding=size // 2)
        mask = sign * pooled[0, 0]
    height, width = mask.shape
    if draw.chance(0.2):  # a part is missing
        top, left = draw.integer(0, height - 1), draw.integer(0, width - 1)
        mask = mask.clone()
        mask[top : top + height // 4, left : left + width // 4] = 0
    # Leaks: onto the other object, and as blobs where the mask is near.
    blobs = _blobs((height, width), draw)
    if draw.chance(0.35):
        mask = torch.maximum(mask, other * (blobs > draw.uniform(-1, 0.5)))
    if draw.chance(0.35):
        near = functional.avg_pool2d(mask[None, None], 41, stride=1, padding=20)[0, 0] > 0.02
        mask = torch.maximum(mask, (near & (blobs > 0.6)).float())
    return mask


def _blobs(size: tuple[int, int], draw: Draw) -> Tensor:
    """Smooth noise `(H, W)` of about unit variance, with blobs of some 40 pixels."""
    coarse = draw.noise(1, 1, max(2, size[0] // 24), max(2, size[1] // 24))
    return functional.interpolate(coarse, size=size, mode="bicubic", align_corners=False)[0, 0]
