"""Losses for masks."""

import torch
from torch import Tensor
from torch.nn import functional


def mask_loss(logit: Tensor, mask: Tensor) -> Tensor:
    """Two times binary cross entropy plus one minus the soft intersection over union.

    Pixels near the object's border, where F is decided and thin parts are lost, count four times
    in the cross entropy.

    Args:
        logit: `(B, H, W)`.
        mask: `(B, H, W)` in [0, 1].

    Returns:
        The mean over the batch, a scalar. An absent object with nothing predicted costs about 0.
    """
    weight = 1 + 3 * near_border(mask)
    entropy = functional.binary_cross_entropy_with_logits(logit, mask, weight=weight)
    score = logit.sigmoid().flatten(1)
    truth = mask.flatten(1)
    both = (score * truth).sum(1)
    either = (score + truth - score * truth).sum(1)
    # Sixteen pixels of slack keep the ratio tame where the object is hardly visible.
    overlap = (both + 16) / (either + 16)
    return 2 * entropy + (1 - overlap).mean()


def class_balanced_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Class-balanced cross entropy of the paper's networks.

    L = mean over pixels of -(1 - w) log p_foreground on the object and -w log p_background beside
    it, where w is the object's share of its own image. An image without the object costs 0.

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
    """1 in the blocks of 4x4 pixels of `(B, H, W)` beside one with another share of the mask."""
    share = functional.avg_pool2d(mask[:, None], 4)
    high, low = (
        sign * functional.max_pool2d(sign * share, 3, stride=1, padding=1) for sign in (1.0, -1.0)
    )
    band = (high > low).to(mask)
    return functional.interpolate(band, size=mask.shape[-2:], mode="nearest")[:, 0]
