"""Read mask files as label maps, and write label maps as mask files.

A mask file holds one object id per pixel; 0 is background. The ids are chosen by the user and are
kept. Many programs change ids when they save a mask (soft edges, colours, lossy compression): such
files are refused, and the message names the ids that were probably meant.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy import ndimage

from rotoline.annotations import check_mask
from rotoline.errors import InputError
from rotoline.io.atomic import replacing
from rotoline.io.colour_masks import HOW_TO_SAVE, read_colour_ids
from rotoline.io.frames import FrameSource
from rotoline.io.mask_files import Warn, ignore_warning, match_masks
from rotoline.io.palette import DAVIS_PALETTE, has_davis_colours, read_palette_ids
from rotoline.io.paths import PROJECT_MARKS, as_path, is_project
from rotoline.io.pictures import SIXTEEN_BIT_MODES, opened_picture, shorten
from rotoline.io.readers import is_label_file
from rotoline.io.readers.colours import ColourTable
from rotoline.io.readers.marks import read_marks
from rotoline.io.soft_edges import refuse_dithering, refuse_soft_edges
from rotoline.limits import DEFAULT_LIMITS, Limits
from rotoline.types import MAX_ID, VOID, LabelMap, ObjectId, as_array, list_ids, without_void

_JPEG_REASON = "whose compression changes ids near edges"
_UNSUITABLE = {
    "JPEG": _JPEG_REASON,
    "MPO": _JPEG_REASON,  # Pillow's name of a JPEG with a second picture inside
    "GIF": "whose writers renumber ids",
}
_DARK = 64
"""Greys below it are hardly seen on black: ids, not shades that a person painted objects in."""


def read_mask(path: Path | str) -> LabelMap:
    """Read a mask that annotates objects.

    Accepted are pictures with a palette (the id is the index, or what its colour is in the palette
    of DAVIS), grey with 8, 16 or 32 bits or as floating-point numbers (the id is the value),
    masks in black and white (1 bit, grey with 0 and 255 or 65535, or in colour), where white is
    object 1, and white pictures whose alpha channel holds the shape of object 1.

    Pixels of 255 beside objects are void: they are no object, and background here. Masks that
    `rotoline segment` reads keep them.

    Returns:
        The ids, uint8 (H, W), from 1 to 254, turned upright according to the EXIF data of the
        file; at least one pixel is not 0.

    Raises:
        InputError: The file is missing, is no mask, can be read in two ways, or is all background.
            The message names the ids that were probably meant.
    """
    path = as_path(path, "the path of a mask file")
    return check_mask(str(path), without_void(read_drawn(path)))


def read_drawn(path: Path, limits: Limits | None = None) -> LabelMap:
    """`read_mask`, also of a mask that is all background, with 255 where it is void.

    Args:
        path: The file.
        limits: How many pixels it may have, as for `opened_picture`.

    Raises:
        InputError: As `read_mask`, except for a mask that is all background.
    """
    labels = read_labels(path, limits)
    refuse_soft_edges(path, labels)
    refuse_dithering(path, labels)
    _refuse_unclear_void(path, labels)
    drop_void(path, labels)  # which refuses void alone
    return labels


def read_labels(path: Path, limits: Limits | None = None) -> LabelMap:
    """Read a mask that may be all background, as results are where objects are hidden.

    Soft edges are refused in grey masks only: results have a palette, and their objects may be
    arbitrarily thin.

    Args:
        path: The file.
        limits: How many pixels it may have, as for `opened_picture`.

    Returns:
        The ids, uint8 (H, W), with 255 where the mask is void.

    Raises:
        InputError: As `read_mask`, except that a mask may be all background, and void anywhere.
    """
    with opened_picture(path, limits=limits) as opened:
        if opened.format in _UNSUITABLE:
            raise InputError(
                f"{path} is a {opened.format}, {_UNSUITABLE[opened.format]}; "
                f"{HOW_TO_SAVE}, from the original and not from this file"
            )
        pictures = getattr(opened, "n_frames", 1)
        if pictures > 1:
            raise InputError(
                f"{path} holds {pictures} pictures, and a mask is one; save each as a file of its "
                "own, named like its frame"
            )
        image = ImageOps.exif_transpose(opened)  # as frames are
        if image.mode == "1":
            return np.array(image).astype(np.uint8)
        if image.mode == "P":
            return read_palette_ids(path, image)
        if image.mode == "LA" and image.getchannel("A").getextrema() == (255, 255):
            image = image.getchannel("L")
        if image.mode not in ("L", "F", *SIXTEEN_BIT_MODES):
            return read_colour_ids(path, image)
        values = np.array(image)
    return _grey_ids(path, values)


def drop_void(path: Path, labels: LabelMap) -> LabelMap:
    """Return a copy of the labels of a file in which void pixels are background.

    Raises:
        InputError: There is nothing but void, which may as well be an object.
    """
    found = np.unique(labels)
    if found[-1] == VOID and set(found.tolist()) <= {0, VOID}:
        raise InputError(
            f"{path} holds {VOID} and no other id. It can be read in two ways: {VOID} marks void "
            "pixels, of which nothing is known, and no object is here; or it is an object; "
            f"set void pixels to 0, or give the object an id from 1 to {MAX_ID}"
        )
    return without_void(labels)


class Marks(NamedTuple):
    """What is marked in the annotated frames."""

    labels: dict[int, LabelMap]
    """By frame index, in ascending order: object ids, uint8 `(H, W)`; all 0 where a mask among
    several is all background, which says that no object is there."""
    names: dict[ObjectId, str]
    """The names of objects, where the masks tell them."""


def read_annotations(
    path: Path,
    frames: FrameSource,
    warn: Warn = ignore_warning,
    *,
    colours: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Marks:
    """Read the masks of the annotated frames.

    Args:
        path: A mask named like its frame, or anything else for the first frame; or a folder of
            masks, each named like its frame; or a project of `rotoline studio`, whose marked frames
            are read; or a file of annotations (`rotoline.io.readers`).
        frames: The frames that the masks belong to.
        warn: Called with what the user must know: a mask that is not named like the frame it marks,
            a file that is skipped.
        limits: As for `open_frames`.

        colours: Whether every colour of the masks is an object (`rotoline.io.readers.colours`).

    Returns:
        The marks. An index beyond the end of a video is detected here only if the container states
        the number of frames; `frames.read` always refuses it. 255 is void.

    Raises:
        InputError: A mask cannot be used, belongs to no frame, or has another size.
    """
    if is_project(path):
        marks = path / PROJECT_MARKS
        if not marks.is_dir():
            raise InputError(
                f"no frame is marked in the project {path}; mark the objects in the studio "
                f"(rotoline studio {path})"
            )
        path = marks
    if is_label_file(path, frames.path):
        if colours:
            raise InputError(f"{path} is no picture, so there are no colours; leave --colours out")
        return Marks(*read_marks(path, frames, warn))
    files = match_masks(path, frames, warn)
    files = {index: files[index] for index in sorted(files)}
    if not colours:
        return Marks(
            _read_pictures(path, files, frames, partial(read_drawn, limits=limits), warn), {}
        )
    table = ColourTable(list(files.values()))
    warn(table.note)

    def read(file: Path) -> LabelMap:
        return drop_void(file, table.read(file))

    return Marks(_read_pictures(path, files, frames, read, warn), table.names)


def _read_pictures(
    path: Path,
    files: dict[int, Path],
    frames: FrameSource,
    read: Callable[[Path], LabelMap],
    warn: Warn,
) -> dict[int, LabelMap]:
    """Read mask files by frame index, each with `read`, and check them."""
    found = {}
    for index, file in files.items():
        # One of several masks may say that no object is in its frame.
        found[index] = check_mask(str(file), read(file), frames.size, may_be_empty=len(files) > 1)
    empty = [frames.name(index) for index, labels in found.items() if not labels.any()]
    if len(empty) == len(found):
        raise InputError(
            f"all {len(found)} masks in {path} are all background: every pixel is 0; mark each "
            f"object in at least one of them, with an id from 1 to {MAX_ID}"
        )
    if empty:
        warn(
            f"the mask of {shorten(empty)} is all background, so no object is there; if these "
            "frames are merely not marked, remove their masks"
        )
    return found


def write_mask(path: Path | str, labels: LabelMap) -> None:
    """Write ids as a PNG with the palette of DAVIS, complete or not at all.

    Raises:
        InputError: `path` is no path, or `labels` is not uint8 (H, W).
        OutputError: The file could not be written.
    """
    path = as_path(path, "the path of the PNG to write")
    needed = "a mask is uint8 (height, width), one id per pixel"
    found = as_array("labels", labels, needed)
    if found.ndim != 2 or found.dtype != np.uint8 or not found.size:
        raise InputError(f"labels are {found.dtype} of shape {found.shape}; {needed}")
    if not path.name:
        raise InputError(f"{path} is a folder; give the path of the PNG to write")
    image = Image.fromarray(found)
    image.putpalette(DAVIS_PALETTE.tobytes())
    with replacing(path) as temporary:
        # Half the time of the default level; 480p masks stay at a few kilobytes.
        image.save(temporary, format="PNG", compress_level=1)


def is_black_and_white(path: Path) -> bool:
    """Whether a mask has no values but 0 and 255, in grey, in colour, or with a palette."""
    with opened_picture(path) as image:
        if image.mode == "1" or (image.mode == "P" and VOID not in np.array(image)):
            return False  # whose white has the value 1
        return set(np.unique(np.array(image.convert("L"))).tolist()) == {0, 255}


def _grey_ids(path: Path, values: NDArray[Any]) -> LabelMap:
    """Ids from the values of a grey picture; black and white give object 1."""
    if values.dtype.kind == "f":
        whole = np.isfinite(values) & (values == np.round(values))
        if not whole.all():
            raise InputError(
                f"{path} holds floating-point numbers that are no whole numbers, such as "
                f"{values[~whole][0]:g}; a mask holds one id per pixel: if these are scores, "
                f"compare them with a threshold; {HOW_TO_SAVE}"
            )
    found = np.unique(values)
    if found[-1] in (255, 65535) and set(found.tolist()) <= {0, found[-1]}:
        return np.asarray(values > 0).astype(np.uint8)
    refuse_soft_edges(path, values)
    if found[0] < 0 or found[-1] > VOID:
        outside = found[(found < 0) | (found > VOID)]
        raise InputError(
            f"{path} holds the ids {list_ids(outside)}; ids 1 to {MAX_ID} are supported, "
            "so give these objects smaller ids"
        )
    if values.dtype != np.uint8 and found[-1] == VOID:
        raise InputError(_two_readings(path, "it is an ordinary value among more than 8 bits"))
    labels: LabelMap = values.astype(np.uint8)
    return labels


def _refuse_unclear_void(path: Path, labels: LabelMap) -> None:
    """Refuse a mask whose pixels of 255 may as well be an object: void surrounds objects."""
    is_void, is_object = labels == VOID, (labels > 0) & (labels != VOID)
    if not is_void.any() or not is_object.any():
        return
    with opened_picture(path) as image:
        if has_davis_colours(image):  # of DAVIS and PASCAL VOC, where 255 is void
            return
    everywhere = np.ones((3, 3), bool)
    regions, count = ndimage.label(is_void, everywhere)
    beside = regions[ndimage.binary_dilation(is_object, everywhere)]
    if len(np.setdiff1d(np.arange(1, count + 1), beside)):
        raise InputError(_two_readings(path, "some of it lies apart from all objects"))
    if is_void.sum() > is_object.sum():
        raise InputError(_two_readings(path, "it is larger than all objects together"))
    if labels[is_object].max() == MAX_ID:
        raise InputError(_two_readings(path, f"it follows id {MAX_ID}"))
    if labels[is_object].min() >= _DARK:
        raise InputError(_two_readings(path, "the other ids look like shades of grey"))


def _two_readings(path: Path, reason: str) -> str:
    return (
        f"{path} holds {VOID} beside other ids. It can be read in two ways: {VOID} marks void "
        f"pixels, of which nothing is known; or it is an object, because {reason}; "
        f"set void pixels to 0, or give the object an id from 1 to {MAX_ID}"
    )
