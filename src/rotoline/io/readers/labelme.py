"""Read the files of labelme: the objects of one picture in each."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from pydantic import BaseModel, FiniteFloat

from rotoline.errors import InputError
from rotoline.io import rle
from rotoline.io.mask_files import Warn
from rotoline.io.pictures import list_files
from rotoline.io.readers.json_files import fit, read_json
from rotoline.io.readers.label_file import LabelFile, LabelledFrame, Region, check_size
from rotoline.io.readers.numbering import Named, number_objects
from rotoline.io.readers.videos import stem_of

_Key = tuple[str, int | None, int]
"""Label, group, and a number that tells shapes without a group apart; 0 where there is no need."""

_DAMAGE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""What Pillow and base64 raise."""


class Shape(BaseModel):
    """One shape of a file."""

    label: str
    points: list[tuple[FiniteFloat, FiniteFloat]]
    group_id: int | None = None
    shape_type: str | None = "polygon"
    mask: str | None = None


class LabelmeFile(BaseModel):
    """What is read of a file; it may hold its picture as well, which is not."""

    shapes: list[Shape]
    imagePath: str = ""  # noqa: N815 (labelme's name)
    imageHeight: int  # noqa: N815
    imageWidth: int  # noqa: N815


def list_labelme(folder: Path) -> list[Path]:
    """The files of a folder that may be of labelme, in natural order."""
    return list_files(folder, (".json",))


def read_labelme(paths: list[Path], place: Path, *, warn: Warn) -> LabelFile:
    """Read the shapes of one or several files.

    Shapes with one label and one `group_id` are one object. So are shapes without `group_id` of one
    label, if no file has two of them.

    Args:
        paths: The files, each named like its frame.
        place: The folder or the file that was given.
        warn: Called with what became of what.

    Raises:
        InputError: A file is not labelme's, or can be read in two ways.
    """
    files = {path: fit(LabelmeFile, _content(path), path) for path in paths}
    for path, file in files.items():
        other = stem_of(file.imagePath)
        if other and other != path.stem:
            warn(f"{path} is of the picture {other}; it marks the frame of its own name")
    keys = {path: _keys(path, file, is_single=len(files) == 1) for path, file in files.items()}
    objects: dict[_Key, Named] = {}
    for of_file in keys.values():
        for key in of_file:
            objects.setdefault(key, Named(key, key[1], key[0]))
    numbering = number_objects(place, list(objects.values()), "label")
    if numbering.note:
        warn(numbering.note)
    frames = []
    for path, file in files.items():
        frame = LabelledFrame(path.stem, check_size(path, (file.imageHeight, file.imageWidth)))
        for key, shape in zip(keys[path], file.shapes, strict=True):
            mask = _draw(f"the shape {shape.label} in {path}", shape, frame.size)
            frame.regions.append(Region(numbering.ids[key], rle.encode(mask)))
        if not frame.regions:  # who saves a file without shapes says that nothing is there
            frame.hidden = set(numbering.names)
        frames.append(frame)
    return LabelFile(place, numbering.names, frames)


def _content(path: Path) -> Any:
    content = read_json(path)
    if not isinstance(content, dict) or "shapes" not in content:
        raise InputError(
            f"{path} is not of labelme: it holds no shapes; move it elsewhere, or give it by "
            "itself if it is of another format"
        )
    return content


def _keys(path: Path, file: LabelmeFile, *, is_single: bool) -> list[_Key]:
    """What tells the object of every shape in a file."""
    keys: list[_Key] = []
    loose: dict[str, int] = {}
    for shape in file.shapes:
        if shape.group_id is not None:
            keys.append((shape.label, shape.group_id, 0))
            continue
        count = loose[shape.label] = loose.get(shape.label, 0) + 1
        keys.append((shape.label, None, count - 1))
    twice = [label for label, count in loose.items() if count > 1]
    if twice and not is_single:
        raise InputError(
            f"{path} can be read in two ways, because it has {loose[twice[0]]} shapes labelled "
            f"{twice[0]}, and there are several files: they are parts of one object; or they are "
            "several objects, and nothing says which is which in the other files; give parts of "
            "one object the same group id, and each object a label or group id of its own"
        )
    return keys


def _draw(place: str, shape: Shape, size: tuple[int, int]) -> rle.Mask:
    """The pixels of a shape, bool `(H, W)`, as labelme itself draws them."""
    if shape.shape_type == "mask":
        return _paste(place, shape, size)
    if shape.shape_type not in ("polygon", None):
        raise InputError(
            f"{place} is a {shape.shape_type}, which says nothing of pixels; draw a polygon or a "
            "mask, or remove it"
        )
    try:
        rle.check_points([value for point in shape.points for value in point], size)
    except InputError as error:
        raise InputError(f"{place}: {error}") from error
    picture = Image.new("1", size[::-1])
    ImageDraw.Draw(picture).polygon(shape.points, outline=1, fill=1)
    return np.array(picture, bool)


def _paste(place: str, shape: Shape, size: tuple[int, int]) -> rle.Mask:
    """A shape that is a picture, with its first point as the place of the first pixel."""
    if not shape.mask or not shape.points:
        raise InputError(f"{place} is a mask without a picture or a place; draw it again")
    left, top = (round(value) for value in shape.points[0])
    try:
        with Image.open(io.BytesIO(base64.b64decode(shape.mask)), formats=("PNG",)) as image:
            width, height = image.size
            if left < 0 or top < 0 or left + width > size[1] or top + height > size[0]:
                raise InputError(
                    f"{place} reaches beyond its picture of {size[1]}x{size[0]}; draw it again"
                )
            patch = np.array(image.convert("L")) > 0
    except _DAMAGE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{place} holds a damaged picture ({error}); draw it again") from error
    mask = np.zeros(size, bool)
    mask[top : top + height, left : left + width] = patch
    return mask
