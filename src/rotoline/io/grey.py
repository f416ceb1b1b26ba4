"""Grey pictures with more than 8 bits, and how they are shown with 8.

Cameras of 10 to 14 bits save files of 16 bits, of which they use a small part: shown from 0 to
65,535, a few grey levels would be left. So a sequence is shown from its darkest to its brightest
value, the same for all of its frames, as a range for each frame would flicker.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rotoline.errors import InputError
from rotoline.io.pictures import SIXTEEN_BIT_MODES
from rotoline.types import Frame

GreyRange = tuple[int, int]
"""The grey levels that are shown as black and as white."""

FULL_RANGE: GreyRange = (0, 65_535)

_MOST_PICTURES = 16
_MOST_VALUES = 2**20
_LEFT_OUT = 1e-4
"""Fraction of the pixels of a picture that may be darker or brighter than its range."""


def check_grey_range(grey_range: GreyRange) -> None:
    """Refuse a range that is none.

    Raises:
        InputError: It does not go from a lower to a higher level.
    """
    low, high = grey_range
    if not low < high:
        raise InputError(
            f"the grey range goes from {low} to {high}; it needs a lower and then a higher level, "
            "which are shown as black and white"
        )


def show_grey(grey: NDArray[Any], grey_range: GreyRange) -> Frame:
    """Whole numbers `(H, W)` as uint8 RGB `(H, W, 3)`, black to white over the range."""
    low, high = grey_range
    span = high - low
    levels = (np.clip(grey.astype(np.int64), low, high) - low) * 255
    return np.repeat(((levels + span // 2) // span).astype(np.uint8)[..., None], 3, axis=2)


def to_rgb(image: Image.Image, path: Path, grey_range: GreyRange) -> Frame:
    """Any picture as uint8 RGB `(H, W, 3)`; `grey_range` is for grey with more than 8 bits.

    Raises:
        InputError: The picture has floating-point numbers.
    """
    if image.mode in SIXTEEN_BIT_MODES:
        return show_grey(np.asarray(image), grey_range)
    if image.mode == "F":
        raise InputError(
            f"{path} holds floating-point numbers without a known range; save it with 8 bits"
        )
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, picture)
    return np.array(image.convert("RGB"))


def spread_evenly(items: Sequence[int]) -> list[int]:
    """At most 16 of the items, from the first to the last: enough to find the range."""
    places = np.linspace(0, len(items) - 1, min(len(items), _MOST_PICTURES))
    return [items[round(place)] for place in places]


def fit_grey_range(pictures: Iterable[NDArray[Any]]) -> GreyRange:
    """The range from the darkest to the brightest value of all pictures, whole numbers `(H, W)`.

    Single pixels that differ from all around them, as faults of a sensor do, do not count, nor does
    one pixel in 10,000 at either end of a picture.
    """
    ranges = [_find_range(picture) for picture in pictures] or [FULL_RANGE]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    return low, max(high, low + 1)


def _find_range(picture: NDArray[Any]) -> GreyRange:
    values = _without_single_pixels(picture)
    step = math.ceil(math.sqrt(values.size / _MOST_VALUES))
    values = values[::step, ::step]
    low = np.quantile(values, _LEFT_OUT, method="lower")
    high = np.quantile(values, 1 - _LEFT_OUT, method="higher")
    return int(low), int(high)


def _without_single_pixels(picture: NDArray[Any]) -> NDArray[Any]:
    """Bring every pixel into the range of the eight around it."""
    height, width = picture.shape
    if height * width == 1:
        return picture
    # Reflected without the edge: a pixel is no neighbour of its own, except in a single line.
    padded = np.pad(
        picture, [(1, 1) if side > 1 else (0, 0) for side in (height, width)], "reflect"
    )
    rows, columns = (range(3) if side > 1 else range(1) for side in (height, width))
    around = [
        padded[row : row + height, column : column + width]
        for row in rows
        for column in columns
        if (row, column) != (len(rows) // 2, len(columns) // 2)
    ]
    low, high = around[0], around[0]
    for one in around[1:]:
        low, high = np.minimum(low, one), np.maximum(high, one)
    clipped: NDArray[Any] = np.clip(picture, low, high)
    return clipped
