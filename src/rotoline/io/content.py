"""Hashes that tell a video from others, without reading all of it, and a mask from others."""

import hashlib
from pathlib import Path

import numpy as np

from rotoline.io.pictures import list_pictures
from rotoline.types import LabelMap

_ENDS, _START = 2**20, 2**12
"""Bytes at either end of a video, and at the start of a picture, that tell it from another."""


def content_hash(video: Path) -> str:
    """A hash that tells a video from others, for `run.json`.

    Of a video, its length and both ends are read; of a folder, the names and lengths of the
    pictures, and how each begins.
    """
    found = hashlib.sha256()
    if video.is_dir():
        for path in list_pictures(video):
            found.update(f"{path.name} {path.stat().st_size} ".encode(errors="surrogateescape"))
            with path.open("rb") as file:
                found.update(file.read(_START))
    else:
        size = video.stat().st_size
        found.update(f"{size} ".encode())
        with video.open("rb") as file:
            found.update(file.read(_ENDS))
            file.seek(max(0, size - _ENDS))
            found.update(file.read(_ENDS))
    return found.hexdigest()


def mask_hash(mask: LabelMap) -> str:
    """A hash of every pixel of a mask `(H, W)`, for `run.json`."""
    return hashlib.sha256(np.ascontiguousarray(mask).tobytes()).hexdigest()
