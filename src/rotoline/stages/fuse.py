"""Stage `fuse`: one label per pixel, by comparing the objects' maps.

    frame ─► encode ─► score ─► limit ─► propagate ─► filter ─► [fuse] ─► labels

See docs/method/fast.md#fuse.
"""

import math
from collections.abc import Iterable, Sequence

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from rotoline.types import LabelMap, ObjectId


class FuseConfig(BaseModel):
    """How the objects' maps become one label map."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    background_threshold: float = Field(default=0.5, gt=0, lt=1)
    """Score below which a pixel belongs to no object. Scores that are not propagated are
    probabilities, for which 0.5 is right."""


def fuse(
    maps: Iterable[Tensor],
    object_ids: Sequence[ObjectId],
    background_threshold: float,
) -> LabelMap:
    """Label every pixel with the object that scores highest.

    Args:
        maps: float `(H, W)` each, at least one: the logits of each object at the size of the frame,
            so that borders between objects are as fine as the frame. Only one is held at a time.
        object_ids: The id of each map.
        background_threshold: Score in (0, 1). A pixel at which no object exceeds it is 0.

    Returns:
        uint8 `(H, W)`; of equal logits the first object's counts.

    Source:
        Paper, section on the pipeline: the largest object score, background below 0.5. The authors'
        demo script has 100/255 for propagated scores.
    """
    best: Tensor | float = _logit(background_threshold)
    labels = torch.zeros((), dtype=torch.uint8)
    for object_id, logits in zip(object_ids, maps, strict=True):
        is_better = logits > best
        labels = torch.where(is_better, object_id, labels.to(logits.device))
        best = torch.where(is_better, logits, best)
    found: LabelMap = labels.cpu().numpy()
    return found


def visible_masks(logits: Tensor, background_threshold: float) -> Tensor:
    """The mask of each object at the working resolution, bool `(K, h, w)`.

    A pixel belongs to the object with the highest logit, if its score exceeds
    `background_threshold`; to several objects where their logits are equal.
    """
    is_object = logits > _logit(background_threshold)
    return is_object & (logits == logits.amax(0, keepdim=True))


def _logit(score: float) -> float:
    return math.log(score / (1 - score))


SLOPE, BIAS = 0.9, -0.33
"""Map the logit of the expected IoU to that of J. Fitted on the development split and the
multi-object clip with weights that had not seen them; with each clip left out in turn the
calibration error is .047 and the AUROC .907 (docs/log/2026-11-25-results.md)."""


def expected_iou(
    logits: Tensor, object_ids: list[ObjectId], background_threshold: float
) -> dict[ObjectId, float]:
    """Predict the J of each object's mask, in [0, 1]; 0 where the object is not visible.

    The expected intersection over union of the mask with a truth that contains every pixel with the
    probability of its score: with the sums over pixels p of their scores s_p,

        e = sum_inside s_p / (number of pixels inside + sum_outside s_p)

    calibrated by two fitted numbers, since scores are overconfident: logit J = .9 logit e - .33. A
    confidence of .8 therefore means a J of .8 on average.

    Args:
        logits: float `(K, h, w)`.
        object_ids: The id of each channel.
        background_threshold: As for `fuse`.
    """
    inside = visible_masks(logits, background_threshold)
    scores = logits.sigmoid()
    within = (scores * inside).flatten(1).sum(1)
    size = inside.flatten(1).sum(1)
    expected = within / (size + scores.flatten(1).sum(1) - within).clamp(min=1e-3)
    calibrated = (SLOPE * expected.logit(eps=1e-4) + BIAS).sigmoid() * (size > 0)
    return dict(zip(object_ids, calibrated.tolist(), strict=True))
