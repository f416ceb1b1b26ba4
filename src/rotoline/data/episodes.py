"""Training episodes: one or two objects in a reference frame and in consecutive target frames.

An episode depends on its number and the seed only, so a resumed or distributed training sees
exactly the episodes of an uninterrupted one.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.data.corruptions import augment_photometric
from rotoline.data.still_to_clip import sample_scene
from rotoline.data.training_clips import Clip, sample_clip
from rotoline.learning.augmentation import generator_for
from rotoline.learning.episode import Episode
from rotoline.learning.mask_errors import corrupt_previous_mask
from rotoline.learning.sampler import Sampler

PASTE_PROBABILITY = 0.6
"""Probability that an object of another clip, or of the same one, is pasted into an episode."""
TARGETS = 3
"""Number of target frames, on which the loss is computed. The prediction for one target is an input
for the next."""


@dataclass(frozen=True, slots=True)
class EpisodeMaker:
    """Samples episodes from clips."""

    clips: list[Clip]
    """Videos and stills, as `load_clips` returns them."""
    seed: int
    """Seed of all episodes."""
    size: tuple[int, int]
    """Height and width of the frames, multiples of 16."""

    def make(self, number: int, progress: float) -> Episode:
        """Sample an episode.

        Args:
            number: Number of the episode; together with the seed, it decides every random choice.
            progress: Fraction of the training that is done, 0 to 1. The largest distance from the
                reference to the targets grows from 10 to 60 frames over the first two thirds.
        """
        sampler = Sampler(generator_for(self.seed, number))
        max_gap = int(10 + 50 * min(1.0, progress * 1.5))
        clip = sample_clip(self.clips, sampler)
        stack = sample_scene(clip, self.size, TARGETS, max_gap, sampler)
        masks, others = stack[None, :, 3], torch.zeros_like(stack[None, :, 3])
        known = stack[:, 4]
        if sampler.chance(PASTE_PROBABILITY):
            # An object of the same clip is the hardest distractor: it has the same appearance.
            other_clip = clip if sampler.chance(0.3) else sample_clip(self.clips, sampler)
            other = sample_scene(other_clip, self.size, TARGETS, max_gap, sampler)
            stack, masks, others, known = _paste(stack, other, sampler)
        return Episode(
            frames=augment_photometric(stack[:, :3], sampler),
            masks=masks,
            # A distractor is not annotated.
            others=masks[:, 0].flip(0) if len(masks) == 2 else torch.zeros_like(masks[:, 0]),
            known=known,
            previous_masks=torch.stack(
                [
                    corrupt_previous_mask(mask[1], other[1], sampler)
                    for mask, other in zip(masks, others, strict=True)
                ]
            ),
            uses_memory=sampler.chance(0.9),
            coarseness=sampler.one_of([2, 4, 8]) if sampler.chance(0.25) else 1,
        )


def _paste(stack: Tensor, other: Tensor, sampler: Sampler) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Paste the object of `other` over `stack`: as a distractor, the target, or a second target.

    Args:
        stack: Frames and masks `(N, 5, H, W)` as `sample_scene` returns them.
        other: Frames and masks `(N, 5, H, W)` of the pasted object.
        sampler: Source of all random numbers.

    Returns:
        Frames `(N, 3, H, W)`; masks `(K, N, H, W)` of the K objects; for each of them the masks of
        the object that it may be confused with, `(K, N, H, W)`; and where the masks are known,
        `(N, H, W)`.
    """
    if sampler.chance(0.5):  # otherwise both are near the centre, and the object is often hidden
        height, width = stack.shape[-2:]
        down = sampler.integer(-height // 3, height // 3)
        right = sampler.integer(-width // 3, width // 3)
        other = _shifted(other, (down, right))
    role = sampler.one_of(["distractor", "distractor", "target", "both", "both"])
    if role == "distractor" and sampler.chance(0.5):
        # An unseen distractor: absent from the reference frame, so the classifier of the object
        # has no example of it.
        other = other.clone()
        other[0, 3] = 0
    # The border is soft: the network could recognise pasted objects by a sharp seam.
    alpha = functional.avg_pool2d(other[:, 3:4], 3, stride=1, padding=1)
    pixels = other[:, :3] * alpha + stack[:, :3] * (1 - alpha)
    front = other[None, :, 3]
    behind = stack[None, :, 3] * (1 - front)
    known = torch.maximum(stack[:, 4], other[:, 3])  # what is pasted hides what was unknown
    if role == "distractor":
        return pixels, behind, front, known
    if role == "target":
        return pixels, front, behind, known
    return pixels, torch.cat((behind, front)), torch.cat((front, behind)), known


def _shifted(stack: Tensor, shift: tuple[int, int]) -> Tensor:
    """Shift frames and masks `(N, C, H, W)` by (down, right) pixels.

    Frames are continued cyclically; what enters a mask at the opposite side is 0.
    """
    rolled = torch.roll(stack, shift, (2, 3))
    for axis, amount in zip((2, 3), shift, strict=True):
        extent = stack.shape[axis]
        outside = slice(0, amount) if amount >= 0 else slice(extent + amount, extent)
        rolled[:, 3].transpose(1, axis - 1)[:, outside] = 0
    return rolled
