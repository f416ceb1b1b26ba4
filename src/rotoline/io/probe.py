"""What a file or a folder is, and how it would be read: `rotoline probe`.

Reports are plain values, ready for JSON. Whatever would stop `rotoline segment` stands in the field
`refused`; only where nothing at all can be said is there an error.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rotoline.errors import InputError
from rotoline.io.frames import FrameSource, open_frames
from rotoline.io.mask_files import ignore_warning, match_masks
from rotoline.io.masks import read_drawn, read_labels
from rotoline.io.palette import DAVIS_PALETTE
from rotoline.io.paths import as_path, is_folder
from rotoline.io.picture_stack import holds_several_pictures
from rotoline.io.pictures import (
    EXTENSIONS,
    SIXTEEN_BIT_MODES,
    describe_contents,
    describe_skipped,
    list_pictures,
    opened_picture,
)
from rotoline.io.probe_video import probe_video
from rotoline.types import VOID

Report = dict[str, Any]

_EXIF_ORIENTATION = 0x0112
_ONE_VALUE = ("1", "L", "P", *SIXTEEN_BIT_MODES)
_MOST_VALUES = 16
"""Values of a refused mask that are listed, those with the most pixels first."""


def probe(
    path: Path | str,
    *,
    decode: bool = False,
    stream: int | None = None,
    video: Path | str | None = None,
) -> Report:
    """Say what a video, a folder of frames, a stack or a mask is.

    Args:
        path: The file or folder.
        decode: Whether all frames of a video are decoded, to count them and to find damage.
        stream: Number of the stream to read from a video.
        video: The frames that a mask belongs to, to say which one it marks.

    Returns:
        The fields by name, `kind` first: "video", "folder", "stack" or "picture".

    Raises:
        InputError: There is no such file, or nothing can be said about it.
    """
    path = as_path(path, "a video, a folder of pictures or a mask")
    frames = None if video is None else open_frames(video)
    if is_folder(path):
        return _probe_folder(path, frames)
    if not path.exists():
        raise InputError(f"{path} does not exist; check the path")
    if holds_several_pictures(path):
        return _probe_stack(path)
    if _is_one_picture(path):
        return _probe_picture(path, frames)
    return probe_video(path, decode=decode, stream=stream)


def _is_one_picture(path: Path) -> bool:
    """Whether a file is one picture; animations are read as videos.

    Raises:
        InputError: It is a picture by its name, but cannot be read.
    """
    try:
        with opened_picture(path) as image:
            return image.format in ("JPEG", "MPO") or getattr(image, "n_frames", 1) == 1
    except InputError:
        if path.suffix.lower() in EXTENSIONS:
            raise
        return False


def _probe_folder(path: Path, frames: FrameSource | None) -> Report:
    pictures = list_pictures(path)
    if not pictures:
        raise InputError(
            f"{path} holds no pictures: {describe_contents(path)}; give a folder with one picture "
            "per frame, or a file"
        )
    sizes: Counter[str] = Counter()
    modes: Counter[str] = Counter()
    unreadable = []
    for picture in pictures:
        try:
            with opened_picture(picture) as image:
                sizes[f"{image.height} x {image.width}"] += 1
                modes[f"{image.format} {image.mode}"] += 1
        except InputError as error:
            unreadable.append(str(error))
    report: Report = {
        "kind": "folder",
        "path": str(path),
        "pictures": len(pictures),
        "first": pictures[0].name,
        "last": pictures[-1].name,
        "sizes (height x width)": dict(sizes.most_common()),
        "formats": dict(modes.most_common()),
        "unreadable": unreadable,
        "skipped": describe_skipped(path),
    }
    report |= _as_frames(path)
    if frames is not None:
        report |= _marked(path, frames)
    return report


def _as_frames(path: Path) -> Report:
    """How a folder or a stack is read as frames."""
    try:
        source = open_frames(path)
    except InputError as error:
        return {"refused": str(error)}
    return {
        "frames": source.count,
        "size (height x width)": list(source.size),
        "frame_rate": float(source.frame_rate),
        "problem": source.problem,
        **source.reading,
        "refused": None,
    }


def _probe_stack(path: Path) -> Report:
    with opened_picture(path, ("TIFF", "WEBP", "AVIF")) as image:
        pages, kind, mode = getattr(image, "n_frames", 1), image.format, image.mode
    report = {"kind": "stack", "path": str(path), "format": kind, "mode": mode, "pages": pages}
    return report | _as_frames(path)


def _probe_picture(path: Path, frames: FrameSource | None) -> Report:
    """One picture, as a mask."""
    with opened_picture(path) as image:
        report: Report = {
            "kind": "picture",
            "path": str(path),
            "format": image.format,
            "mode": image.mode,
            "size (height x width)": [image.height, image.width],
            "turned by EXIF": image.getexif().get(_EXIF_ORIENTATION, 1) != 1,
            "palette": _describe_palette(image),
        }
        values = _count_values(np.array(image)) if image.mode in _ONE_VALUE else {}
    refused = None
    try:
        labels = read_drawn(path)
    except InputError as error:
        refused = str(error)
        labels = _labels_or_none(path)
    counts = {} if labels is None else _count_values(labels)
    report |= {
        "values": values,
        "objects": {i: n for i, n in counts.items() if i not in (0, VOID)},
        "background": counts.get(0, 0),
        "void": counts.get(VOID, 0),
        "soft edges": refused is not None and "soft" in refused,
        "refused": refused,
    }
    if refused is None and not report["objects"]:
        report["note"] = (
            "all background: alone it is refused; among several masks it says that no object is "
            "in its frame"
        )
    if frames is not None:
        report |= _marked(path, frames)
    return report


def _labels_or_none(path: Path) -> Any:
    """The ids of a mask that is refused for what they are; None if it has none."""
    try:
        return read_labels(path)
    except InputError:
        return None


def _marked(path: Path, frames: FrameSource) -> Report:
    """Which frames a mask or a folder of masks marks."""
    try:
        files = match_masks(path, frames, ignore_warning)
    except InputError as error:
        return {"marks": {}, "marks_refused": str(error)}
    return {"marks": {file.name: frames.name(index) for index, file in sorted(files.items())}}


def _count_values(values: Any) -> dict[int, int]:
    """Number of pixels by value, of the values with the most pixels, in ascending order."""
    found, counts = np.unique(values, return_counts=True)
    most = sorted(np.argsort(-counts, kind="stable")[: 255 if len(found) < 256 else _MOST_VALUES])
    return {int(found[at]): int(counts[at]) for at in most}


def _describe_palette(image: Image.Image) -> str | None:
    flat = image.getpalette("RGB") if image.mode == "P" else None
    if flat is None:
        return None
    colours = np.array(flat, np.uint8).reshape(-1, 3)
    if np.array_equal(colours, DAVIS_PALETTE[: len(colours)]):
        return f"that of DAVIS, {len(colours)} colours"
    used = np.unique(np.array(image))
    used = used[used < len(colours)]
    if np.array_equal(colours[used], DAVIS_PALETTE[used]):
        return f"{len(colours)} colours; those in use are the ones of DAVIS"
    return f"another one, {len(colours)} colours"
