"""Frames from one file with several pictures: a TIFF stack, animated WebP or AVIF."""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from rotoline.errors import InputError
from rotoline.io.alive import report_alive
from rotoline.io.backwards import read_backwards
from rotoline.io.frame_names import FrameNumbers
from rotoline.io.grey import (
    FULL_RANGE,
    GreyRange,
    check_grey_range,
    fit_grey_range,
    spread_evenly,
    to_rgb,
)
from rotoline.io.pictures import SIXTEEN_BIT_MODES, opened_picture
from rotoline.limits import DEFAULT_LIMITS, Limits
from rotoline.types import Frame
from rotoline.wording import counted

_FORMATS = ("TIFF", "WEBP", "AVIF")
_BEGINNINGS = re.compile(rb"II[*+]\0|MM\0[*+]|RIFF....WEBP|....ftyp(avif|avis)", re.DOTALL)
_DEFAULT_RATE = Fraction(24)  # as for a folder of pictures
_NEW_SUBFILE_TYPE, _DESCRIPTION = 254, 270  # tags of TIFF
_NO_FRAME = 1 | 4  # the bits of a smaller version and of a mask of transparency
# How ImageJ and OME say that pages differ in more than time.
_CHANNELS = re.compile(r'^channels=(\d+)|\bSizeC="(\d+)"', re.MULTILINE)
_SLICES = re.compile(r'^slices=(\d+)|\bSizeZ="(\d+)"', re.MULTILINE)
_TIMES = re.compile(r'^frames=(\d+)|\bSizeT="(\d+)"', re.MULTILINE)


def holds_several_pictures(path: Path) -> bool:
    """Whether a file is a picture with more than one page or frame.

    Raises:
        InputError: It is a picture, but damaged.
    """
    try:
        with path.open("rb") as file:
            is_picture = _BEGINNINGS.match(file.read(16)) is not None
    except OSError:  # a folder, or whatever else there is to say about it when it is opened
        return False
    if not is_picture:
        return False
    with opened_picture(path, _FORMATS) as image:
        return getattr(image, "n_frames", 1) > 1


class PictureStack:
    """The pictures of one file, as frames in their order; see `FrameSource`.

    Pages of TIFF that are smaller versions or masks of others are left out.

    Args:
        path: The file.
        grey_range: As for `open_frames`.
        first_number: The number of the first frame in the names of frames.
        limits: As for `open_frames`.

    Raises:
        InputError: Pictures differ in size, or are of several channels.
    """

    problem: str | None = None
    pixel_shape = Fraction(1)

    def __init__(
        self,
        path: Path,
        grey_range: GreyRange | None = None,
        first_number: int = 0,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.path = path
        self._limits = limits
        self._names = FrameNumbers(first_number)
        self._times: dict[int, float] = {}
        self._pages: list[int] = []
        self._deep: list[int] = []
        with opened_picture(path, _FORMATS, limits) as image:
            self._check_dimensions(image)
            self._list_pages(image)
        if grey_range is not None and not self._deep:
            raise InputError(
                f"{path} has no more than 8 bits, so there is no grey range to choose; leave it out"
            )
        if grey_range is not None:
            check_grey_range(grey_range)
        self._given_range = grey_range
        first = next(iter(self))
        self.size: tuple[int, int] = (first.shape[0], first.shape[1])

    @property
    def count(self) -> int:
        """Number of frames."""
        return len(self._pages)

    @property
    def reading(self) -> Mapping[str, object]:
        """The first number and the grey range, where they are used."""
        grey_range = {"grey_range": list(self._grey_range)} if self._deep else {}
        return {**self._names.reading, **grey_range}

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame from the first to the last."""
        return self._read_in_order(range(self.count))

    def select(self, indices: range) -> Iterator[Frame]:
        """Yield the frames with these indices, ascending, as far as they exist."""
        return self._read_in_order(range(self.count)[indices.start : indices.stop : indices.step])

    def backwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        """Yield index and frame for `start` - 1, `start` - 2, ..., 0."""
        if start > self.count:
            raise self._missing(start - 1)
        # WebP is decoded from its beginning for every step back, so chunks are read.
        yield from read_backwards(self.select, range(start), self.size)

    def read(self, indices: Collection[int]) -> dict[int, Frame]:
        """Read some frames by index."""
        wanted = sorted(set(indices))
        for index in wanted:
            if not 0 <= index < self.count:
                raise self._missing(index)
        return dict(zip(wanted, self._read_in_order(wanted), strict=True))

    def name(self, index: int) -> str:
        """The number of the frame, with five digits."""
        return self._names.name(index)

    def find(self, name: str) -> int | None:
        """The index of the frame whose number `name` is, or None."""
        return self._names.find(name, self.count)

    def find_time(self, seconds: Fraction) -> int:
        """Index of the first frame at or after a time; by the frame rate if the file has none."""
        for index, _ in enumerate(self):
            time = self.time(index)
            if time is None:
                return min(self.count, math.ceil(seconds * self.frame_rate))
            if time >= seconds:
                return index
        return self.count

    def time(self, index: int) -> float | None:
        """Seconds since the first frame; None if the file has no times, or not decoded yet."""
        return self._times.get(index)

    def _check_dimensions(self, image: Image.Image) -> None:
        """Refuse pages that are not one picture after the other."""
        description = str(getattr(image, "tag_v2", {}).get(_DESCRIPTION, ""))
        channels, slices, times = (
            max([1, *(int(a or b) for a, b in pattern.findall(description))])
            for pattern in (_CHANNELS, _SLICES, _TIMES)
        )
        if channels > 1 or (slices > 1 and times > 1):
            raise InputError(
                f"{self.path} holds {times} times with {channels} channels and {slices} slices "
                "each; a frame is one picture, so save one channel and slice as a file of its own"
            )

    def _list_pages(self, image: Image.Image) -> None:
        """Find the pages that are frames, which ones have more than 8 bits, and the frame rate."""
        sizes = []
        count = getattr(image, "n_frames", 1)
        self._limits.check_count(str(self.path), count)
        for page in range(count):
            if image.format == "TIFF":  # others have one size, and would be decoded here
                image.seek(page)
                if getattr(image, "tag_v2", {}).get(_NEW_SUBFILE_TYPE, 0) & _NO_FRAME:
                    continue
            sizes.append(image.size[::-1])
            self._pages.append(page)
            if sizes[-1] != sizes[0]:
                raise InputError(
                    f"the pictures in {self.path} differ in size: picture 0 is {sizes[0][0]} x "
                    f"{sizes[0][1]} and picture {page} is {sizes[-1][0]} x {sizes[-1][1]} "
                    "(height x width); bring all to one size"
                )
            if image.mode in SIXTEEN_BIT_MODES:
                self._deep.append(len(self._pages) - 1)
        if not self._pages:
            raise InputError(
                f"{self.path} holds only smaller versions of pictures; save the pictures themselves"
            )
        image.seek(0)
        image.load()
        milliseconds = image.info.get("duration", 0) if image.format != "TIFF" else 0
        self.frame_rate = Fraction(1000) / milliseconds if milliseconds else _DEFAULT_RATE

    @cached_property
    def _grey_range(self) -> GreyRange:
        if self._given_range is not None:
            return self._given_range
        if len(self._deep) < len(self._pages):
            return FULL_RANGE
        with opened_picture(self.path, _FORMATS, self._limits) as image:
            pictures = []
            for index in spread_evenly(self._deep):
                image.seek(self._pages[index])
                pictures.append(np.asarray(image))
        return fit_grey_range(pictures)

    def _read_in_order(self, indices: Collection[int]) -> Iterator[Frame]:
        """Decode frames; ascending indices are the fastest."""
        grey_range = self._grey_range if self._deep else FULL_RANGE
        with opened_picture(self.path, _FORMATS, self._limits) as image:
            for index in indices:
                image.seek(self._pages[index])
                image.load()
                report_alive()
                if "timestamp" in image.info:
                    self._times[index] = image.info["timestamp"] / 1000
                yield to_rgb(ImageOps.exif_transpose(image), self.path, grey_range)

    def _missing(self, index: int) -> InputError:
        return InputError(
            f"{self.path} has {counted(self.count, 'frame')}, so there is no frame {index}; "
            f"give an index from 0 to {self.count - 1}"
        )
