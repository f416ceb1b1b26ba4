"""Where an object is likely to be, told by frames whose masks are known or were found before.

Two readouts by similarity of the shared embedding (kernels/attention): from the frame before, which
carries each score map along with what moved, and from the marked frames, however long ago.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from rotoline.kernels.attention import attend_far, attend_near
from rotoline.nets.embedding import Features

REACH = 4
"""Rows above and below that are searched in the frame before, at stride 8: 32 pixels."""


class Memory(NamedTuple):
    """Marked frames at stride 16, for R rules and M pixels."""

    keys: Tensor
    """`(64, M)`, unit vectors."""
    values: Tensor
    """`(R, M)` in [0, 1]: the share of each pixel that the object covers."""
    present: Tensor
    """`(R, M)`, 1 where the object was marked in the pixel's frame, else 0."""


class Recall(nn.Module):
    """Both readouts, with their learned sharpness."""

    def __init__(self) -> None:
        super().__init__()
        self.log_near = nn.Parameter(torch.tensor(math.log(20.0)))
        self.log_decay = nn.Parameter(torch.tensor(math.log(1.0)))
        self.log_far = nn.Parameter(torch.tensor(math.log(15.0)))

    def near(self, keys: Tensor, keys_before: Tensor, scores: Tensor) -> Tensor:
        """Carry score maps `(R, h, w)` along from the frame before.

        Args:
            keys: `(1, 32, h / 2, w / 2)`, `Features.keys` of the frame.
            keys_before: The same of the frame before.
            scores: In [0, 1], of the frame before.

        Returns:
            `(R, h / 2, w / 2)` in [0, 1].
        """
        coarse = functional.avg_pool2d(scores, 2)
        return attend_near(
            keys[0],
            keys_before[0],
            coarse,
            sharpness=self.log_near.exp(),
            decay=self.log_decay.exp(),
            reach=REACH,
        )

    def far(self, features: Features, memory: Memory) -> Tensor:
        """Look the objects up in the marked frames: `(R, h / 2, w / 2)` in [0, 1]."""
        queries = features.far_keys[0]
        read = attend_far(queries.flatten(1), *memory, sharpness=self.log_far.exp())
        return functional.interpolate(
            read.unflatten(1, queries.shape[1:])[None],
            scale_factor=2,
            mode="bilinear",
            align_corners=False,
        )[0]
