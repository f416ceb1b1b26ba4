"""Masks in which every colour is an object, such as label pictures in RGB."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from rotoline.errors import InputError
from rotoline.io.colour_masks import pack_colours, unpack_colour
from rotoline.io.palette import davis_id
from rotoline.io.pictures import opened_picture, shorten
from rotoline.io.readers.numbering import clean_name
from rotoline.io.soft_edges import refuse_dithering, refuse_soft_edges
from rotoline.io.text import read_text
from rotoline.types import MAX_ID, LabelMap, ObjectId

LABEL_MAP = "labelmap.txt"
"""The names of colours, as CVAT exports them beside masks: lines such as `cat:250,50,83::`."""

_BLACK = 0


class ColourTable:
    """Which colour is which object, the same in all masks of a clip.

    A file `labelmap.txt` beside the masks or one folder up decides, in its order. Without it, the
    ids are those of the palette of DAVIS if all colours are in it; otherwise colours are counted
    from 1, as they appear, the larger one first in each mask. Black and transparent pixels are
    background.

    Args:
        paths: All masks, in the order of their frames.

    Raises:
        InputError: There is no background, there are too many colours, or a mask was not drawn in
            solid colours.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.names: dict[ObjectId, str] = {}
        """The names of objects, where they are known."""
        self._background = _BLACK
        self._ids: dict[int, ObjectId] = {}
        areas = {path: _count_colours(path) for path in paths}
        found = list(dict.fromkeys(colour for colours in areas.values() for colour in colours))
        folder = paths[0].parent
        label_maps = [one / LABEL_MAP for one in (folder, folder.parent)]
        label_map = next((one for one in label_maps if one.is_file()), None)
        if label_map is not None:
            self._read_label_map(label_map)
        else:
            self._number(folder, found)
        unknown = [one for one in found if one not in self._ids and one != self._background]
        if unknown:
            path = next(path for path in paths if unknown[0] in areas[path])
            raise InputError(
                f"{path} has the colour {unpack_colour(unknown[0])}, which {label_map} does not "
                "list; add it there"
            )
        self.note = "colours are objects: " + shorten(
            [
                f"{unpack_colour(colour)} is object {object_id}"
                + (f" ({self.names[object_id]})" if object_id in self.names else "")
                for colour, object_id in self._ids.items()
                if colour in found
            ],
            8,
        )
        """Says which colour has which id."""

    def read(self, path: Path) -> LabelMap:
        """Read one mask, uint8 `(H, W)`; 255 is void, as in the palette of DAVIS.

        Raises:
            InputError: Its edges are soft, or its colours are dithered.
        """
        packed = _read_colours(path)
        refuse_soft_edges(path, packed)
        labels = np.zeros(packed.shape, np.uint8)
        for colour, object_id in self._ids.items():
            labels[packed == colour] = object_id
        refuse_dithering(path, labels)
        return labels

    def _number(self, folder: Path, found: list[int]) -> None:
        if _BLACK not in found:
            raise InputError(
                f"the masks in {folder} have no black pixel, so it is not clear which colour is "
                f"background; make it black, or list the colours in {folder / LABEL_MAP}, the "
                "background first: background:255,255,255::"
            )
        objects = [colour for colour in found if colour != _BLACK]
        if len(objects) > MAX_ID:
            raise InputError(
                f"the masks in {folder} have {len(objects)} colours, and {MAX_ID} objects are the "
                "most; draw each object in one solid colour, without soft edges"
            )
        davis = [davis_id(unpack_colour(colour)) for colour in objects]
        ids = davis if None not in davis else range(1, len(objects) + 1)
        self._ids = {colour: i for colour, i in zip(objects, ids, strict=True) if i is not None}

    def _read_label_map(self, path: Path) -> None:
        """Read the colours that CVAT lists; one called background is."""
        next_id = 1
        lines = [line.strip() for line in read_text(path).splitlines()]
        for line in lines:
            if not line or line.startswith("#"):
                continue
            name, _, rest = line.partition(":")
            try:
                red, green, blue = (int(part) for part in rest.split(":")[0].split(","))
            except ValueError as error:
                raise InputError(
                    f"{path} has the line {line!r}, and lines such as cat:250,50,83:: are needed"
                ) from error
            colour = red << 16 | green << 8 | blue
            if name == "background":
                self._background = colour
                continue
            if next_id > MAX_ID or colour in self._ids:
                raise InputError(
                    f"{path} has more than {MAX_ID} colours, or two of {red},{green},{blue}; give "
                    "each object a colour of its own"
                )
            self._ids[colour] = next_id
            self.names[next_id] = clean_name(name)
            next_id += 1


def _count_colours(path: Path) -> list[int]:
    """The packed colours of a mask, the one of the largest area first."""
    packed = _read_colours(path)
    refuse_soft_edges(path, packed)
    colours, areas = np.unique(packed, return_counts=True)
    found: list[int] = colours[np.argsort(-areas, kind="stable")].tolist()
    return found


def _read_colours(path: Path) -> NDArray[np.int32]:
    """The colour of every pixel as one number, `(H, W)`; transparent ones are black."""
    with opened_picture(path) as opened:
        if opened.format in ("JPEG", "MPO", "GIF"):
            raise InputError(
                f"{path} is a {opened.format}, which changes colours; save it as PNG from the "
                "original"
            )
        image = ImageOps.exif_transpose(opened)
        picture = np.array(image.convert("RGBA"))
        if isinstance(image, Image.Image) and not set(np.unique(picture[..., 3])) <= {0, 255}:
            raise InputError(
                f"{path} is transparent in part: its edges are soft; save it without anti-aliasing"
            )
    return pack_colours(np.where(picture[..., 3:] > 0, picture[..., :3], 0).astype(np.uint8))
