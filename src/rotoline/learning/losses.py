"""Losses for masks."""

import torch
from torch import Tensor
from torch.nn import functional


def mask_loss(
    logit: Tensor, mask: Tensor, known: Tensor | None = None, *, block: int = 4
) -> Tensor:
    """The mean of `mask_losses` over the batch, a scalar."""
    return mask_losses(logit, mask, known, block=block).mean()


def mask_losses(
    logit: Tensor, mask: Tensor, known: Tensor | None = None, *, block: int = 4
) -> Tensor:
    """Two times binary cross entropy plus one minus the soft intersection over union.

    Pixels near the object's border have weight four in the cross entropy, the others one: the
    border decides the measure F and whether thin parts are found.

    Args:
        logit: float `(B, H, W)`.
        mask: float `(B, H, W)` in [0, 1].
        known: float `(B, H, W)` or `(H, W)`, 0 or 1: the pixels that count; None for all of them.
        block: Side of the blocks of `near_border`: 4 at the size of the frame, 1 for maps at
            stride 4, where a pixel is a block.

    Returns:
        `(B,)`: the loss of each mask; about 0 if an absent object is predicted nowhere.
    """
    weight = 1 + 3 * near_border(mask, known, block=block)
    if known is not None:
        weight = weight * known
    entropies = functional.binary_cross_entropy_with_logits(
        logit, mask, weight=weight, reduction="none"
    ).flatten(1)
    score, truth = logit.sigmoid(), mask
    if known is None:
        entropy = entropies.mean(1)
    else:
        known = known.expand_as(mask)
        entropy = entropies.sum(1) / known.flatten(1).sum(1).clamp(min=1)
        score, truth = score * known, truth * known
    score, truth = score.flatten(1), truth.flatten(1)
    both = (score * truth).sum(1)
    either = (score + truth - score * truth).sum(1)
    # A block is added to both areas: if only a few pixels of the object are visible, a single wrong
    # pixel would change the ratio by a large amount, and with none it would be 0 / 0.
    overlap = (both + block**2) / (either + block**2)
    return 2 * entropy + 1 - overlap


def class_balanced_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Class-balanced cross entropy of the paper's networks.

    L = mean over pixels of -(1 - w_c) log p_c, where c is the class of the pixel and w_c the share
    of that class in the pixels of its image. With two classes that is -(1 - w) log p_foreground
    inside the object and -w log p_background outside, where w is the object's share, and both have
    half of the weight; with more classes, small ones have more than their share, but not as much as
    large ones. The loss of an image with a single class is 0.

    Args:
        logits: `(B, C, H, W)` of background and objects, in any floating type.
        labels: `(B, H, W)`, whole numbers from 0 (background) to C - 1 and no others, in any type;
            a mask of 0 and 1 for a lone object.

    Returns:
        The mean over the batch, a float32 scalar (float64 for float64 logits). The log-softmax and
        the sums are in float32 also where the logits are in half precision.

    Source:
        The paper, equation 1, which has two classes; its comparison with a softmax over all objects
        (Table 1) does not say how the classes are balanced. Deviation: the mean over the pixels in
        place of their sum, so that a learning rate does not depend on the size of the frames.
    """
    precise = logits if logits.dtype == torch.float64 else logits.float()
    log_p = functional.log_softmax(precise, dim=1)
    classes = torch.arange(logits.shape[1], device=logits.device)[:, None, None]
    is_class = labels[:, None] == classes
    weight = 1 - is_class.to(log_p).mean(dim=(2, 3), keepdim=True)
    weighted = torch.where(is_class, weight * log_p, 0)
    return -weighted.sum(1).mean()


def near_border(mask: Tensor, known: Tensor | None = None, *, block: int = 4) -> Tensor:
    """Find square blocks of pixels with a neighbouring block that the mask covers more or less.

    Args:
        mask: float `(B, H, W)` in [0, 1]; H and W are multiples of `block`.
        known: float `(B, H, W)` or `(H, W)`, 0 or 1: the pixels that count; None for all of them.
            The share that the mask covers is that of a block's known pixels, and blocks without any
            are no neighbours: where the known pixels end, there is no border.
        block: Side of the blocks.

    Returns:
        `(B, H, W)`: 1 in all pixels of these blocks, 0 in the others.
    """
    if known is None:
        share = functional.avg_pool2d(mask[:, None], block)
        highest = lowest = share
    else:
        covered, counted = (
            functional.avg_pool2d(part[:, None], block)
            for part in (mask * known, known.expand_as(mask))
        )
        share = covered / counted.clamp(min=1 / block**2)
        highest, lowest = (torch.where(counted > 0, share, end) for end in (-1.0, 2.0))
    high = functional.max_pool2d(highest, 3, stride=1, padding=1)
    low = -functional.max_pool2d(-lowest, 3, stride=1, padding=1)
    band = (high > low).to(mask)
    return functional.interpolate(band, size=mask.shape[-2:], mode="nearest")[:, 0]
