"""Stage `limit`: objects are limited to the foreground.

    frame ─► encode ─► score ─► [limit] ─► propagate ─► filter ─► fuse ─► labels

The foreground is the union of all objects. See
docs/method/fast.md#limit.
"""

from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from rotoline.types import SATURATED_LOGIT


class MarginLimit(BaseModel):
    """The logit of an object may exceed that of the foreground by a margin at most."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["margin"] = "margin"
    """A soft limit, by a margin on the logits."""
    margin: float = Field(default=1.0, ge=0)
    """Largest excess of an object's logit over that of the foreground."""


class MaskLimit(BaseModel):
    """An object is absent wherever the foreground's score is below one half."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["mask"] = "mask"
    """The foreground's binary mask, as in the paper."""


class NoLimit(BaseModel):
    """The foreground does not limit the objects."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["off"] = "off"
    """No limit."""


ForegroundConfig = Annotated[MarginLimit | MaskLimit | NoLimit, Field(discriminator="method")]


def limit_to_foreground(logits: Tensor, foreground: Tensor, config: ForegroundConfig) -> Tensor:
    """Lower the logits of objects outside the foreground.

    Args:
        logits: float `(K, h, w)` of the objects.
        foreground: float `(1, h, w)`: logits of their union.
        config: The method, with its settings.

    Returns:
        float `(K, h, w)`; with the method `off` the logits themselves.

    Source:
        Paper, section on the pipeline: scores are set to 0 outside the binary foreground mask
        (method `mask`). Deviation of the method `margin`: the smaller of the two logits, which
        needs no threshold and keeps soft borders, with a margin, so that an uncertain foreground
        makes no hole in an object: bundled clip J&F .839 with margin 0, .867 with 1
        (docs/log/2026-11-25-drift.md).
    """
    if isinstance(config, MaskLimit):
        return torch.where(foreground > 0, logits, -SATURATED_LOGIT)
    if isinstance(config, MarginLimit):
        return torch.minimum(logits, foreground + config.margin)
    return logits


def limit_again(logits: Tensor, foreground: Tensor, config: ForegroundConfig) -> Tensor:
    """Apply the binary mask of the method `mask` again, after propagation and filter.

    Propagation may spread a map beyond the mask; the authors' code cuts it again. Other methods do
    not change the logits.
    """
    return limit_to_foreground(logits, foreground, config) if config.method == "mask" else logits


def foreground_mask(foreground: Tensor, config: ForegroundConfig) -> Tensor:
    """Where objects may be, bool `(h, w)`: everywhere with the method `off`."""
    if isinstance(config, NoLimit):
        return torch.ones_like(foreground[0], dtype=torch.bool)
    return foreground[0] > 0
