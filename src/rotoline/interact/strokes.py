"""Strokes as they were drawn, and the pixels that they mean.

Nothing is drawn by Pillow: its lines and polygons paint pixels whose centres they miss, and what is
painted exactly must be what the page has shown.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

Mask = NDArray[np.bool_]

SMART = ("stroke", "box")
"""Tools that say something of a few pixels, from which the mask is found."""
EXACT = ("polygon", "brush", "eraser")
"""Tools that say exactly which pixels are the object."""
SEED = 0.5
"""Diameter of the ellipse in the middle of a box that is likely the object, as a share of it."""

_Coordinate = Annotated[float, Field(ge=-(2**17), le=2**17)]


class Stroke(BaseModel):
    """What was drawn for one object in one frame, in the order of its points.

    Raises:
        ValidationError: A field is out of range, or does not suit the tool; of Pydantic, and a
            `ValueError`.

    Example:
        >>> Stroke(tool="box", points=((10, 10), (40, 30))).is_smart
        True
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    tool: Literal["stroke", "box", "polygon", "brush", "eraser"]
    """`stroke`: these pixels are the object, and others like them. `box`: the object is inside.
    `polygon`, `brush` and `eraser`: exactly these pixels are the object, or not."""
    is_object: bool = True
    """False for "not the object": of stroke, box and polygon only. A box then has nothing of the
    object inside."""
    radius: float = Field(default=0.5, gt=0, le=2**12)
    """Of stroke, brush and eraser, in pixels of the frame: all pixels whose centres lie within it.
    0.5 is one pixel wide."""
    points: tuple[tuple[_Coordinate, _Coordinate], ...] = Field(min_length=1, max_length=2**16)
    """x and y in pixels of the frame. A box has two opposite corners, a polygon at least three."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        count = len(self.points)
        if self.tool == "box" and count != 2:
            raise ValueError(f"a box has {count} points; give two opposite corners")
        if self.tool == "polygon" and count < 3:
            raise ValueError(f"a polygon has {count} points; give at least three")
        if self.tool in ("brush", "eraser") and not self.is_object:
            raise ValueError(
                f"a {self.tool} with is_object=False; use the eraser, or the brush, instead"
            )
        return self

    @property
    def is_smart(self) -> bool:
        """Whether the mask is found from it, and not drawn exactly."""
        return self.tool in SMART


class Hints(NamedTuple):
    """What the strokes of an object say of each pixel, bool `(H, W)` each; one of them is True."""

    positive: Mask
    """It is the object."""
    negative: Mask
    """It is not."""
    unknown: Mask
    """Nothing is said."""


def draw_hints(strokes: Iterable[Stroke], size: tuple[int, int]) -> Hints:
    """Draw strokes and boxes; exact ones are left out.

    Of strokes that overlap the later one counts, and a stroke counts more than a box. Several boxes
    that are the object are parts of it: what is outside all of them is not the object.

    Args:
        strokes: Of one object.
        size: Height and width of the frame.

    Example:
        >>> box = Stroke(tool="box", points=((1, 0), (3, 1)))
        >>> draw_hints([box], (1, 4)).negative.astype(int)
        array([[1, 0, 0, 1]])
    """
    positive, negative = np.zeros(size, bool), np.zeros(size, bool)
    strokes = list(strokes)
    boxes = [one for one in strokes if one.tool == "box" and one.is_object]
    if boxes:
        negative |= ~np.any([_fill_box(one, size) for one in boxes], axis=0)
    for one in strokes:
        if one.tool == "box" and not one.is_object:
            negative |= _fill_box(one, size)
    for one in strokes:
        if one.tool == "stroke":
            painted = _sweep(one, size)
            said, other = (positive, negative) if one.is_object else (negative, positive)
            said |= painted
            other &= ~painted
    return Hints(positive, negative, ~(positive | negative))


def draw_seeds(strokes: Iterable[Stroke], size: tuple[int, int]) -> Mask:
    """Draw the ellipse in the middle of each box of an object, bool `(H, W)`: likely the object."""
    seeds = np.zeros(size, bool)
    rows, columns = (np.arange(extent) + 0.5 for extent in size)
    for one in strokes:
        if one.tool == "box" and one.is_object:
            (x0, y0), (x1, y1) = one.points
            across = (columns - (x0 + x1) / 2) / max(SEED * abs(x1 - x0) / 2, 0.5)
            down = (rows - (y0 + y1) / 2) / max(SEED * abs(y1 - y0) / 2, 0.5)
            seeds |= across[None] ** 2 + down[:, None] ** 2 <= 1
    return seeds


def apply_exact(mask: Mask | None, strokes: Iterable[Stroke], size: tuple[int, int]) -> Mask:
    """Draw polygons, brush and eraser into a mask, in their order; strokes and boxes are left out.

    Args:
        mask: `(H, W)`, not changed; None for an empty one.
        strokes: Of one object.
        size: Height and width of the frame.

    Returns:
        `(H, W)`. A pixel is in a polygon if its centre is inside (where it crosses itself: if it
        goes around it), and under a brush if its centre is within its radius.

    Example:
        >>> brush = Stroke(tool="brush", radius=1, points=((1.5, 0.5),))
        >>> apply_exact(None, [brush], (1, 4)).astype(int)
        array([[1, 1, 1, 0]])
    """
    drawn = np.zeros(size, bool) if mask is None else np.array(mask, dtype=bool)
    for one in strokes:
        if one.tool == "polygon":
            inside = _fill_polygon(one.points, size)
            drawn = drawn | inside if one.is_object else drawn & ~inside
        elif one.tool == "brush":
            drawn = drawn | _sweep(one, size)
        elif one.tool == "eraser":
            drawn = drawn & ~_sweep(one, size)
    return drawn


def _fill_box(box: Stroke, size: tuple[int, int]) -> Mask:
    (x0, y0), (x1, y1) = box.points
    return _fill_polygon(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), size)


def _fill_polygon(points: Sequence[tuple[float, float]], size: tuple[int, int]) -> Mask:
    """The pixels whose centres a polygon goes around, by the non-zero rule of the canvas."""
    height, width = size
    turns = np.zeros((height, width + 1), np.int32)
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
        low, high = sorted((y0, y1))
        # Rows whose centres lie in [low, high): a corner counts for one of its two edges.
        rows = np.arange(max(0, np.ceil(low - 0.5)), min(height, np.ceil(high - 0.5)), dtype=int)
        if len(rows):
            crossed = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
            columns = np.clip(np.ceil(crossed - 0.5), 0, width).astype(int)
            turns[rows, columns] += 1 if y1 > y0 else -1
    found: Mask = np.cumsum(turns, axis=1)[:, :width] != 0
    return found


def _sweep(stroke: Stroke, size: tuple[int, int]) -> Mask:
    """The pixels whose centres lie within the radius of the line through the points."""
    painted = np.zeros(size, bool)
    box, part = _swept(stroke, size)
    painted[box] = part
    return painted


@lru_cache(maxsize=256)
def _swept(stroke: Stroke, size: tuple[int, int]) -> tuple[tuple[slice, slice], Mask]:
    """The box around a stroke in the frame, and its pixels in there; not to be changed.

    Remembered, because all strokes of a frame are drawn again with every new one.
    """
    points = np.asarray(stroke.points, float)
    radius = stroke.radius + 1e-9  # a centre at exactly the radius is painted, rounded or not
    (left, top), (right, bottom) = _corners(points.min(0) - radius, points.max(0) + radius, size)
    painted = np.zeros((max(0, bottom - top), max(0, right - left)), bool)
    for start, end in zip(points, points[1:] if len(points) > 1 else points, strict=False):
        low, high = np.minimum(start, end) - radius, np.maximum(start, end) + radius
        first, last = _corners(low, high, size)
        if (last <= first).any():
            continue
        x = np.arange(first[0], last[0])[None] + 0.5 - start[0]
        y = np.arange(first[1], last[1])[:, None] + 0.5 - start[1]
        along = end - start
        at = np.clip((x * along[0] + y * along[1]) / max(along @ along, 1e-12), 0, 1)
        near = (x - at * along[0]) ** 2 + (y - at * along[1]) ** 2 <= radius**2
        painted[first[1] - top : last[1] - top, first[0] - left : last[0] - left] |= near
    painted.flags.writeable = False
    return (slice(top, max(top, bottom)), slice(left, max(left, right))), painted


def _corners(
    low: NDArray[np.float64], high: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first pixels, x and y, whose centres lie in a box, and those after the last, if any."""
    first = np.maximum(np.ceil(low - 0.5), 0).astype(int)
    last = np.minimum(np.floor(high - 0.5) + 1, size[::-1]).astype(int)
    return first, last
