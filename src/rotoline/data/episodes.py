"""Training episodes: one or two objects in a reference frame and in frames that follow each other.

Every episode follows from its number and the seed alone, so that a resumed or distributed training
sees exactly the episodes it would have seen.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.data.training_clips import Clip, sample_clip
from rotoline.data.sampler import Sampler
from rotoline.data.still_to_clip import sample_scene
from rotoline.data.corruptions import augment_photometric, corrupt_previous_mask

PASTE_SHARE = 0.6
"""Share of the episodes with an object of another clip, or of the same one, pasted in."""
TARGETS = 3
"""Frames that are judged; each starts from the answer to the one before."""


@dataclass(frozen=True, slots=True)
class Episode:
    """N = 2 + TARGETS frames: the reference, the frame before the targets, and the targets."""

    frames: Tensor
    """`(N, 3, H, W)` in [0, 255]."""
    masks: Tensor
    """`(K, N, H, W)`, 0 or 1: one object or two."""
    priors: Tensor
    """`(K, H, W)`, 0 or 1: imperfect masks of the frame before the targets."""
    recalls: bool
    """Whether the frame before and the reference may be searched."""
    coarseness: int
    """By how much the maps are coarsened before they are propagated; 1 for not at all."""


@dataclass(frozen=True, slots=True)
class EpisodeMaker:
    """Draws episodes from clips."""

    clips: list[Clip]
    seed: int
    size: tuple[int, int]
    """Height and width, multiples of 16."""

    def make(self, number: int, progress: float) -> Episode:
        """Make episode `number`; targets lie further away as `progress` goes from 0 to 1."""
        sampler = Sampler(torch.Generator().manual_seed(self.seed * 1_000_003 + number))
        max_gap = int(10 + 50 * min(1.0, progress * 1.5))
        clip = sample_clip(self.clips, sampler)
        stack = sample_scene(clip, self.size, TARGETS, max_gap, sampler)
        masks, others = stack[None, :, 3], torch.zeros_like(stack[None, :, 3])
        if sampler.chance(PASTE_SHARE):
            # Of the same clip: a look-alike, moving on its own.
            other_clip = clip if sampler.chance(0.3) else sample_clip(self.clips, sampler)
            other = sample_scene(other_clip, self.size, TARGETS, max_gap, sampler)
            stack, masks, others = _paste(stack, other, sampler)
        return Episode(
            frames=augment_photometric(stack[:, :3], sampler),
            masks=masks,
            priors=torch.stack(
                [
                    corrupt_previous_mask(mask[1], other[1], sampler)
                    for mask, other in zip(masks, others, strict=True)
                ]
            ),
            recalls=sampler.chance(0.9),
            coarseness=sampler.one_of([2, 4, 8]) if sampler.chance(0.25) else 1,
        )


def _paste(stack: Tensor, other: Tensor, sampler: Sampler) -> tuple[Tensor, Tensor, Tensor]:
    """Lay the object of `other` over `stack`: as a distractor, as the object, or as a second one.

    Returns:
        Frames `(N, 3, H, W)`, masks `(K, N, H, W)`, and for each of these what it may be taken for.
    """
    if sampler.chance(0.5):  # elsewhere, so that it does not always hide the object
        height, width = stack.shape[-2:]
        shift = (sampler.integer(-height // 3, height // 3), sampler.integer(-width // 3, width // 3))
        other = _shifted(other, shift)
    kind = sampler.one_of(["distractor", "distractor", "object", "both", "both"])
    if kind == "distractor" and sampler.chance(0.5):
        # A newcomer: the rule could not learn that it is not the object.
        other = other.clone()
        other[0, 3] = 0
    # A soft border hides the seam, which would give the pasted object away.
    alpha = functional.avg_pool2d(other[:, 3:], 3, stride=1, padding=1)
    pixels = other[:, :3] * alpha + stack[:, :3] * (1 - alpha)
    front = other[None, :, 3]
    behind = stack[None, :, 3] * (1 - front)
    if kind == "distractor":
        return pixels, behind, front
    if kind == "object":
        return pixels, front, behind
    return pixels, torch.cat((behind, front)), torch.cat((front, behind))


def _shifted(stack: Tensor, shift: tuple[int, int]) -> Tensor:
    """Roll frames and masks; the mask does not come in again at the other side."""
    rolled = torch.roll(stack, shift, (2, 3))
    for axis, amount in zip((2, 3), shift, strict=True):
        extent = stack.shape[axis]
        outside = slice(0, amount) if amount >= 0 else slice(extent + amount, extent)
        rolled[:, 3].transpose(1, axis - 1)[:, outside] = 0
    return rolled
