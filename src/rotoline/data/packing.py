"""Training data in a few small files, to send to another machine.

Each part is a zip file of pictures at the size that the training uses, as WebP, and their masks,
in the folders that `rotoline.data.training_clips` reads; unpacked into one folder they are training
data:

    python -m zipfile -e video-1.zip DATA
"""

import io
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from rotoline.data.stills import STILL_SETS, read_raw_still
from rotoline.data.training_clips import (
    STILL_SHORT_SIDE,
    VIDEO_FOLDER,
    find_videos,
    reduced,
)
from rotoline.errors import ConfigError
from rotoline.io.atomic import make_folder, replacing
from rotoline.io.pictures import list_pictures
from rotoline.types import Frame, LabelMap

VIDEO_SHORT_SIDE = 384
"""Shorter side of the frames of videos, in pixels."""
QUALITY = 46
"""Quality of the pictures, as WebP counts it."""
WAITING = 16
"""Number of pictures that are encoded ahead."""
LARGEST = 2**20
"""More bytes than a packed picture and its mask have."""


class PackedPart(NamedTuple):
    """A file that was written."""

    path: Path
    pictures: int
    """Number of pictures in it."""


class _Picture(NamedTuple):
    """A picture and its mask, before they are reduced."""

    picture_name: str
    """Path without its ending, below the data folder."""
    mask_name: str
    frame: Frame
    labels: LabelMap
    short_side: int


def pack(data: Path, folder: Path, part_size: float) -> Iterator[PackedPart]:
    """Write the training data below `data` as zip files.

    Args:
        data: A data folder, laid out as the docstring of `rotoline.data.training_clips` shows.
        folder: Where `video-1.zip`, `stills-1.zip` and so on are written; files of these names are
            replaced.
        part_size: Largest size of a file in MiB, at least 2.

    Yields:
        Each file after it was written.

    Raises:
        InputError: There are no videos, or a picture or a mask cannot be read.
        ConfigError: The files would be too small.
        OutputError: A file cannot be written.
    """
    limit = int(part_size * 2**20)
    if limit < 2 * LARGEST:
        raise ConfigError(f"parts of {part_size} MiB are too small; take at least 2 MiB")
    make_folder(folder)
    for name, pictures in (("video", _videos(data)), ("stills", _stills(data))):
        yield from _write_parts(folder, name, pictures, limit)


def _videos(data: Path) -> Iterator[_Picture]:
    for sequence in find_videos(data, ()):
        for index, stem in enumerate(sequence.frame_names):
            yield _Picture(
                f"{VIDEO_FOLDER}/JPEGImages/480p/{sequence.name}/{stem}",
                f"{VIDEO_FOLDER}/Annotations/480p/{sequence.name}/{stem}",
                sequence.read_frame(index),
                sequence.read_labels(index, keep_void=True),
                VIDEO_SHORT_SIDE,
            )


def _stills(data: Path) -> Iterator[_Picture]:
    for name, still_set in STILL_SETS.items():
        if (data / name / "images").is_dir():
            for path in list_pictures(data / name / "images"):
                mask_name = f"{name}/{still_set.label_folder}/{path.stem}"
                frame, labels = read_raw_still(path, data / f"{mask_name}.png")
                picture_name = f"{name}/images/{path.stem}"
                yield _Picture(picture_name, mask_name, frame, labels, STILL_SHORT_SIDE)


def _write_parts(
    folder: Path, name: str, pictures: Iterable[_Picture], limit: int
) -> Iterator[PackedPart]:
    encoded = _encoded(pictures)
    first = next(encoded, None)
    number = 0
    while first is not None:
        number += 1
        path = folder / f"{name}-{number}.zip"
        with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as file:
            count, size = 0, 0
            while first is not None and size < limit - LARGEST:
                for entry, content in first:
                    # A fixed date: the same data gives the same file.
                    file.writestr(zipfile.ZipInfo(entry), content)
                    size += len(content) + 2 * len(entry) + 200
                count, first = count + 1, next(encoded, None)
        yield PackedPart(path, count)


def _encoded(pictures: Iterable[_Picture]) -> Iterator[list[tuple[str, bytes]]]:
    """The files of each picture, encoded in several threads."""
    with ThreadPoolExecutor() as pool:
        waiting = []
        for picture in pictures:
            waiting.append(pool.submit(_encode, picture))
            if len(waiting) > WAITING:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()


def _encode(picture: _Picture) -> list[tuple[str, bytes]]:
    frame, labels = reduced(picture.frame, picture.labels, picture.short_side)
    mask = Image.fromarray(labels)
    # With a palette, 255 stays unknown also where there is nothing else but 0.
    mask.putpalette(np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes())
    files = []
    for name, image, options in (
        (f"{picture.picture_name}.webp", Image.fromarray(frame), {"quality": QUALITY, "method": 4}),
        (f"{picture.mask_name}.png", mask, {"optimize": True}),
    ):
        with io.BytesIO() as buffer:
            image.save(buffer, name.rpartition(".")[2], **options)
            files.append((name, buffer.getvalue()))
    return files
