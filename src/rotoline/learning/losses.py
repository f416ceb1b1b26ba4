"""Losses for masks."""

import torch
from torch import Tensor
from torch.nn import functional


def mask_loss(logit: Tensor, mask: Tensor) -> Tensor:
    """Two times binary cross entropy plus one minus the soft intersection over union.

    Pixels near the object's border have weight four in the cross entropy, the others one: the
    border decides the measure F and whether thin parts are found.

    Args:
        logit: float `(B, H, W)`.
        mask: float `(B, H, W)` in [0, 1].

    Returns:
        The mean over the batch, a scalar; about 0 if an absent object is predicted nowhere.
    """
    weight = 1 + 3 * near_border(mask)
    entropy = functional.binary_cross_entropy_with_logits(logit, mask, weight=weight)
    score = logit.sigmoid().flatten(1)
    truth = mask.flatten(1)
    both = (score * truth).sum(1)
    either = (score + truth - score * truth).sum(1)
    # Sixteen pixels are added to both areas: if only a few pixels of the object are visible, a
    # single wrong pixel would change the ratio by a large amount, and with none it would be 0 / 0.
    overlap = (both + 16) / (either + 16)
    return 2 * entropy + (1 - overlap).mean()


def class_balanced_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Class-balanced cross entropy of the paper's networks.

    L = mean over pixels of -(1 - w) log p_foreground inside the object and -w log p_background
    outside, where w is the object's fraction of the pixels of its image. The loss of an image
    without the object is 0.

    Args:
        logits: `(B, 2, H, W)` of background and foreground, in any floating type.
        mask: `(B, H, W)`, 0 or 1, in any type.

    Returns:
        The mean over the batch, a float32 scalar (float64 for float64 logits). The log-softmax and
        the sums are in float32 also where the logits are in half precision.

    Source:
        The paper, equation 1. Deviation: the mean over the pixels in place of their sum, so that a
        learning rate does not depend on the size of the frames.
    """
    precise = logits if logits.dtype == torch.float64 else logits.float()
    log_p = functional.log_softmax(precise, dim=1)
    is_object = mask.bool()
    share = mask.to(log_p).mean(dim=(1, 2), keepdim=True)
    weighted = torch.where(is_object, (1 - share) * log_p[:, 1], share * log_p[:, 0])
    return -weighted.mean()


def near_border(mask: Tensor) -> Tensor:
    """Find blocks of 4x4 pixels with a neighbouring block that the mask covers more or less.

    Args:
        mask: float `(B, H, W)`; H and W are multiples of 4.

    Returns:
        `(B, H, W)`: 1 in all pixels of these blocks, 0 in the others.
    """
    share = functional.avg_pool2d(mask[:, None], 4)
    high, low = (
        sign * functional.max_pool2d(sign * share, 3, stride=1, padding=1) for sign in (1.0, -1.0)
    )
    band = (high > low).to(mask)
    return functional.interpolate(band, size=mask.shape[-2:], mode="nearest")[:, 0]
