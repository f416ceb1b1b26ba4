"""Batches of training episodes, drawn on any device.

An episode depends on its number and the seed only, so a resumed or distributed training sees
exactly the episodes of an uninterrupted one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from rotoline.data.episode_batch import EpisodeBatch
from rotoline.data.light import sample_light, steady, vary
from rotoline.data.picture_pool import PicturePool
from rotoline.data.previous_masks import corrupt, sample_errors
from rotoline.data.scene_drawing import draw_scenes, masks_of
from rotoline.data.scene_planner import ScenePlanner
from rotoline.data.scene_plans import LENGTH
from rotoline.data.strokes import draw_strokes, sample_strokes
from rotoline.data.training_clips import Clip
from rotoline.learning.augmentation import generator_for
from rotoline.learning.sampler import Sampler

MEMORY_SHARE = 0.9
"""Probability that the refinement network gets the readouts."""
FROZEN_SHARE = 0.4
"""Probability that an episode with strokes shows one picture all the time: first without any map
from before, then with the own answer, as while a person marks a frame."""
COARSE_SHARE = 0.25
"""Probability that the score maps are reduced before they are propagated."""


@dataclass(frozen=True, slots=True)
class EpisodeMaker:
    """Samples episodes from clips, and draws them."""

    planner: ScenePlanner
    pool: PicturePool
    seed: int
    """Seed of all episodes."""
    stroke_share: float = 0.0
    """Probability that the reference frame is known where a few strokes are, and nowhere else."""

    @classmethod
    def of(
        cls,
        clips: Sequence[Clip],
        seed: int,
        size: tuple[int, int],
        device: torch.device,
        *,
        stroke_share: float = 0.0,
    ) -> "EpisodeMaker":
        """A maker of episodes of a size (height, width), whose pictures are on a device."""
        pool = PicturePool.of(clips).to(device)
        return cls(ScenePlanner.of(clips, size), pool, seed, stroke_share)

    @torch.no_grad()
    def make(self, numbers: Sequence[int], progress: float) -> EpisodeBatch:
        """Make the episodes of some numbers.

        Args:
            numbers: Number of each episode; together with the seed, it decides every random choice.
            progress: Fraction of the training that is done, 0 to 1.
        """
        size = self.planner.size
        samplers = [Sampler(generator_for(self.seed, number)) for number in numbers]
        plans = [self.planner.plan(sampler, progress) for sampler in samplers]
        lights = [sample_light(LENGTH, sampler) for sampler in samplers]
        errors = [
            sample_errors(size, sampler)
            for sampler, plan in zip(samplers, plans, strict=True)
            for _ in range(plan.object_count)
        ]
        strokes = []
        for at, (sampler, plan) in enumerate(zip(samplers, plans, strict=True)):
            has_strokes = sampler.chance(self.stroke_share)
            strokes.append(sample_strokes(plan.object_count, sampler) if has_strokes else None)
            if has_strokes and sampler.chance(FROZEN_SHARE):
                plans[at], lights[at] = plan.frozen(), steady(lights[at])
                first = sum(one.object_count for one in plans[:at])
                for number in range(first, first + plan.object_count):
                    errors[number] = errors[number]._replace(is_lost=True)
        drawn = draw_scenes(self.pool, plans, size)
        masks, known = masks_of(drawn, plans)
        counts = tuple(plan.object_count for plan in plans)
        taken = torch.cat(
            [
                part.sum(0, keepdim=True).expand(count, -1, -1)
                for part, count in zip(masks[:, :2].flatten(2).split(counts), counts, strict=True)
            ]
        )
        others, beside = (taken - masks[:, :2].flatten(2)).clamp(0, 1).unflatten(2, size).unbind(1)
        for number, (first, marks) in enumerate(
            zip(masks[:, 0].split(counts), strokes, strict=True)
        ):
            if marks is not None:
                known[number, 0] = draw_strokes(first, known[number, 0], marks)
        return EpisodeBatch(
            frames=vary(drawn.frames, lights),
            masks=masks,
            others=others,
            known=known,
            things=drawn.things,
            previous_masks=corrupt(masks[:, 1], beside, errors),
            object_counts=counts,
            uses_memory=tuple(sampler.chance(MEMORY_SHARE) for sampler in samplers),
            coarseness=tuple(
                sampler.one_of([2, 4, 8]) if sampler.chance(COARSE_SHARE) else 1
                for sampler in samplers
            ),
        )
