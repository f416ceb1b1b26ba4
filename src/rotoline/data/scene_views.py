"""Views: the affine maps from the pixels of a frame to those of a picture."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from rotoline.data.objects import ObjectView
from rotoline.learning.geometry import centre_to_origin, similarity, translation
from rotoline.learning.sampler import Sampler

ZOOM = (0.6, 2.4)
"""Pixels of the picture per pixel of the frame."""
MAX_BEYOND = 1.4
"""Largest size of a view, the square root of its area, as a multiple of that of its picture."""


def sample_view(
    focus: ObjectView | None, extent: Sequence[int], size: tuple[int, int], sampler: Sampler
) -> Tensor:
    """A view with a part of an object, or anywhere in a picture `extent` (height, width) large.

    It stays within the picture where that is large enough. The rotation is up to 10 degrees, and
    half of the views are mirrored.
    """
    # In a small picture a wide view would show the mirrored picture more than the picture.
    ratio = math.sqrt(math.prod(extent) / math.prod(size))
    widest = min(max(1.0, MAX_BEYOND * ratio), ZOOM[1])
    zoom = math.exp(sampler.uniform(math.log(ZOOM[0]), math.log(widest)))
    if focus is None:
        point = (sampler.uniform(0, extent[1]), sampler.uniform(0, extent[0]))
    else:
        point = focus.point(sampler)
    middle = []
    for at, length, window in zip(point, reversed(extent), reversed(size), strict=True):
        half = zoom * window / 2
        at += sampler.uniform(-0.6, 0.6) * half
        middle.append(min(max(at, half), length - half) if length > 2 * half else length / 2)
    angle = math.radians(sampler.uniform(-10, 10))
    turn = similarity(angle, zoom, mirrored=sampler.chance(0.5))
    return translation(*middle) @ turn @ centre_to_origin(size)


def zoom_of(view: Tensor) -> float:
    """Pixels of the picture per pixel of the frame."""
    return math.sqrt(abs(float(torch.linalg.det(view[:2, :2]))))


def place_in_frame(view: Tensor, point: Tensor) -> tuple[float, float]:
    """Where the frame shows a point (x, y) of the picture."""
    x, y = (torch.linalg.inv(view) @ torch.cat((point, torch.ones(1))))[:2].tolist()
    return x, y


def radius_in_frame(view: Tensor, seen: ObjectView) -> float:
    """Half of the square root of an object's area, in pixels of the frame."""
    return 0.5 * math.sqrt(seen.area) / zoom_of(view)
