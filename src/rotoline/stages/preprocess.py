"""Frames as tensors at the working size."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rotoline.types import Frame

STRIDE = 32
"""Height and width of the working size are multiples of it: the coarsest stride of all encoders."""


LONGEST = 8
"""Longest side of the working size, in sides of a square with as many pixels: frames up to 64 times
as long as wide keep their shape."""


def fitting_size(height: float, width: float) -> tuple[int, int]:
    """The multiples of `STRIDE` nearest to `height` and `width`, at least one each."""
    rows, columns = (max(1, round(extent / STRIDE)) for extent in (height, width))
    return rows * STRIDE, columns * STRIDE


def working_size(size: tuple[int, int], pixels: int) -> tuple[int, int]:
    """Height and width with about `pixels` pixels and the shape of `size`, multiples of 32.

    Sides of one line of pixels still become `STRIDE`. So that this costs no more memory, the other
    side then gets no longer than `LONGEST` squares of `pixels` pixels, and the shape is lost.
    """
    scale = math.sqrt(pixels / (size[0] * size[1]))
    longest = max(STRIDE, LONGEST * math.sqrt(pixels))
    return fitting_size(min(size[0] * scale, longest), min(size[1] * scale, longest))


def to_tensor(frame: Frame, size: tuple[int, int]) -> Tensor:
    """A frame uint8 `(H, W, 3)` as float `(1, 3, h, w)` in [0, 255], resized to `size`."""
    # PyTorch warns about arrays that may not be written, such as those of Pillow.
    own = np.require(frame, requirements=("C", "W"))
    pixels = torch.from_numpy(own).permute(2, 0, 1)[None]
    if tuple(frame.shape[:2]) == size:
        return pixels.float().contiguous(memory_format=torch.channels_last)
    resized = functional.interpolate(
        pixels, size=size, mode="bilinear", align_corners=False, antialias=True
    )
    return resized.float().contiguous(memory_format=torch.channels_last)
