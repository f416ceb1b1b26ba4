"""Stage 6 of 6: one label per pixel, by comparing the objects' maps.

frames ─► foreground ─► adapt ─► score ─► propagate ─► regions ─► [fuse] ─► labels
"""

import numpy as np
import torch
from torch import Tensor

from rotoline.types import ObjectId, upsample


def fuse(logits: Tensor, object_ids: list[ObjectId], size: tuple[int, int]) -> np.ndarray:
    """Label every pixel with the object that scores highest, or 0 where none reaches one half.

    Args:
        logits: `(K, h, w)`.
        object_ids: The id of each channel.
        size: Height and width of the frame; maps are brought to it before they are compared, so
            that borders between objects are as fine as the frame.

    Returns:
        uint8 `size`.

    Source:
        Paper, section on the pipeline: the largest object score, background below 0.5.
    """
    best, channel = upsample(logits, size).max(0)
    ids = torch.tensor(object_ids, dtype=torch.uint8)
    return torch.where(best > 0, ids[channel], 0).numpy()


def confidences(logits: Tensor, object_ids: list[ObjectId]) -> dict[ObjectId, float]:
    """Per object the mean score of the pixels above one half; 0 where there are none."""
    scores = logits.sigmoid()
    inside = (scores > 0.5).float()
    sums = (scores * inside).flatten(1).sum(1)
    means = sums / inside.flatten(1).sum(1).clamp(min=1)
    return dict(zip(object_ids, means.tolist(), strict=True))
