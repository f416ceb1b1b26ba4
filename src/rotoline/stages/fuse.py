"""Stage 6 of 6: one label per pixel, by comparing the objects' maps.

frames ─► foreground ─► adapt ─► score ─► propagate ─► regions ─► [fuse] ─► labels
"""

import math

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from rotoline.types import ObjectId, upsample


class FuseConfig(BaseModel):
    """What is background."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    background: float = Field(0.5, gt=0, lt=1)
    """Score below which a pixel is no object's. Where nothing is propagated it is 0.5, since
    only propagated scores are other than probabilities."""


def fuse(
    logits: Tensor, object_ids: list[ObjectId], size: tuple[int, int], background: float = 0.5
) -> np.ndarray:
    """Label every pixel with the object that scores highest, or 0 where none reaches `background`.

    Args:
        logits: `(K, h, w)`.
        object_ids: The id of each channel.
        size: Height and width of the frame; maps are brought to it before they are compared, so
            that borders between objects are as fine as the frame.
        background: Score in (0, 1).

    Returns:
        uint8 `size`.

    Source:
        Paper, section on the pipeline: the largest object score, background below 0.5. The authors'
        demo script has 100/255 for propagated scores.
    """
    best, channel = upsample(logits, size).max(0)
    ids = torch.tensor(object_ids, dtype=torch.uint8)
    return torch.where(best > _logit(background), ids[channel], 0).numpy()


def wins(logits: Tensor, background: float = 0.5) -> Tensor:
    """Where each object `(K, h, w)` is visible: above `background`, and no other scores higher."""
    return (logits > _logit(background)) & (logits == logits.amax(0, keepdim=True))


def _logit(score: float) -> float:
    return math.log(score / (1 - score))


SLOPE, BIAS = 0.9, -0.33
"""From the logit of the expected overlap to that of J. Fitted on the development split and the
multi-object clip with weights that had not seen them; with each clip left out in turn the
calibration error is .047 and the AUROC .907 (docs/results.md)."""


def confidences(
    logits: Tensor, object_ids: list[ObjectId], background: float = 0.5
) -> dict[ObjectId, float]:
    """How well each object's mask is expected to fit, in [0, 1]; 0 where it is not visible.

    The expected intersection over union of the mask with a truth that holds every pixel with the
    probability of its score: over pixels p with scores s, and those inside the mask,

        e = sum_inside s / (number inside + sum_outside s)

    mapped by two fitted numbers, since scores are too sure of themselves. So a confidence of .8
    says that J is .8 on the average.

    Args:
        logits: `(K, h, w)`.
        object_ids: The id of each channel.
        background: As in `fuse`.
    """
    inside = wins(logits, background)
    scores = logits.sigmoid()
    within = (scores * inside).flatten(1).sum(1)
    size = inside.flatten(1).sum(1)
    expected = within / (size + scores.flatten(1).sum(1) - within).clamp(min=1e-3)
    fitted = (SLOPE * expected.logit(eps=1e-4) + BIAS).sigmoid() * (size > 0)
    return dict(zip(object_ids, fitted.tolist(), strict=True))
