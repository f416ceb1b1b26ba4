"""One object of one clip in the frames of an episode: as filmed, or made up from a still image.

A still becomes a short clip by recomposition, as in lucid dreaming: the object is cut out, the hole
behind it is filled, and both move and bend on their own.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.data.training_clips import Clip
from rotoline.data.sampler import Sampler
from rotoline.data.warp import sample_bends, sample_motions, sample_view, warp


def sample_scene(clip: Clip, size: tuple[int, int], targets: int, max_gap: int, sampler: Sampler) -> Tensor:
    """Sampler frames and masks of one object.

    Args:
        clip: What to draw from.
        size: Height and width of the result.
        targets: How many frames follow each other, beside the reference and the one before them.
        max_gap: How many frames the targets may lie away from the reference.
        sampler: Decides everything.

    Returns:
        `(2 + targets, 4, H, W)`: colours in [0, 255] and a mask, 0 or 1.
    """
    make = _lucid_dream if clip.is_still else _cut
    indices = _sample_indices(len(clip.frames), targets, max_gap, sampler)
    mask = _object_of(clip, indices[0], sampler)
    view = sample_view(mask(indices[0]), size, sampler)
    stack = make(clip, mask, indices, view, size, sampler)
    stack[:, 3] = (stack[:, 3] > 0.5).float()
    return stack


def _cut(
    clip: Clip,
    mask: Callable[[int], Tensor],
    indices: list[int],
    view: Tensor,
    size: tuple[int, int],
    sampler: Sampler,
) -> Tensor:
    """Frames of a video, with a little more motion."""
    motions = sample_motions(size, 1.0, len(indices) - 1, sampler)
    return torch.stack(
        [
            warp((clip.frames[index], mask(index)[None]), view @ motion, size)
            for index, motion in zip(indices, motions, strict=True)
        ]
    )


def _lucid_dream(
    clip: Clip,
    mask: Callable[[int], Tensor],
    indices: list[int],
    view: Tensor,
    size: tuple[int, int],
    sampler: Sampler,
) -> Tensor:
    """A still: the object moves and bends over its background, which does the same."""
    picture, inside = clip.frames[0].float(), mask(0)[None].float()
    behind = inpaint_background(picture, inside)
    count = len(indices) - 1
    moves, shakes = sample_motions(size, 5.0, count, sampler), sample_motions(size, 2.0, count, sampler)
    bends = sample_bends(size, sampler.uniform(0, 0.02) * size[1], count, sampler)
    sways = sample_bends(size, sampler.uniform(0, 0.006) * size[1], count, sampler)
    frames = []
    for move, shake, bend, sway in zip(moves, shakes, bends, sways, strict=True):
        front = warp((picture, inside), view @ move, size, bend)
        back = warp((behind,), view @ shake, size, sway)
        alpha = functional.avg_pool2d(front[None, 3:], 3, stride=1, padding=1)[0]
        frames.append(torch.cat((front[:3] * alpha + back * (1 - alpha), front[3:])))
    return torch.stack(frames)


def inpaint_background(picture: Tensor, inside: Tensor) -> Tensor:
    """Fill the pixels of an object from around it, coarsely.

    Args:
        picture: `(3, H, W)`.
        inside: `(1, H, W)`, 1 where to fill.

    Returns:
        `(3, H, W)`: more than two pixels outside as it was; elsewhere weighted means of the
        surroundings, finest first; black where there are none.
    """
    size = picture.shape[1:]
    share = 1 - functional.max_pool2d(inside[None], 5, stride=1, padding=2)
    mean = picture[None]
    filled, covered = mean * share, share
    while bool((covered == 0).any()) and max(mean.shape[-2:]) > 1:
        total, share = (functional.avg_pool2d(x, 2, ceil_mode=True) for x in (mean * share, share))
        mean, share = total / share.clamp(min=1e-4), (share > 0).float()
        up, up_share = (
            functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
            for x in (mean * share, share)
        )
        new = (1 - covered) * (up_share > 0.5)
        filled = filled + new * up / up_share.clamp(min=0.5)
        covered = covered + new
    return filled[0]


def _sample_indices(count: int, targets: int, max_gap: int, sampler: Sampler) -> list[int]:
    """Indices of the reference, of the frame before the targets, and of the targets."""
    if count == 1:
        return [0] * (2 + targets)
    reference = sampler.integer(0, count - 1)
    way = 1 if sampler.chance(0.5) else -1
    step = sampler.one_of([1, 1, 2, 3])
    # Every fourth episode goes on right after the reference, as every clip does.
    gap = 0 if sampler.chance(0.25) else sampler.integer(1, max_gap)

    def bounce(index: int) -> int:
        """Reflect at the ends of the clip."""
        index = abs(index) % (2 * (count - 1))
        return index if index < count else 2 * (count - 1) - index

    row = [bounce(reference + way * (gap + step * at)) for at in range(targets + 1)]
    return [reference, *row]


def _object_of(clip: Clip, index: int, sampler: Sampler) -> Callable[[int], Tensor]:
    """A function from frame index to the bool mask of one object drawn from the clip."""
    labels = clip.labels[index]
    ids, counts = labels[labels > 0].unique(return_counts=True)
    large = ids[counts > 0.005 * labels.numel()].tolist()
    if not clip.is_still or not large or (clip.name.startswith("clothing") and sampler.chance(0.6)):
        return lambda at: clip.labels[at] > 0
    chosen = sampler.one_of(large)
    return lambda at: clip.labels[at] == chosen
