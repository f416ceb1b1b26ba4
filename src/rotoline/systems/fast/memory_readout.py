"""Where an object is likely to be, read from frames whose masks are known.

Two readouts by similarity of the encoder's keys (`rotoline.kernels.attention`): from the previous
frame, which carries each score map along with the motion, and from the annotated frames, however
long ago they were.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from rotoline.kernels.attention import local_attention, memory_attention
from rotoline.systems.fast.encoder import Features

RADIUS = 4
"""Rows above and below that are searched in the previous frame, at stride 8: 32 pixels."""


class MemoryFrames(NamedTuple):
    """Annotated frames at stride 16: M pixels in all, with the masks of R classifiers."""

    keys: Tensor
    """float `(64, M)`: unit vectors."""
    values: Tensor
    """float `(R, M)` in [0, 1]: the share of each pixel that the object covers."""
    known: Tensor
    """float `(R, M)`: 1 where the object is annotated in the frame of the pixel, else 0."""


class MemoryReadout(nn.Module):
    """Both readouts, with their learned sharpness."""

    def __init__(self) -> None:
        super().__init__()
        self.log_local_sharpness = nn.Parameter(torch.tensor(math.log(20.0)))
        self.log_distance_penalty = nn.Parameter(torch.tensor(math.log(1.0)))
        self.log_memory_sharpness = nn.Parameter(torch.tensor(math.log(15.0)))

    def from_previous(self, keys: Tensor, previous_keys: Tensor, scores: Tensor) -> Tensor:
        """Carry score maps along from the previous frame.

        Args:
            keys: `(1, 32, h / 2, w / 2)`: `Features.local_keys` of the frame.
            previous_keys: `(1, 32, h / 2, w / 2)`: `Features.local_keys` of the previous frame.
            scores: `(R, h, w)` in [0, 1]: score maps of the previous frame.

        Returns:
            `(R, h / 2, w / 2)` in [0, 1].
        """
        coarse = functional.avg_pool2d(scores, 2)
        return local_attention(
            keys.squeeze(0),
            previous_keys.squeeze(0),
            coarse,
            sharpness=self.log_local_sharpness.exp(),
            decay=self.log_distance_penalty.exp(),
            reach=RADIUS,
        )

    def from_memory(self, features: Features, memory: MemoryFrames) -> Tensor:
        """Look the objects up in the annotated frames: `(R, h / 2, w / 2)` in [0, 1]."""
        queries = features.global_keys.squeeze(0)
        read = memory_attention(
            queries.flatten(1), *memory, sharpness=self.log_memory_sharpness.exp()
        )
        return functional.interpolate(
            read.unflatten(1, queries.shape[1:])[None],
            scale_factor=2,
            mode="bilinear",
            align_corners=False,
        )[0]
