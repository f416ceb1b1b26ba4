"""Many episodes together, as a training step sees them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeBatch:
    """B episodes of N frames each, with M objects in all; see `Episode` for what the fields mean.

    The objects of an episode follow one another.
    """

    frames: Tensor
    """float32 `(B, N, 3, H, W)`, RGB in [0, 255]."""
    masks: Tensor
    """float32 `(M, N, H, W)`, 0 or 1."""
    known: Tensor
    """float32 `(B, N, H, W)`, 0 or 1."""
    things: Tensor
    """float32 `(B, N, H, W)`, 0 or 1: where any object is that has a label, tracked or not."""
    previous_masks: Tensor
    """float32 `(M, H, W)`, 0 or 1."""
    object_counts: tuple[int, ...]
    """Number of objects of each episode, B of them."""
    uses_memory: tuple[bool, ...]
    """Whether the refinement network gets the readouts, for each episode."""
    coarseness: tuple[int, ...]
    """Factor by which score maps are reduced before they are propagated, for each episode."""
    marked_targets: tuple[int, ...]
    """How many of the last targets of each episode are marked as well: the objects are learned from
    them as from the reference, and they count in no loss."""

    @property
    def episode_of(self) -> Tensor:
        """int64 `(M,)`: the number of each object's episode."""
        numbers = torch.arange(len(self.object_counts))
        found = torch.repeat_interleave(numbers, torch.tensor(self.object_counts))
        return found.to(self.masks.device, non_blocking=True)

    @property
    def place(self) -> Tensor:
        """int64 `(M,)`: the number of each object within its episode."""
        places = [place for count in self.object_counts for place in range(count)]
        return torch.tensor(places, device=self.masks.device)


def other_objects(masks: Tensor, counts: Sequence[int]) -> Tensor:
    """Where the other objects of the same episode are.

    Args:
        masks: float32 `(M, H, W)`, 0 or 1.
        counts: Number of objects of each episode.

    Returns:
        float32 `(M, H, W)`, 0 or 1.
    """
    parts = masks.split(list(counts))
    return torch.cat([part.sum(0, keepdim=True).clamp(max=1) - part for part in parts])
