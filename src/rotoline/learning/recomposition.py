"""Short clips recomposed from annotated frames, to learn the objects of one video better.

As in "lucid data dreaming" (Khoreva et al., 2017): objects are cut out, the hole behind them is
filled, and objects and background move and deform independently, so that their true masks are
known in every frame.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from rotoline.learning.augmentation import generator_for
from rotoline.learning.camera import vary_light
from rotoline.learning.episode import Episode
from rotoline.learning.geometry import translation
from rotoline.learning.inpainting import inpaint_background
from rotoline.learning.mask_errors import corrupt_previous_mask
from rotoline.learning.sampler import Sampler
from rotoline.learning.warp import (
    paste_softly,
    sample_deformations,
    sample_motions,
    sample_view,
    warp,
    warp_labelled,
)

TARGETS = 2
"""Number of target frames of a clip: one after a corrupted mask, one after an own prediction."""
MAX_OBJECTS = 4
"""Most objects of a clip that are learned. The others count as other objects and move with the
background, so time and memory do not grow with the number of objects."""
MIN_PIXELS = 16
"""Fewest pixels of an object in the reference frame of a clip in which it is learned: one pixel of
the maps."""
MOVED = 0.6
"""Probability that the objects move each for themselves; else the whole frame moves."""
OBJECT_SPREAD, BACKGROUND_SPREAD, FRAME_SPREAD, REFERENCE_SPREAD = 5.0, 2.0, 3.0, 1.0
"""How far objects, background, the whole frame, and the reference move; see `sample_motions`."""
OBJECT_BEND, BACKGROUND_BEND, FRAME_BEND = 0.02, 0.006, 0.008
"""Largest deformation of objects, background and the whole frame, as a fraction of the width."""
VIEWS = 10
"""Number of random views after which a clip may be without the object that it is made for."""


@dataclass(frozen=True, eq=False)
class AnnotatedPicture:
    """An annotated frame at the working size."""

    pixels: Tensor
    """uint8 `(3, H, W)`, RGB."""
    labels: Tensor
    """uint8 `(H, W)`: k + 1 where object k is, 0 elsewhere."""

    @cached_property
    def background(self) -> Tensor:
        """uint8 `(3, H, W)`: the picture without any of the objects."""
        inside = (self.labels > 0)[None].float()
        return inpaint_background(self.pixels.float(), inside).round().clamp(0, 255).byte()

    @cached_property
    def areas(self) -> Tensor:
        """int64 `(256,)`: number of pixels of each label."""
        return torch.bincount(self.labels.flatten(), minlength=256)


@dataclass(frozen=True, eq=False)
class Recomposed:
    """A clip, and which objects it has."""

    episode: Episode
    """The clip."""
    objects: list[int]
    """Index of each object of the clip, in ascending order; K of them."""


def recompose(
    annotated: Sequence[AnnotatedPicture], size: tuple[int, int], *, count: int, seed: int
) -> Iterator[Recomposed]:
    """Make clips in which every object is shown about equally often.

    A clip is made from one annotated frame, or from two that show the same object, one for the
    reference and one for the other frames. An object is in a clip only if both show it: where it
    is not annotated, it may be there nevertheless.

    Args:
        annotated: The annotated frames, all of one size.
        size: Height and width of the clips, multiples of 16.
        count: Number of clips.
        seed: Decides everything random, together with the number of the clip.

    Yields:
        At most `count` clips: one is left out where none of its objects has `MIN_PIXELS`.
    """
    total = torch.stack([one.areas for one in annotated]).sum(0)[1:]
    shown = {k: 0 for k in range(255) if total[k] > 0}
    for number in range(count):
        generator = generator_for(seed, number)
        # The object that was in the fewest clips so far.
        focus = min(shown, key=lambda k: (shown[k], k))
        made = _recompose_one(annotated, size, focus, shown, generator)
        shown[focus] += 1
        if made is not None:
            for k in made.objects:
                shown[k] += k != focus
            yield made


@dataclass(frozen=True, eq=False)
class _Scene:
    """The two annotated frames of a clip, and the views of them that it shows."""

    reference: AnnotatedPicture
    other: AnnotatedPicture
    reference_view: Tensor
    view: Tensor
    size: tuple[int, int]


def _recompose_one(
    annotated: Sequence[AnnotatedPicture],
    size: tuple[int, int],
    focus: int,
    shown: dict[int, int],
    generator: torch.Generator,
) -> Recomposed | None:
    sampler = Sampler(generator)
    for _ in range(VIEWS):
        scene = _sample_scene(annotated, size, focus, sampler)
        pixels, labels = warp_labelled(
            scene.reference.pixels, scene.reference.labels, scene.reference_view, size
        )
        visible = torch.bincount(labels.flatten(), minlength=256)
        if visible[focus + 1] >= MIN_PIXELS:
            break
    both = (visible >= MIN_PIXELS) & (scene.other.areas > 0)
    objects = [k for k in shown if both[k + 1]]
    if not objects:
        return None
    # Those that were in the fewest clips, in a random order among equals.
    order = torch.randperm(len(objects), generator=generator).tolist()
    ranked = sorted(order, key=lambda at: (objects[at] != focus, shown[objects[at]]))
    objects = sorted(objects[at] for at in ranked[:MAX_OBJECTS])

    if sampler.chance(MOVED):
        pictures, rows = _move_objects(scene, objects, sampler)
    else:
        pictures, rows = _move_frame(scene, sampler)
    frames = vary_light(torch.stack([pixels, *pictures]), sampler)
    ids = torch.tensor(objects)[:, None, None] + 1
    masks = torch.stack([(one == ids).float() for one in (labels, *rows)], dim=1)
    first, before = ((one > 0).float() for one in (labels, rows[0]))
    previous = [
        corrupt_previous_mask(mask, (before - mask).clamp(min=0), sampler) for mask in masks[:, 1]
    ]
    episode = Episode(
        frames=frames.contiguous(memory_format=torch.channels_last),
        masks=masks,
        others=(first - masks[:, 0]).clamp(min=0),
        previous_masks=torch.stack(previous),
        uses_memory=sampler.chance(0.9),
        coarseness=sampler.one_of([2, 4, 8]) if sampler.chance(0.25) else 1,
    )
    return Recomposed(episode, objects)


def _sample_scene(
    annotated: Sequence[AnnotatedPicture], size: tuple[int, int], focus: int, sampler: Sampler
) -> _Scene:
    """Choose two annotated frames that show an object, and a view with a part of it."""
    showing = [one for one in annotated if one.areas[focus + 1] > 0]
    reference, other = sampler.one_of(showing), sampler.one_of(showing)
    first, second = (one.labels == focus + 1 for one in (reference, other))
    view = sample_view(first, size, sampler)
    moved = sample_motions(size, REFERENCE_SPREAD, 1, sampler)[0]
    # The object is at the same place in both views.
    (top, left), (down, right) = (
        mask.nonzero().float().mean(0).tolist() for mask in (first, second)
    )
    other_view = translation(right - left, down - top) @ view
    return _Scene(reference, other, view @ moved, other_view, size)


def _move_frame(scene: _Scene, sampler: Sampler) -> tuple[list[Tensor], list[Tensor]]:
    """Pictures `(3, H, W)` and labels `(H, W)` in which everything moves together."""
    motions, fields = _motions(scene.size, FRAME_SPREAD, FRAME_BEND, sampler)
    pairs = [
        warp_labelled(
            scene.other.pixels, scene.other.labels, scene.view @ motion, scene.size, field
        )
        for motion, field in zip(motions, fields, strict=True)
    ]
    return [pixels for pixels, _ in pairs], [labels for _, labels in pairs]


def _move_objects(
    scene: _Scene, objects: list[int], sampler: Sampler
) -> tuple[list[Tensor], list[Tensor]]:
    """Pictures `(3, H, W)` and labels `(H, W)` in which each object moves by itself.

    Objects hide each other in a random order. Those that are not named move with the background,
    behind the others.
    """
    size, other = scene.size, scene.other
    front = [k + 1 for k in sampler.shuffled(objects)]
    behind = [label for label in range(1, 256) if other.areas[label] and label not in front]
    ground = _motions(size, BACKGROUND_SPREAD, BACKGROUND_BEND, sampler)
    layers = [(behind, ground)] if behind else []
    layers += [([k], _motions(size, OBJECT_SPREAD, OBJECT_BEND, sampler)) for k in front]

    pictures, rows = [], []
    for index in range(TARGETS + 1):
        motion, field = ground[0][index], ground[1][index]
        picture = warp((other.background,), scene.view @ motion, size, field)
        labels = torch.zeros(size, dtype=torch.int64)
        for shown, (motions, fields) in layers:
            view = scene.view @ motions[index]
            moved, found = warp_labelled(other.pixels, other.labels, view, size, fields[index])
            inside = torch.isin(found, torch.tensor(shown))
            picture = paste_softly(picture, moved, inside)
            labels = torch.where(inside, found, labels)
        pictures.append(picture)
        rows.append(labels)
    return pictures, rows


def _motions(
    size: tuple[int, int], spread: float, bend: float, sampler: Sampler
) -> tuple[list[Tensor], list[Tensor]]:
    """Motions and deformations of the frames after the reference."""
    motions = sample_motions(size, spread, TARGETS + 1, sampler)[1:]
    amount = sampler.uniform(0, bend) * size[1]
    return motions, sample_deformations(size, amount, TARGETS + 1, sampler)[1:]
