"""Batches of training episodes, drawn on any device.

An episode depends on its number and the seed only, so a resumed or distributed training sees
exactly the episodes of an uninterrupted one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from rotoline.data.episode_batch import EpisodeBatch, other_objects
from rotoline.data.light import sample_light, steady, vary
from rotoline.data.picture_pool import PicturePool
from rotoline.data.previous_masks import corrupt, sample_errors
from rotoline.data.scene_drawing import draw_scenes, masks_of
from rotoline.data.scene_planner import ScenePlanner
from rotoline.data.scene_plans import LENGTH, TARGETS
from rotoline.data.strokes import draw_strokes, sample_strokes
from rotoline.data.training_clips import Clip
from rotoline.learning.augmentation import generator_for
from rotoline.learning.sampler import Sampler

MEMORY_SHARE = 0.9
"""Probability that the refinement network gets the readouts."""
FROZEN_SHARE = 0.4
"""Probability that an episode with strokes shows one picture all the time: first without any map
from before, then with the own answer, as while a person marks a frame."""
SEVERAL_MARKED_SHARE = 0.2
"""Probability that one or two of the last targets are marked as well, as in a clip that a person
has corrected."""
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
    """Probability that the marked frames are known where a few strokes are, and nowhere else."""

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
        marked = [0] * len(plans)
        for at, (sampler, plan) in enumerate(zip(samplers, plans, strict=True)):
            has_strokes = sampler.chance(self.stroke_share)
            if has_strokes and sampler.chance(FROZEN_SHARE):
                plans[at], lights[at] = plan.frozen(), steady(lights[at])
                first = sum(one.object_count for one in plans[:at])
                for number in range(first, first + plan.object_count):
                    errors[number] = errors[number]._replace(is_lost=True)
            elif sampler.chance(SEVERAL_MARKED_SHARE):
                marked[at] = sampler.integer(1, TARGETS - 1)
            frames = (0, *range(LENGTH - marked[at], LENGTH)) if has_strokes else ()
            strokes.append({one: sample_strokes(plan.object_count, sampler) for one in frames})
        drawn = draw_scenes(self.pool, plans, size)
        masks, known = masks_of(drawn, plans)
        counts = tuple(plan.object_count for plan in plans)
        for number, (objects, drawings) in enumerate(
            zip(masks.split(counts), strokes, strict=True)
        ):
            for frame, lines in drawings.items():
                known[number, frame] = draw_strokes(objects[:, frame], known[number, frame], lines)
        return EpisodeBatch(
            frames=vary(drawn.frames, lights),
            masks=masks,
            known=known,
            things=drawn.things,
            previous_masks=corrupt(masks[:, 1], other_objects(masks[:, 1], counts), errors),
            object_counts=counts,
            uses_memory=tuple(sampler.chance(MEMORY_SHARE) for sampler in samplers),
            coarseness=tuple(
                sampler.one_of([2, 4, 8]) if sampler.chance(COARSE_SHARE) else 1
                for sampler in samplers
            ),
            marked_targets=tuple(marked),
        )
