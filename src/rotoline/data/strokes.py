"""Strokes of a person who marks objects in a frame, simulated for many episodes at once.

A stroke goes through a random place of an object, bends a little, and stays inside the object. The
background gets strokes too, half of them close to an object. Where no stroke is, nothing is known.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rotoline.learning.mask_errors import window_mean
from rotoline.learning.sampler import Sampler

COUNTS = (1, 1, 2, 3)
"""Numbers of strokes of an object, and of the background, all equally likely."""
LENGTHS, RADII = (0.2, 1.2), (1.5, 4.0)
"""Ranges of the length, as a multiple of the object's size, and of the radius in pixels."""
MAX_BEND = 0.5
"""Largest deviation from a straight line, as a fraction of the length."""
POINTS = 48
"""Points of a stroke; its pixels are those within its radius of one of them."""
MARGIN = 5
"""A stroke starts where a square of so many pixels is inside, if there is such a place."""
NEAR = 61
"""Side of the square, in pixels, in which an object must have pixels to be close."""


class Stroke(NamedTuple):
    """A stroke before it is known where the object is."""

    start: float
    """Which of the places where it may start it takes, in [0, 1)."""
    angle: float
    """Direction in radians."""
    length: float
    """As a multiple of the size of the object, which is the square root of its area."""
    bend: float
    """Deviation from a straight line, as a fraction of the length."""
    radius: float
    """In pixels."""
    is_close: bool
    """On the background, whether it starts close to an object."""


def sample_strokes(object_count: int, sampler: Sampler) -> list[list[Stroke]]:
    """Sample strokes for each object of an episode, and for the background as the last one."""
    return [
        [
            Stroke(
                start=sampler.uniform(0, 1),
                angle=sampler.uniform(0, 2 * math.pi),
                length=sampler.uniform(*LENGTHS),
                bend=sampler.uniform(-MAX_BEND, MAX_BEND),
                radius=sampler.uniform(*RADII),
                is_close=sampler.chance(0.5),
            )
            for _ in range(sampler.one_of(COUNTS))
        ]
        for _ in range(object_count + 1)
    ]


def draw_strokes(masks: Tensor, known: Tensor, strokes: Sequence[Sequence[Stroke]]) -> Tensor:
    """Draw the strokes of one episode into its reference frame.

    Args:
        masks: float32 `(K, H, W)`, 0 or 1: the objects.
        known: float32 `(H, W)`, 0 or 1: where they are known.
        strokes: K + 1 lists, as `sample_strokes` gives them.

    Returns:
        float32 `(H, W)`: 1 where a stroke is, and the masks are known. An object without pixels has
        no strokes.
    """
    together = masks.amax(0)
    areas = torch.cat((masks, ((1 - together) * known)[None])) * known
    close = window_mean(together[None], NEAR)[0] > 0
    sizes = [*masks.flatten(1).sum(1).sqrt().unbind(), together.sum().sqrt()]
    marked = torch.zeros_like(known)
    for number, (area, size) in enumerate(zip(areas, sizes, strict=True)):
        for stroke in strokes[number]:
            is_background = number == len(masks)
            wanted = area * close if is_background and stroke.is_close else area
            marked = torch.maximum(marked, _draw(stroke, wanted, size) * area)
    return marked


def _draw(stroke: Stroke, area: Tensor, size: Tensor) -> Tensor:
    """A stroke that starts in an area `(H, W)`, also where it leaves it; 0 if there is no area."""
    height, width = area.shape
    deep = (window_mean(area[None], MARGIN)[0] > 1 - 1e-4).to(area)
    places = torch.where(deep.any(), deep, area)
    summed = places.flatten().cumsum(0)
    at = torch.searchsorted(summed, stroke.start * summed[-1:], right=True)
    at = at.clamp(max=len(summed) - 1)
    time = torch.linspace(-0.5, 0.5, POINTS, device=area.device)
    along = stroke.length * size * time
    across = stroke.length * size * stroke.bend * 2 * time.square()
    cosine, sine = math.cos(stroke.angle), math.sin(stroke.angle)
    x = at % width + cosine * along - sine * across
    y = at.div(width, rounding_mode="floor") + sine * along + cosine * across
    columns, rows = (torch.arange(n, device=area.device) for n in (width, height))
    distance = (columns[None] - x[:, None]).square()[:, None] + (
        (rows[None] - y[:, None]).square()[:, :, None]
    )
    is_there = summed[-1] > 0
    return (distance.amin(0) <= stroke.radius**2).to(area) * is_there
