"""Frames from a folder of pictures or from a video file, under one interface.

    for frame in open_frames(path): ...                  # forwards, one frame in memory
    for index, frame in source.backwards(start): ...     # start - 1, start - 2, ..., 0
    source.read({0, 40})                                 # some frames by index

A frame has the same pixels however it was reached, unless the video is damaged: a decoder may
conceal errors differently each time, and `problem` then describes the damage.
"""

from collections.abc import Collection, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image, ImageOps

from rotoline.errors import InputError
from rotoline.frames import RereadableFrames
from rotoline.io.paths import as_path, is_folder
from rotoline.io.pictures import (
    EXTENSIONS,
    SIXTEEN_BIT_MODES,
    describe_contents,
    list_pictures,
    opened_picture,
)
from rotoline.io.video import VideoFile
from rotoline.types import Frame

FOLDER_FRAME_RATE = Fraction(24)
"""Default frame rate of a folder, in frames per second: the rate of DAVIS."""

_ORIENTATION = 0x0112  # the EXIF tag; 5 to 8 swap height and width


class FrameSource(RereadableFrames, Protocol):
    """Frames of a file or folder in order, all of one size, with their names and times.

    `read` and `backwards` raise InputError where a frame does not exist.
    """

    path: Path
    """The folder or the file."""
    size: tuple[int, int]
    """Height and width of every frame, as delivered."""
    frame_rate: Fraction
    """Frames per second; an average where the times between frames differ."""

    @property
    def count(self) -> int | None:
        """Number of frames.

        Exact for a folder. For a video, it is the number that the container states, which may be
        wrong or None, until the last frame has been decoded once.
        """
        ...

    @property
    def problem(self) -> str | None:
        """What is missing or damaged, as text for a warning; known once the last frame was read."""
        ...

    def name(self, index: int) -> str:
        """Return the name of a frame: the stem of its file; in a video the index, five digits."""
        ...

    def find(self, name: str) -> int | None:
        """Index of the frame with that name, or None if there is none.

        A name is a stem, or else an index written as digits. An index beyond the end of a video is
        detected here only if the container states the number of frames; `read` always refuses it.
        """
        ...

    def time(self, index: int) -> float | None:
        """Seconds since the first frame; None for a video frame that was not decoded yet."""
        ...


def open_frames(path: Path | str) -> FrameSource:
    """Open a folder of pictures or a video file.

    Args:
        path: A folder with one picture a frame, in natural order of names; or any video file
            that is complete in itself.

    Returns:
        The frames; none but the first is decoded yet.

    Raises:
        InputError: The path does not exist, it holds no frames, or frames differ in size.
    """
    path = as_path(path, "a folder of pictures or a video file")
    return ImageFolder(path) if is_folder(path) else VideoFile(path)


class ImageFolder:
    """A folder of pictures, one a frame, in natural order of their names.

    Pictures are rotated upright according to their EXIF data. 16-bit grey is reduced to 8 bits;
    transparent parts are shown on black.
    """

    problem: str | None = None

    def __init__(self, path: Path, frame_rate: Fraction = FOLDER_FRAME_RATE) -> None:
        self.path = path
        self.frame_rate = frame_rate
        self._pictures = list_pictures(path)
        if not self._pictures:
            raise InputError(
                f"{path} holds no frames: {describe_contents(path)}; frames are pictures that "
                f"end in {', '.join(EXTENSIONS)}; for a video, give the video file itself"
            )
        self._index_of = self._index_stems()
        self.size = self._check_sizes()

    @property
    def count(self) -> int:
        """Number of frames."""
        return len(self._pictures)

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame from the first to the last."""
        for index in range(self.count):
            yield self._read(index)

    def backwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        """Yield index and frame for `start` - 1, `start` - 2, ..., 0."""
        if start > self.count:
            raise self._missing(start - 1)
        for index in reversed(range(start)):
            yield index, self._read(index)

    def read(self, indices: Collection[int]) -> dict[int, Frame]:
        """Read some frames by index."""
        for index in indices:
            if not 0 <= index < self.count:
                raise self._missing(index)
        return {index: self._read(index) for index in indices}

    def name(self, index: int) -> str:
        """Stem of the frame's file."""
        return self._pictures[index].stem

    def find(self, name: str) -> int | None:
        """Index of the frame with this stem, or else with this index; None if there is neither."""
        if name in self._index_of:
            return self._index_of[name]
        # More digits are never an index, and int() refuses thousands of them.
        if name.isascii() and name.isdigit() and len(name) <= 9 and int(name) < self.count:
            return int(name)
        return None

    def time(self, index: int) -> float:
        """Seconds since the first frame, from the frame rate."""
        return float(index / self.frame_rate)

    def _read(self, index: int) -> Frame:
        """Decode one frame, uint8 RGB (H, W, 3)."""
        path = self._pictures[index]
        with opened_picture(path) as image:
            frame = _to_rgb(ImageOps.exif_transpose(image), path)
        # The header is checked up front, but a file may change, or carry EXIF after its pixels.
        if frame.shape[:2] != self.size:
            raise self._different_size(path, frame.shape[:2])
        return frame

    def _index_stems(self) -> dict[str, int]:
        """Map stems to indices; masks and results are named by stem, so it must be unique."""
        index_of: dict[str, int] = {}
        for index, path in enumerate(self._pictures):
            if path.stem in index_of:
                other = self._pictures[index_of[path.stem]]
                raise InputError(
                    f"{self.path} holds {other.name} and {path.name}: two frames named "
                    f"{path.stem}; frames need different names, so remove or rename one"
                )
            index_of[path.stem] = index
        return index_of

    def _check_sizes(self) -> tuple[int, int]:
        """Read every header, which is quick, and return the size that all pictures have."""
        self.size = _upright_size(self._pictures[0])
        for path in self._pictures[1:]:
            size = _upright_size(path)
            if size != self.size:
                raise self._different_size(path, size)
        return self.size

    def _different_size(self, path: Path, size: tuple[int, ...]) -> InputError:
        first = self._pictures[0]
        return InputError(
            f"frames differ in size: {first} is {self.size[0]} x {self.size[1]} and {path} is "
            f"{size[0]} x {size[1]} (height x width); bring all frames to one size"
        )

    def _missing(self, index: int) -> InputError:
        return InputError(
            f"{self.path} has {self.count} frames, so there is no frame {index}; "
            f"give an index from 0 to {self.count - 1}"
        )


def _upright_size(path: Path) -> tuple[int, int]:
    """Height and width after EXIF orientation, from the header alone."""
    with opened_picture(path) as image:
        # A JPEG with a second picture inside (a depth map, a preview) counts as one picture.
        pictures = getattr(image, "n_frames", 1)
        if image.format not in ("JPEG", "MPO") and pictures > 1:
            raise InputError(
                f"{path} holds {pictures} pictures; "
                "a frame is one picture, so save each as a file of its own"
            )
        width, height = image.size
        # A TIFF swaps its size by itself. Asking a PNG for EXIF decodes all of it, unless the
        # header has it.
        if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
            return height, width
        turned = image.getexif().get(_ORIENTATION, 1) >= 5
        return (width, height) if turned else (height, width)


def _to_rgb(image: Image.Image, path: Path) -> Frame:
    """Convert any picture to uint8 RGB (H, W, 3)."""
    if image.mode in SIXTEEN_BIT_MODES:
        grey = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        # 65535 / 257 = 255: black stays black and white stays white.
        return np.repeat(((grey + 128) // 257).astype(np.uint8)[..., None], 3, axis=2)
    if image.mode == "F":
        raise InputError(
            f"{path} holds floating-point numbers without a known range; save it with 8 bits"
        )
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, picture)
    return np.array(image.convert("RGB"))
