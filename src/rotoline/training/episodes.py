"""Training episodes: one object in a reference frame and in two later frames, made harder.

Every episode follows from its number and the seed alone, so that a resumed or distributed training
sees exactly the episodes it would have seen.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.training.clips import Clip

Item = TypeVar("Item")

VIDEO_SHARE = 0.8
"""Share of the episodes that come from video; the others give a still image made-up motion."""
PASTE_SHARE = 0.5
"""Share of the episodes with an object of another clip pasted in."""


@dataclass(frozen=True, slots=True)
class Episode:
    """Three frames of one object: the reference and two targets that follow each other."""

    frames: Tensor
    """`(3, 3, H, W)` in [0, 255]."""
    masks: Tensor
    """`(3, H, W)`, 0 or 1."""
    priors: Tensor
    """`(2, H, W)`, 0 or 1: an imperfect mask of the frame before each target."""


@dataclass(frozen=True, slots=True)
class EpisodeMaker:
    """Draws episodes from clips."""

    clips: list[Clip]
    seed: int
    size: tuple[int, int]
    """Height and width, multiples of 32."""

    def make(self, number: int, progress: float) -> Episode:
        """Make episode `number`; targets lie further away as `progress` goes from 0 to 1."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        draw = _Draw(generator)
        max_gap = int(5 + 50 * min(1.0, progress * 1.5))
        stack = self._draw_object(draw, max_gap)
        if draw.chance(PASTE_SHARE):
            other = self._draw_object(draw, max_gap)
            stack = _paste(stack, other, as_object=draw.chance(0.35))
        frames = _vary_colours(stack[[0, 1, 2], :3], draw)
        masks = stack[:, 3]
        priors = torch.stack([_spoil_prior(masks[3], draw), _spoil_prior(masks[1], draw)])
        return Episode(frames, masks[:3], priors)

    def _draw_object(self, draw: "_Draw", max_gap: int) -> Tensor:
        """Frames and masks `(4, 4, H, W)`: reference, two targets, and the one before them."""
        videos = [clip for clip in self.clips if not clip.is_still]
        stills = [clip for clip in self.clips if clip.is_still]
        if videos and stills:
            clip = draw.one_of(videos if draw.chance(VIDEO_SHARE) else stills)
        else:
            clip = draw.one_of(videos or stills)
        indices = _draw_indices(len(clip.frames), max_gap, draw)
        mask = _object_of(clip, indices[0], draw)
        base = _draw_base(mask(indices[0]), self.size, draw)
        spread = 4.0 if clip.is_still else 1.0
        motions = [_draw_motion(self.size, spread, draw) for _ in range(3)]
        # The frame before the targets moves with the first of them, or priors would jump.
        motions.append(motions[1])
        pictures = [
            _warp((clip.frames[index], mask(index)[None]), base @ motion, self.size)
            for index, motion in zip(indices, motions, strict=True)
        ]
        stack = torch.stack(pictures)
        stack[:, 3] = (stack[:, 3] > 0.5).float()
        return stack


class _Draw:
    """Random numbers from one generator."""

    def __init__(self, generator: torch.Generator):
        self._generator = generator

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=self._generator))

    def integer(self, low: int, high: int) -> int:
        """Between both bounds, inclusive."""
        return int(torch.randint(low, high + 1, (), generator=self._generator))

    def chance(self, share: float) -> bool:
        return self.uniform(0, 1) < share

    def one_of(self, items: list[Item]) -> Item:
        return items[self.integer(0, len(items) - 1)]


def _draw_indices(count: int, max_gap: int, draw: _Draw) -> list[int]:
    """Indices of the reference, two neighbouring targets and the frame before them."""
    if count == 1:
        return [0, 0, 0, 0]
    reference = draw.integer(0, count - 1)
    way = 1 if draw.chance(0.5) else -1
    step = draw.integer(1, 2)
    gap = draw.integer(1, max_gap)

    def bounce(index: int) -> int:
        """Reflect at the ends of the clip."""
        index = abs(index) % (2 * (count - 1))
        return index if index < count else 2 * (count - 1) - index

    first = reference + way * gap
    return [reference, bounce(first), bounce(first + way * step), bounce(first - way)]


def _object_of(clip: Clip, index: int, draw: _Draw) -> Callable[[int], Tensor]:
    """A function from frame index to the bool mask of one object drawn from the clip."""
    labels = clip.labels[index]
    ids, counts = labels[labels > 0].unique(return_counts=True)
    large = ids[counts > 0.005 * labels.numel()].tolist()
    if not clip.is_still or not large or (clip.name.startswith("clothing") and draw.chance(0.6)):
        return lambda at: clip.labels[at] > 0
    chosen = draw.one_of(large)
    return lambda at: clip.labels[at] == chosen


def _draw_pixel(mask: Tensor, draw: _Draw) -> tuple[float, float]:
    """A pixel of the mask (row, col), or the middle of the picture."""
    pixels = mask.nonzero()
    if len(pixels) == 0:
        return mask.shape[0] / 2, mask.shape[1] / 2
    row, col = pixels[draw.integer(0, len(pixels) - 1)].tolist()
    return float(row), float(col)


def _draw_base(mask: Tensor, size: tuple[int, int], draw: _Draw) -> Tensor:
    """The view of a whole episode, around the object where the picture is large enough.

    Returns:
        Output pixel to source pixel, `(3, 3)`, in (x, y) order.
    """
    zoom = math.exp(draw.uniform(math.log(0.9), math.log(2.1)))
    middle = []
    for centre, extent, window in zip(_draw_pixel(mask, draw), mask.shape, size, strict=True):
        half = zoom * window / 2
        centre += draw.uniform(-0.6, 0.6) * half
        middle.append(min(max(centre, half), extent - half) if extent > 2 * half else extent / 2)
    turn = _rotation(math.radians(draw.uniform(-10, 10)), zoom)
    if draw.chance(0.5):
        turn[:, 0] *= -1
    return _translation(middle[1], middle[0]) @ turn @ _to_middle(size)


def _draw_motion(size: tuple[int, int], spread: float, draw: _Draw) -> Tensor:
    """A small difference between the frames of one episode, in output pixels."""
    turn = _rotation(
        math.radians(draw.uniform(-3, 3) * spread),
        math.exp(draw.uniform(-0.03, 0.03) * spread),
    )
    shift = _translation(
        size[1] * draw.uniform(-0.02, 0.02) * spread, size[0] * draw.uniform(-0.02, 0.02) * spread
    )
    back = _translation(size[1] / 2, size[0] / 2)
    return back @ shift @ turn @ _to_middle(size)


def _rotation(angle: float, zoom: float) -> Tensor:
    cosine, sine = math.cos(angle) * zoom, math.sin(angle) * zoom
    return torch.tensor([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def _translation(x: float, y: float) -> Tensor:
    return torch.tensor([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _to_middle(size: tuple[int, int]) -> Tensor:
    return _translation(-size[1] / 2, -size[0] / 2)


def _warp(layers: tuple[Tensor, ...], affine: Tensor, size: tuple[int, int]) -> Tensor:
    """Sample layers `(c, h, w)` at `affine` of every output pixel, mirrored beyond the border."""
    # Only the part that is looked at is turned into floating point.
    corners = affine @ torch.tensor([[0, size[1], 0, size[1]], [0, 0, size[0], size[0]], [1.0] * 4])
    left, top = (corners.amin(1)[:2] - 2).long().clamp(min=0).tolist()
    right, bottom = (corners.amax(1)[:2] + 3).long().clamp(min=1).tolist()
    top, left = min(top, layers[0].shape[1] - 2), min(left, layers[0].shape[2] - 2)
    pixels = torch.cat([layer[:, top:bottom, left:right].float() for layer in layers])
    height, width = pixels.shape[-2:]
    into = torch.tensor([[2 / width, 0.0, -1.0], [0.0, 2 / height, -1.0], [0.0, 0.0, 1.0]])
    out = torch.tensor(
        [[size[1] / 2, 0.0, size[1] / 2], [0.0, size[0] / 2, size[0] / 2], [0, 0, 1]]
    )
    theta = (into @ _translation(-left, -top) @ affine @ out)[:2]
    grid = functional.affine_grid(theta[None], [1, 1, *size], align_corners=False)
    return functional.grid_sample(
        pixels[None], grid, padding_mode="reflection", align_corners=False
    )[0]


def _paste(stack: Tensor, other: Tensor, *, as_object: bool) -> Tensor:
    """Lay the object of `other` over `stack`, as the object itself or as a distractor."""
    # A soft border hides the seam, which would give the pasted object away.
    alpha = functional.avg_pool2d(other[:, 3:], 3, stride=1, padding=1)
    pixels = other[:, :3] * alpha + stack[:, :3] * (1 - alpha)
    mask = other[:, 3:] if as_object else stack[:, 3:] * (1 - other[:, 3:])
    return torch.cat((pixels, mask), dim=1)


def _vary_colours(frames: Tensor, draw: _Draw) -> Tensor:
    """Gain and gamma for the whole episode, and a little for each frame."""
    gamma = math.exp(draw.uniform(-0.35, 0.35))
    gains = torch.tensor([draw.uniform(0.8, 1.2) for _ in range(3)])
    frames = 255 * (frames / 255).clamp(0, 1) ** gamma * gains[:, None, None]
    flicker = torch.tensor([draw.uniform(0.92, 1.08) for _ in range(len(frames))])
    return (frames * flicker[:, None, None, None]).clamp(0, 255)


def _spoil_prior(mask: Tensor, draw: _Draw) -> Tensor:
    """A mask as a tracker would have left it: shifted, grown, shrunk, or lost."""
    if draw.chance(0.1):
        return torch.zeros_like(mask)
    reach = 8
    mask = torch.roll(mask, (draw.integer(-reach, reach), draw.integer(-reach, reach)), (0, 1))
    if draw.chance(0.4):
        size = 2 * draw.integer(1, 7) + 1
        sign = 1.0 if draw.chance(0.5) else -1.0
        pooled = functional.max_pool2d(sign * mask[None, None], size, stride=1, padding=size // 2)
        mask = sign * pooled[0, 0]
    if draw.chance(0.2):  # a part is missing
        height, width = mask.shape
        top, left = draw.integer(0, height - 1), draw.integer(0, width - 1)
        mask = mask.clone()
        mask[top : top + height // 4, left : left + width // 4] = 0
    return mask
