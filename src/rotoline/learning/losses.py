"""Losses for masks."""

from torch import Tensor
from torch.nn import functional


def mask_loss(logit: Tensor, mask: Tensor) -> Tensor:
    """Two times binary cross entropy plus one minus the soft intersection over union.

    Args:
        logit: `(B, H, W)`.
        mask: `(B, H, W)` in [0, 1].

    Returns:
        The mean over the batch, a scalar. An absent object with nothing predicted costs about 0.
    """
    entropy = functional.binary_cross_entropy_with_logits(logit, mask)
    score = logit.sigmoid().flatten(1)
    truth = mask.flatten(1)
    both = (score * truth).sum(1)
    either = (score + truth - score * truth).sum(1)
    # Sixteen pixels of slack keep the ratio tame where the object is hardly visible.
    overlap = (both + 16) / (either + 16)
    return 2 * entropy + (1 - overlap).mean()
