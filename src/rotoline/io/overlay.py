"""Draw objects into a frame, arrange pictures in a contact sheet, and write them."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rotoline.errors import InputError
from rotoline.io.atomic import replacing
from rotoline.io.palette import DAVIS_PALETTE
from rotoline.types import Frame, LabelMap

OBJECT_COLOURS = (48 + 207 * np.sqrt(DAVIS_PALETTE / 255)).round().astype(np.uint8)
"""The palette of mask files, brightened: half of its colours are too dark on a picture.

Each channel stays strictly increasing, so that different ids keep different colours.
"""

CONTOUR = 2
"""Width of an object's contour in pixels, inside the object."""

_PICTURE_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def draw_overlay(frame: Frame, labels: LabelMap, alpha: float = 0.5) -> Frame:
    """Tint every object with its colour and draw its contour.

    Args:
        frame: uint8 RGB (H, W, 3); not changed.
        labels: Object ids, uint8 (H, W).
        alpha: Weight of the colour inside objects, 0 (contours only) to 1. The contour is
            always opaque.

    Returns:
        A new picture, uint8 RGB (H, W, 3); background pixels equal the frame.

    Raises:
        InputError: frame and labels differ in size.
    """
    if frame.shape[:2] != labels.shape:
        raise InputError(
            f"the frame is {frame.shape[0]} x {frame.shape[1]} and its labels are "
            f"{' x '.join(map(str, labels.shape))} (height x width); both need one size"
        )
    base = Image.fromarray(frame)
    colours = Image.fromarray(labels)
    colours.putpalette(OBJECT_COLOURS.tobytes())
    colours = colours.convert("RGB")
    tinted = Image.blend(base, colours, alpha)
    base.paste(tinted, mask=Image.fromarray(labels > 0))
    base.paste(colours, mask=Image.fromarray(_contour(labels)))
    return np.array(base)


def contact_sheet(pictures: Sequence[Frame], columns: int, width: int) -> Frame:
    """Tile pictures row by row into one.

    Args:
        pictures: uint8 RGB (H, W, 3); the first one decides the shape of the tiles.
        columns: Tiles in a row.
        width: Width of the result in pixels, at least `columns`.

    Returns:
        One picture, uint8 RGB; tiles without a picture are black.

    Raises:
        InputError: there are no pictures, or no room for the columns.
    """
    if not pictures or not 1 <= columns <= width:
        raise InputError(
            f"a contact sheet of {len(pictures)} pictures in {columns} columns, {width} pixels "
            "wide, cannot be made; it needs a picture, a column, and a pixel for each column"
        )
    tile_width = width // columns
    height, original = pictures[0].shape[:2]
    tile_height = max(1, round(height * tile_width / original))
    rows = math.ceil(len(pictures) / columns)
    sheet = np.zeros((rows * tile_height, width, 3), np.uint8)
    for position, picture in enumerate(pictures):
        row, column = divmod(position, columns)
        top, left = row * tile_height, column * tile_width
        tile = Image.fromarray(picture).resize((tile_width, tile_height), Image.Resampling.LANCZOS)
        sheet[top : top + tile_height, left : left + tile_width] = np.asarray(tile)
    return sheet


def find_picture_format(path: Path) -> str:
    """Pillow's name of the format that a picture is written in, by its suffix.

    Raises:
        InputError: the suffix is none of PNG, JPEG and WebP.
    """
    picture_format = _PICTURE_FORMATS.get(path.suffix.lower())
    if picture_format is None:
        raise InputError(
            f"{path} ends in {path.suffix or 'nothing'!r}; pictures are written as "
            f"{', '.join(_PICTURE_FORMATS)}, so choose a name that ends in one of these"
        )
    return picture_format


def write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture, uint8 RGB (H, W, 3) or grey (H, W), as PNG, JPEG or WebP by its suffix.

    Raises:
        InputError: the suffix is none of these.
        OutputError: the file could not be written.
    """
    picture_format = find_picture_format(path)
    with replacing(path) as temporary:
        Image.fromarray(picture).save(temporary, format=picture_format, quality=90)


def _contour(labels: LabelMap) -> NDArray[np.bool_]:
    """Pixels of objects within `CONTOUR` pixels of another id in their row or column; bool."""
    edge = np.zeros(labels.shape, bool)
    for distance in range(1, CONTOUR + 1):
        below = labels[distance:] != labels[:-distance]
        edge[distance:] |= below
        edge[:-distance] |= below
        right = labels[:, distance:] != labels[:, :-distance]
        edge[:, distance:] |= right
        edge[:, :-distance] |= right
    return edge & (labels > 0)
