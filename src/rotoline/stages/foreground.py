"""Stage 1 of 6: what in a frame is foreground, whichever object it belongs to.

    frames ─► [foreground] ─► adapt ─► score ─► propagate ─► regions ─► fuse ─► labels

The paper has a generic foreground network, fine-tuned on the union of the marked objects, and sets
every score map to 0 outside of it. Here the generic part is the shared embedding, computed once a
frame. The foreground itself is the union of the objects: one more closed-form rule beside theirs,
learned together with them (stage 2) and scored like them (stage 3). It limits the objects' maps
softly: no object may be much more certain than the foreground is. See docs/method.md#foreground.
"""

import math
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

from rotoline.nets.embedding import Embedding, Features, fitting_size


class ForegroundConfig(BaseModel):
    """How frames enter, and whether the foreground limits the objects."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pixels: int = Field(480 * 864, ge=32 * 32)
    """About how many pixels a frame is worked on with, whatever its shape."""
    limit: bool = True
    """Whether the foreground limits the objects."""
    rule: Literal["margin", "mask"] = "margin"
    """How: softly, by a margin; or by the foreground's binary mask, as in the paper."""
    margin: float = Field(1.0, ge=0)
    """By how much an object's logit may exceed the foreground's, with the rule `margin`."""


OUTSIDE = -8.0
"""Logit of an object outside the foreground's mask."""


def working_size(size: tuple[int, int], pixels: int) -> tuple[int, int]:
    """Height and width, multiples of 32, with about `pixels` pixels and the shape of `size`."""
    scale = math.sqrt(pixels / (size[0] * size[1]))
    return fitting_size(size[0] * scale, size[1] * scale)


def to_tensor(frame: np.ndarray, size: tuple[int, int]) -> Tensor:
    """A frame uint8 `(H, W, 3)` as float `(1, 3, h, w)` in [0, 255] at the working size."""
    # PyTorch warns of arrays that may not be written, such as those of Pillow.
    own = np.require(frame, requirements=("C", "W"))
    pixels = torch.from_numpy(own).permute(2, 0, 1)[None]
    if tuple(frame.shape[:2]) == size:
        return pixels.float().contiguous(memory_format=torch.channels_last)
    resized = functional.interpolate(
        pixels, size=size, mode="bilinear", align_corners=False, antialias=True
    )
    return resized.float().contiguous(memory_format=torch.channels_last)


def look(embedding: Embedding, frame: np.ndarray, size: tuple[int, int]) -> Features:
    """Everything about a frame that does not depend on the objects."""
    return embedding(to_tensor(frame, size))


def limit_to_foreground(logits: Tensor, foreground: Tensor, config: ForegroundConfig) -> Tensor:
    """Let no object be much more certain than the foreground.

    Args:
        logits: `(K, 1, h, w)`, the objects.
        foreground: `(1, 1, h, w)`, the union.
        config: Whether and how to limit.

    Source:
        Paper, section on the pipeline: scores are set to 0 outside the binary foreground mask, the
        rule `mask`. Deviation of the rule `margin`: the smaller logit of the two, which needs no
        threshold and leaves soft borders, with a margin: a doubt of the foreground alone makes no
        hole (docs/results.md).
    """
    if not config.limit:
        return logits
    if config.rule == "mask":
        return torch.where(foreground > 0, logits, OUTSIDE)
    return torch.minimum(logits, foreground + config.margin)
