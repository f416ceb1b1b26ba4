"""What the networks of the preset `fast` learn from: a short clip with the masks of its objects."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """K objects in N frames: the reference, the frame before the targets, and the targets.

    The objects are learned from the reference. The loss is that of the targets; the prediction for
    one target is an input for the next.
    """

    frames: Tensor
    """float32 `(N, 3, H, W)`, RGB in [0, 255]; H and W are multiples of 16."""
    masks: Tensor
    """float32 `(K, N, H, W)`, 0 or 1: the true masks, which do not overlap."""
    others: Tensor
    """float32 `(K, H, W)`, 0 or 1: for each object the other annotated objects in the reference."""
    known: Tensor | None = None
    """float32 `(N, H, W)`, 0 or 1: where the masks are known; other pixels count in no loss. None
    if they are known everywhere."""
    previous_masks: Tensor
    """float32 `(K, H, W)`, 0 or 1: corrupted masks of the frame before the targets."""
    uses_memory: bool
    """Whether the refinement network gets the readouts from the previous and from the reference
    frame; without them, it learns to work with the other inputs alone."""
    coarseness: int
    """Factor by which score maps are reduced before they are propagated, so that the propagation
    network learns to restore detail; 1 for not at all."""
    marked_targets: int = 0
    """How many of the last targets are marked as well: the objects are learned from them as from
    the reference, and they count in no loss."""
