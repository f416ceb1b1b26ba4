"""The values that travel through the pipeline; shapes and ranges are said here once.

Frame      uint8 `(H, W, 3)`, RGB
LabelMap   uint8 `(H, W)`, an object id per pixel, 0 is background
ObjectId   int, 1 to 255: the user's number, kept as it is
index      int, the frame's number from 0
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Frame = NDArray[np.uint8]
LabelMap = NDArray[np.uint8]
ObjectId = int

MAX_ID = 255
"""The largest object id: what one byte holds, as in palette PNGs."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FrameResult:
    """What the pipeline says about one frame."""

    index: int
    """Which frame, from 0. Frames before the first marked one come first, backwards."""
    labels: LabelMap
    """uint8 `(H, W)`: the object id of every pixel, at the size of the frame."""
    confidence: dict[ObjectId, float]
    """Per object, the J that its mask is expected to have, in [0, 1]; 0 where it is not visible."""
    logits: Tensor
    """`(K, h, w)`: the objects' maps before fusion, at the working resolution, on the CPU."""

    @property
    def object_ids(self) -> list[ObjectId]:
        """Ids of all objects, rising; the order of `scores`."""
        return list(self.confidence)

    @cached_property
    def scores(self) -> np.ndarray:
        """float32 `(K, H, W)` in [0, 1]: each object's score map at the size of the frame.

        Made when first asked for, since most callers need the labels alone.
        """
        return upsample(self.logits, self.labels.shape).sigmoid().numpy()


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring maps `(K, h, w)` to `size` by aligned bilinear interpolation."""
    if maps.shape[0] == 0:
        return torch.zeros((0, *size))
    return functional.interpolate(maps[None], size=size, mode="bilinear", align_corners=False)[0]
