"""How camera and objects move through a long sequence: past, away and back, or hardly at all.

A window is what the camera shows of a picture: the row and the column of its centre, and its scale,
in pixels of the picture per pixel of the frame.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rotoline.learning.geometry import centre_to_origin, similarity, translation
from rotoline.learning.sampler import Sampler

MIN_SCALE = 0.5
"""Smallest scale, so that no frame is much coarser than a picture."""
MIN_SHARE = 0.25
"""Smallest scale, as a fraction of the largest one."""
KINDS = ("still", "drift", "zoom", "away", "away", "away", "near")
"""Motions of the camera, all equally likely."""
CANDIDATES = 8
"""Number of random windows of which a camera that goes away takes the emptiest."""
JITTER = 1.2
"""Standard deviation of the centre of a window, in pixels of the picture: the hand of the
camera."""


def sample_windows(
    first: Tensor, middle: Tensor, size: tuple[int, int], count: int, sampler: Sampler
) -> Tensor:
    """Sample the motion of a camera that shows the objects of a picture in the first frame.

    More than half of the cameras come back from another window: the emptiest of several, or one
    near to an object. The others stay, or go slowly to another place or scale.

    Args:
        first: bool `(h, w)`: where objects are in the first frame.
        middle: bool `(h, w)`: where they are in the middle of the sequence.
        size: Height and width of the frames.
        count: Number of frames.
        sampler: Source of all random numbers.

    Returns:
        float `(count, 3)`: the window of each frame, within the picture but for the jitter.
    """
    picture = _Picture((first.shape[0], first.shape[1]), size, sampler)
    kind = sampler.one_of(KINDS)
    share = sampler.uniform(0.5, 1.0) if sampler.chance(0.75) else 1.0
    if kind in ("away", "near"):  # the whole picture leaves no room to go
        share = sampler.uniform(0.4, 0.8)
    start = picture.window(_centre(first), share * picture.largest)
    start = picture.window_near(start, spread=0.2)
    end = other = start
    weight = torch.zeros(count)
    if kind == "zoom":
        end = picture.window_near(start, zoom=(-0.7, 0.7))
    elif kind == "drift":
        end = picture.window_near(start, spread=0.5, zoom=(-0.2, 0.2))
    elif kind in ("away", "near"):
        end = picture.window_near(start, spread=0.1, zoom=(-0.1, 0.1))
        other = _far_window(picture, start, middle, is_near=kind == "near")
        weight = _excursion(count, sampler)
    time = torch.linspace(0, 1, count)[:, None]
    windows = torch.lerp(torch.lerp(start, end, time), other, weight[:, None])
    windows[:, :2] += JITTER * sampler.noise(count, 2)
    return windows


def view_of(window: Tensor, size: tuple[int, int]) -> Tensor:
    """The affine map `(3, 3)` from the pixels of a frame to those of the picture."""
    row, column, scale = window.tolist()
    return translation(column, row) @ similarity(0.0, scale) @ centre_to_origin(size)


def sample_offsets(count: int, sampler: Sampler) -> Tensor:
    """Sample the way of an object: it passes, leaves and comes back, or hovers.

    Args:
        count: Number of frames.
        sampler: Source of all random numbers.

    Returns:
        float `(count, 2)`: how far it is down and to the right of its place, as fractions of the
        height and the width of the view. It is at its place in the first frame, or, in a quarter
        of the cases, in the middle.
    """
    kind = sampler.one_of(["pass", "return", "hover", "hover"])
    time = torch.linspace(0, 1, count)
    if kind == "pass":
        along = sampler.uniform(0.8, 2.0) * time
    elif kind == "return":
        along = sampler.uniform(0.6, 1.5) * _excursion(count, sampler)
    else:
        turns = sampler.uniform(0.5, 1.5)
        along = sampler.uniform(0.05, 0.25) * torch.sin(2 * math.pi * turns * time)
    angle = sampler.uniform(0, 2 * math.pi)
    offsets = along[:, None] * torch.tensor([0.7 * math.sin(angle), math.cos(angle)])
    return offsets - offsets[count // 2] if sampler.chance(0.25) else offsets


@dataclass(frozen=True, slots=True)
class _Picture:
    """Samples windows in a picture."""

    extent: tuple[int, int]
    """Its height and width."""
    size: tuple[int, int]
    """Height and width of the frames."""
    sampler: Sampler

    @property
    def largest(self) -> float:
        """The scale at which the picture just fills a frame."""
        return min(extent / length for extent, length in zip(self.extent, self.size, strict=True))

    def window(self, centre: Tensor, scale: float) -> Tensor:
        """The window within the picture that is next to the wanted one."""
        smallest = min(max(MIN_SHARE * self.largest, MIN_SCALE), self.largest)
        scale = min(max(scale, smallest), self.largest)
        half, extent = scale * torch.tensor(self.size) / 2, torch.tensor(self.extent)
        centre = torch.minimum(torch.maximum(centre, half), extent - half)
        return torch.cat((centre, torch.tensor([scale])))

    def window_near(
        self, window: Tensor, *, spread: float = 0.0, zoom: tuple[float, float] = (0.0, 0.0)
    ) -> Tensor:
        """A random window near another one.

        Args:
            window: The other one.
            spread: Largest distance of the centres, as a fraction of height and width.
            zoom: Range of the logarithm of the ratio of scales.
        """
        scale = float(window[2]) * math.exp(self.sampler.uniform(*zoom))
        shift = torch.tensor([self.sampler.uniform(-spread, spread) for _ in range(2)])
        return self.window(window[:2] + shift * scale * torch.tensor(self.size), scale)


def _far_window(picture: _Picture, start: Tensor, objects: Tensor, *, is_near: bool) -> Tensor:
    """Where a camera goes that comes back: near to a random place of the objects, or away."""
    sampler = picture.sampler
    if is_near:
        centred = picture.window(_pixel(objects, sampler), float(start[2]))
        return picture.window_near(centred, spread=0.3, zoom=(-1.1, -0.4))
    centres = [
        torch.tensor([sampler.uniform(0, extent) for extent in picture.extent])
        for _ in range(CANDIDATES)
    ]
    found = [
        picture.window_near(picture.window(one, float(start[2])), zoom=(-0.3, 0.1))
        for one in centres
    ]
    return min(found, key=lambda one: _pixels_inside(objects, one, picture.size))


def _excursion(count: int, sampler: Sampler) -> Tensor:
    """`(count,)`: 0, then smoothly to 1, there for a while, and back to 0."""
    begin, end = sampler.uniform(0, 0.1), sampler.uniform(0.85, 1.0)
    time = (torch.linspace(0, 1, count) - begin) / (end - begin)
    risen = (torch.minimum(time, 1 - time) / sampler.uniform(0.2, 0.4)).clamp(0, 1)
    return risen * risen * (3 - 2 * risen)


def _centre(mask: Tensor) -> Tensor:
    """Mean row and column of a bool `(h, w)`; the centre of the picture if it is empty."""
    if not mask.any():
        return torch.tensor(mask.shape) / 2
    return mask.nonzero().float().mean(0)


def _pixel(mask: Tensor, sampler: Sampler) -> Tensor:
    """Row and column of a random true pixel; the centre of the picture if there is none."""
    pixels = mask.nonzero()
    if len(pixels) == 0:
        return torch.tensor(mask.shape) / 2
    return pixels[sampler.integer(0, len(pixels) - 1)].float()


def _pixels_inside(mask: Tensor, window: Tensor, size: tuple[int, int]) -> int:
    """Number of true pixels of a bool `(h, w)` inside a window."""
    half = window[2] * torch.tensor(size) / 2
    low, high = (window[:2] - half).int().tolist(), (window[:2] + half).int().tolist()
    return int(mask[max(low[0], 0) : high[0], max(low[1], 0) : high[1]].sum())
