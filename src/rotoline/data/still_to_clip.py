"""Frames and masks of one object for an episode: from a video, or synthesised from a still image.

A still becomes a short clip as in "lucid data dreaming" (Khoreva et al., 2017): the object is cut
out, the hole in the background is filled, and object and background move and deform independently.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.data.stills import MIN_OBJECT_AREA, UNKNOWN
from rotoline.data.training_clips import Clip, reflect_index
from rotoline.learning.inpainting import inpaint_background
from rotoline.learning.sampler import Sampler
from rotoline.learning.warp import sample_deformations, sample_motions, sample_view, warp

UNION_PROBABILITY = 0.6
"""Probability that all garments of a still are one object, the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSpec:
    """Which object of which frames a scene shows, and in which view."""

    clip: Clip
    mask_of: Callable[[int], Tensor]
    """The bool mask `(h, w)` of the object in a frame of the clip, by index."""
    unknown_of: Callable[[int], Tensor]
    """The bool mask `(h, w)` of what is not known in a frame of the clip, by index."""
    frame_indices: list[int]
    """The reference, the frame before the targets, and the targets."""
    view: Tensor
    """Affine map from output pixel to source pixel, `(3, 3)`, the same for all frames."""
    size: tuple[int, int]
    """Height and width of the result."""


def sample_scene(
    clip: Clip, size: tuple[int, int], targets: int, max_gap: int, sampler: Sampler
) -> Tensor:
    """Sample frames and masks of one object.

    Args:
        clip: A video or a still.
        size: Height and width of the result.
        targets: Number of consecutive target frames, after the reference and the frame before the
            targets.
        max_gap: Largest distance in frames between the reference and the frame before the targets.
        sampler: Source of all random numbers.

    Returns:
        `(2 + targets, 5, H, W)`: RGB in [0, 255]; the object's mask, 0 or 1; and where the labels
        are known, 0 or 1.
    """
    indices = _sample_indices(len(clip.frames), targets, max_gap, sampler)
    mask_of = _sample_object(clip, indices[0], sampler)
    view = sample_view(mask_of(indices[0]), size, sampler)
    spec = SceneSpec(
        clip=clip,
        mask_of=mask_of,
        unknown_of=lambda at: clip.labels[at] == UNKNOWN,
        frame_indices=indices,
        view=view,
        size=size,
    )
    stack = _lucid_dream(spec, sampler) if clip.is_still else _crop_video(spec, sampler)
    stack[:, 3] = (stack[:, 3] > 0.5).float()
    # A pixel is known if nothing unknown was blended into it.
    stack[:, 4] = (stack[:, 4] < 0.01).float()
    return stack


def _crop_video(spec: SceneSpec, sampler: Sampler) -> Tensor:
    """The view of every frame of a video, with a little additional motion.

    The channels are RGB, the object's mask, and what is unknown.
    """
    motions = sample_motions(spec.size, 1.0, len(spec.frame_indices) - 1, sampler)
    frames = []
    for index, motion in zip(spec.frame_indices, motions, strict=True):
        layers = (spec.clip.frames[index], spec.mask_of(index)[None], spec.unknown_of(index)[None])
        frames.append(warp(layers, spec.view @ motion, spec.size))
    return torch.stack(frames)


def _lucid_dream(spec: SceneSpec, sampler: Sampler) -> Tensor:
    """A clip from a still: object and background move and deform independently.

    What is unknown, such as the border of an object, moves with the object. The channels are those
    of `_crop_video`.
    """
    size, count = spec.size, len(spec.frame_indices) - 1
    picture, inside = spec.clip.frames[0].float(), spec.mask_of(0)[None].float()
    unknown = spec.unknown_of(0)[None].float()
    cut_out = torch.maximum(inside, unknown)
    background = inpaint_background(picture, cut_out)
    motions = sample_motions(size, 5.0, count, sampler)
    background_motions = sample_motions(size, 2.0, count, sampler)
    deformations = sample_deformations(size, sampler.uniform(0, 0.02) * size[1], count, sampler)
    background_deformations = sample_deformations(
        size, sampler.uniform(0, 0.006) * size[1], count, sampler
    )
    frames = []
    for index in range(count + 1):
        layers = (picture, inside, unknown, cut_out)
        front = warp(layers, spec.view @ motions[index], size, deformations[index])
        back = warp(
            (background,),
            spec.view @ background_motions[index],
            size,
            background_deformations[index],
        )
        alpha = functional.avg_pool2d(front[None, 5:], 3, stride=1, padding=1)[0]
        frames.append(torch.cat((front[:3] * alpha + back * (1 - alpha), front[3:5])))
    return torch.stack(frames)


def _sample_indices(count: int, targets: int, max_gap: int, sampler: Sampler) -> list[int]:
    """Indices of the reference, of the frame before the targets, and of the targets."""
    if count == 1:
        return [0] * (2 + targets)
    reference = sampler.integer(0, count - 1)
    direction = 1 if sampler.chance(0.5) else -1
    step = sampler.one_of([1, 1, 2, 3])
    # A quarter of the episodes continue from the reference itself, as at the start of a clip.
    gap = 0 if sampler.chance(0.25) else sampler.integer(1, max_gap)
    row = [reference + direction * (gap + step * at) for at in range(targets + 1)]
    return [reference, *(reflect_index(index, count) for index in row)]


def _sample_object(clip: Clip, index: int, sampler: Sampler) -> Callable[[int], Tensor]:
    """Choose an object that is visible in frame `index`; return its `SceneSpec.mask_of`.

    In a video, all labels are one object.
    """
    labels = clip.known_labels(index)
    ids, counts = labels[labels > 0].unique(return_counts=True)
    large = ids[counts > MIN_OBJECT_AREA * labels.numel()].tolist()
    is_union = not clip.is_still or not large
    if is_union or (clip.kind == "garments" and sampler.chance(UNION_PROBABILITY)):
        return lambda at: clip.known_labels(at) > 0
    chosen = sampler.one_of(large)
    return lambda at: clip.labels[at] == chosen
