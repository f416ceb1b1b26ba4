"""Read mask files as label maps, and write label maps as mask files.

A mask file holds one object id per pixel; 0 is background. The ids are chosen by the user and are
kept. Many programs change ids when they save a mask (soft edges, colours, lossy compression): such
files are refused, and the message names the ids that were probably meant.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from rotoline.annotations import check_mask
from rotoline.errors import InputError
from rotoline.io.atomic import replacing
from rotoline.io.frames import FrameSource
from rotoline.io.paths import as_path, is_folder
from rotoline.io.pictures import SIXTEEN_BIT_MODES, describe_contents, list_pictures, opened_picture
from rotoline.types import MAX_ID, LabelMap, as_array, list_ids

_JPEG_REASON = "whose compression changes ids near edges"
_UNSUITABLE = {
    "JPEG": _JPEG_REASON,
    "MPO": _JPEG_REASON,  # Pillow's name of a JPEG with a second picture inside
    "GIF": "whose writers renumber ids",
}
_HOW_TO_SAVE = "save the mask as a PNG with a palette or in 8-bit grey, one value per object"


def _davis_palette() -> NDArray[np.uint8]:
    """The colour map of PASCAL VOC: the bits of the id, dealt to red, green, blue in turn."""
    ids = np.arange(256)
    channels = []
    for channel in range(3):
        bits = [((ids >> (3 * bit + channel)) & 1) << (7 - bit) for bit in range(3)]
        channels.append(sum(bits))
    palette = np.stack(channels, axis=1).astype(np.uint8)
    palette.setflags(write=False)  # every writer of masks shares it
    return palette


DAVIS_PALETTE = _davis_palette()
"""Colour of every id in mask files, uint8 (256, 3), RGB; id 0 is black."""


def read_mask(path: Path | str) -> LabelMap:
    """Read a mask that annotates objects.

    Accepted are pictures with a palette (the id is the index), 8-bit grey (the id is the
    value), 16-bit grey up to id 255, and masks with two values (1 bit, or grey with 0 and
    the largest value), where white is object 1.

    Returns:
        The ids, uint8 (H, W), as the file has them; at least one pixel is not 0.

    Raises:
        InputError: The file is missing, is no mask, or is all background. The message names
            the ids that were probably meant.
    """
    path = as_path(path, "the path of a mask file")
    labels = read_labels(path)
    _refuse_soft_edges(path, labels)
    return check_mask(str(path), labels)


def read_labels(path: Path) -> LabelMap:
    """Read a mask that may be all background, as results are where objects are hidden.

    Soft edges are refused in grey masks only: results have a palette, and their objects may be
    arbitrarily thin.

    Returns:
        The ids, uint8 (H, W), as the file has them.

    Raises:
        InputError: As `read_mask`, except that a mask may be all background.
    """
    with opened_picture(path) as image:
        if image.format in _UNSUITABLE:
            raise InputError(
                f"{path} is a {image.format}, {_UNSUITABLE[image.format]}; "
                f"{_HOW_TO_SAVE}, from the original and not from this file"
            )
        if image.mode == "1":
            return np.array(image).astype(np.uint8)
        if image.mode not in ("L", "P", *SIXTEEN_BIT_MODES):
            raise InputError(_explain_colours(path, image.mode, np.array(image.convert("RGB"))))
        is_grey = image.mode != "P"
        values = np.array(image)
    found = np.unique(values)
    white = 255 if values.dtype == np.uint8 else 65535
    if is_grey and found[-1] == white and set(found.tolist()) <= {0, white}:
        return np.asarray(values == white).astype(np.uint8)
    if is_grey:
        _refuse_soft_edges(path, values)
    if found[0] < 0 or found[-1] > MAX_ID:
        outside = found[(found < 0) | (found > MAX_ID)]
        raise InputError(
            f"{path} holds the ids {list_ids(outside)}; ids 1 to {MAX_ID} are supported, "
            "so give these objects smaller ids"
        )
    labels: LabelMap = values.astype(np.uint8)
    return labels


def read_annotations(path: Path, frames: FrameSource) -> dict[int, LabelMap]:
    """Read the masks of the annotated frames.

    Args:
        path: A mask for frame 0; or a folder of masks, each named like its frame.
        frames: The frames that the masks belong to.

    Returns:
        By frame index, in ascending order: object ids, uint8 `(H, W)`. An index beyond the end of a
        video is detected here only if the container states the number of frames; `frames.read`
        always refuses it.

    Raises:
        InputError: A mask cannot be used, belongs to no frame, or has another size.
    """
    files = _match_frames(path, frames) if is_folder(path) else {0: path}
    return {
        index: check_mask(str(files[index]), read_mask(files[index]), frames.size)
        for index in sorted(files)
    }


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


def _match_frames(folder: Path, frames: FrameSource) -> dict[int, Path]:
    """Map frame indices to the mask files of a folder."""
    files: dict[int, Path] = {}
    for file in list_pictures(folder):
        index = frames.find(file.stem)
        if index is None:
            raise InputError(
                f"{file} belongs to no frame of {frames.path}: {_frame_names(frames)}; "
                "name each mask like its frame"
            )
        if index in files:
            raise InputError(
                f"{files[index]} and {file} both belong to frame {frames.name(index)}; "
                "keep one mask per frame"
            )
        files[index] = file
    if not files:
        raise InputError(
            f"{folder} holds no masks: {describe_contents(folder)}; "
            "put PNG files there, each named like its frame"
        )
    return files


def _frame_names(frames: FrameSource) -> str:
    """Examples of frame names, for an error message."""
    if frames.count is None:
        return f"frames are called {frames.name(0)}, {frames.name(1)} and so on"
    if frames.count == 1:
        return f"the only frame is called {frames.name(0)}"
    return f"frames are called {frames.name(0)} ... {frames.name(frames.count - 1)}"


def _solid_values(values: NDArray[Any]) -> NDArray[Any]:
    """Values that fill a 3 x 3 neighbourhood somewhere; values of soft edges do not."""
    largest = ndimage.maximum_filter(values, size=3, mode="nearest")
    smallest = ndimage.minimum_filter(values, size=3, mode="nearest")
    return np.unique(values[largest == smallest])


def _refuse_soft_edges(path: Path, values: NDArray[Any]) -> None:
    """Raise InputError if most of the values in a mask exist only along edges."""
    found = np.unique(values)
    if len(found) < 4:
        return
    solid = _solid_values(values)
    soft = len(found) - len(solid)
    if soft >= 3 and soft > len(solid):
        meant = solid[solid > 0]
        probably = f"probably meant: {list_ids(meant)}" if len(meant) else "none of them is solid"
        raise InputError(
            f"{path} holds {len(found)} different values, and {soft} of them only in thin lines: "
            f"its edges are soft (anti-aliased) and would become objects; {probably}; "
            "export the mask without anti-aliasing, or set every other value to 0"
        )


def _explain_colours(path: Path, mode: str, picture: NDArray[np.uint8]) -> str:
    """Say what a colour picture given as a mask holds, and which ids were probably meant."""
    packed = picture.astype(np.int32) @ np.array([65536, 256, 1], np.int32)
    colours, areas = np.unique(packed, return_counts=True)
    start = (
        f"{path} is a colour picture (mode {mode}) with {len(colours)} "
        f"{'colour' if len(colours) == 1 else 'colours'}; a mask holds one id per pixel"
    )
    is_solid = np.isin(colours, _solid_values(packed))
    if areas[is_solid].sum() <= packed.size / 2 or is_solid.sum() > MAX_ID:
        return f"{start}, and this looks like a photograph; {_HOW_TO_SAVE}"
    edges = "its colours are solid" if is_solid.all() else "its edges are soft (anti-aliased)"
    by_area = np.argsort(-areas[is_solid], kind="stable")
    objects = [int(colour) for colour in colours[is_solid][by_area] if colour != 0]
    return f"{start}; {edges}, probably meant: {_guess_ids(objects)}; {_HOW_TO_SAVE}"


def _guess_ids(colours: list[int]) -> str:
    """Ids for packed colours, largest area first: those of the DAVIS palette, else 1, 2, ..."""
    palette = {int(r) << 16 | int(g) << 8 | int(b): i for i, (r, g, b) in enumerate(DAVIS_PALETTE)}
    if all(colour in palette for colour in colours):
        ids = {palette[colour]: colour for colour in colours}
    else:
        ids = dict(enumerate(colours, start=1))
    shown = [
        f"id {i} for ({c >> 16}, {c >> 8 & 255}, {c & 255})" for i, c in sorted(ids.items())[:8]
    ]
    more = f" and {len(ids) - 8} more" if len(ids) > 8 else ""
    return ", ".join(shown) + more if shown else "nothing but background"
