"""Frames from a folder of pictures or from a video file, under one interface.

    for frame in open_frames(path): ...                  # forwards, one frame in memory
    for index, frame in source.backwards(start): ...     # start - 1, start - 2, ..., 0
    source.read({0, 40})                                 # some frames by index

A frame has the same pixels however it was reached, unless the video is damaged: a decoder may
conceal errors differently each time, and `problem` then describes the damage.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypedDict, cast

import numpy as np
from numpy.typing import NDArray
from PIL import ImageOps

from rotoline.errors import InputError
from rotoline.frames import RereadableFrames
from rotoline.io.excerpt import Excerpt, Place
from rotoline.io.frame_names import FrameNames, describe_gaps
from rotoline.io.grey import (
    FULL_RANGE,
    GreyRange,
    check_grey_range,
    fit_grey_range,
    spread_evenly,
    to_rgb,
)
from rotoline.io.paths import as_path, is_folder
from rotoline.io.picture_stack import PictureStack, holds_several_pictures
from rotoline.io.pictures import (
    EXTENSIONS,
    SIXTEEN_BIT_MODES,
    by_stem,
    describe_contents,
    describe_skipped,
    list_pictures,
    opened_picture,
)
from rotoline.io.sandbox import SandboxedFrames
from rotoline.io.video import VideoFile
from rotoline.limits import DEFAULT_LIMITS, Limits
from rotoline.types import Frame
from rotoline.wording import counted

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
    def pixel_shape(self) -> Fraction:
        """Width of a pixel by its height: not 1 in anamorphic video."""
        ...

    @property
    def reading(self) -> Mapping[str, object]:
        """What was chosen to read the frames, by the file or by the caller, for `run.json`."""
        ...

    @property
    def count(self) -> int | None:
        """Number of frames.

        Exact for a folder. For a video, it is the number that the container states, which may be
        wrong or None, until the last frame has been decoded once.
        """
        ...

    @property
    def problem(self) -> str | None:
        """What is missing, skipped or damaged, as text for a warning.

        Known at once for a folder; for a video, once the last frame was read.
        """
        ...

    def name(self, index: int) -> str:
        """Return the name of a frame: the stem of its file; in a video the index, five digits."""
        ...

    def find(self, name: str) -> int | None:
        """Index of the frame with that name, or None if there is none.

        A name is a stem, in which numbers are compared as numbers (`1` is `00001`), or else an
        index written as digits. An index beyond the end of a video is detected here only if the
        container states the number of frames; `read` always refuses it.

        Raises:
            InputError: The name can mean two frames.
        """
        ...

    def time(self, index: int) -> float | None:
        """Seconds since the first frame; None for a video frame that was not decoded yet."""
        ...

    def find_time(self, seconds: Fraction) -> int:
        """Index of the first frame at or after a time in seconds since the first frame.

        The number of frames if there is none. A video is decoded up to there.

        Raises:
            InputError: The frames have no times.
        """
        ...

    def select(self, indices: range) -> Iterator[Frame]:
        """Yield the frames with these indices, ascending, as far as they exist.

        A video is decoded from its beginning, unless all of them were read before; frames that are
        not asked for are decoded only.
        """
        ...


class Reading(TypedDict, total=False):
    """The arguments of `open_frames` beside the path, for functions that pass them on."""

    stream: int | None
    grey_range: GreyRange | None
    start: Place | None
    end: Place | None
    every: int
    first_number: int
    limits: Limits
    sandbox: bool


RECORDED = ("stream", "grey_range", "start", "end", "every", "first_number")
"""What of it `run.json` and the file of a project keep."""


def recorded_reading(record: Mapping[str, Any]) -> Reading:
    """The arguments of `open_frames` from what JSON has kept of them."""
    chosen: dict[str, Any] = {name: record[name] for name in RECORDED if name in record}
    levels = chosen.get("grey_range")
    if levels is not None:
        chosen["grey_range"] = (levels[0], levels[1])
    return cast(Reading, chosen)


def open_frames(  # noqa: PLR0913 (each is a choice of the user)
    path: Path | str,
    *,
    stream: int | None = None,
    grey_range: GreyRange | None = None,
    start: Place | None = None,
    end: Place | None = None,
    every: int = 1,
    first_number: int = 0,
    limits: Limits = DEFAULT_LIMITS,
    sandbox: bool = False,
) -> FrameSource:
    """Open a folder of pictures, a video file, or a file with several pictures.

    Args:
        path: A folder with one picture a frame, in natural order of names; or any video file
            that is complete in itself; or a TIFF stack, animated WebP or AVIF.
        stream: Number of the stream to read from a file that holds several, from 0; by default the
            best video stream.
        grey_range: The levels that are shown as black and white in grey pictures with more than 8
            bits; by default the darkest and the brightest of all frames.
        start: The first frame to read: its index from 0; or as text its name or number (`"12"`), or
            a time since the first frame (`"3.5s"`, `"00:01:02.5"`).
        end: Where to stop, written like `start`; that frame is left out.
        every: Distance between two frames that are read; 2 for every second one.
        first_number: The number of the first frame in the names of frames that have none of their
            own, those of a video or a stack: 1001 names them 01001, 01002, ...
        limits: How large the input may be.
        sandbox: Decode in a process of its own, with less memory, time and rights; for files from
            people whom you do not know. The frames are the same.

    Returns:
        The frames; none but the first is decoded yet, except in grey video of 16 bits, and up to a
        time that is given. They keep the names that they have in the whole; indices and times count
        from the first that is read.

    Raises:
        InputError: The path does not exist, it holds no frames, frames differ in size, no frame is
            left, or a limit is exceeded.
    """
    path = as_path(path, "a folder of pictures or a video file")
    # Nothing of a file is read here, if another process is to read it.
    open_whole = SandboxedFrames if sandbox else _open_whole
    source = open_whole(path, stream, grey_range, first_number, limits)
    if start is None and end is None and every == 1:
        return source
    return Excerpt(source, start, end, every)


def _open_whole(
    path: Path,
    stream: int | None,
    grey_range: GreyRange | None,
    first_number: int,
    limits: Limits,
) -> FrameSource:
    """Open what the path is, in this process."""
    is_stack, has_pictures = holds_several_pictures(path), is_folder(path)
    if stream is not None and (is_stack or has_pictures):
        raise InputError(
            f"{path} is a {'file' if is_stack else 'folder'} of pictures, so there is no stream "
            f"{stream}; leave the stream out, or give a video file"
        )
    if first_number and has_pictures:
        raise InputError(
            f"the frames in {path} are called like their files, so they cannot be numbered from "
            f"{first_number} on; leave the first number out"
        )
    if is_stack:
        return PictureStack(path, grey_range, first_number, limits)
    if has_pictures:
        return ImageFolder(path, grey_range=grey_range, limits=limits)
    return VideoFile(path, stream, grey_range, first_number, limits)


class ImageFolder:
    """A folder of pictures, one a frame, in natural order of their names.

    Pictures are rotated upright according to their EXIF data. Grey with more than 8 bits is shown
    from the darkest to the brightest value of all frames; transparent parts are shown on black.
    """

    pixel_shape = Fraction(1)

    def __init__(
        self,
        path: Path,
        frame_rate: Fraction = FOLDER_FRAME_RATE,
        grey_range: GreyRange | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.path = path
        self._limits = limits
        self.frame_rate = frame_rate
        self._pictures = list_pictures(path)
        if not self._pictures:
            raise InputError(
                f"{path} holds no frames: {describe_contents(path)}; frames are pictures that "
                f"end in {', '.join(EXTENSIONS)}; for a video, give the video file itself"
            )
        limits.check_count(str(path), len(self._pictures))
        stems = list(by_stem(self._pictures))
        self._names = FrameNames(stems)
        self._deep: list[int] = []
        self.size = self._check_sizes()
        problems = filter(None, (describe_skipped(path), describe_gaps(stems)))
        self.problem: str | None = "; ".join(problems) or None
        if grey_range is not None and not self._deep:
            raise InputError(
                f"no picture in {path} has grey levels of more than 8 bits, so there is no grey "
                "range to choose; leave it out"
            )
        if grey_range is not None:
            check_grey_range(grey_range)
        self._given_range = grey_range

    @property
    def reading(self) -> Mapping[str, object]:
        """The grey range, where one is used."""
        return {"grey_range": list(self._grey_range)} if self._deep else {}

    @property
    def count(self) -> int:
        """Number of frames."""
        return len(self._pictures)

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame from the first to the last."""
        for index in range(self.count):
            yield self._read(index)

    def select(self, indices: range) -> Iterator[Frame]:
        """Yield the frames with these indices, ascending, as far as they exist."""
        for index in range(self.count)[indices.start : indices.stop : indices.step]:
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
        """Index of the frame that this name means; see `FrameNames.find`."""
        return self._names.find(name)

    def time(self, index: int) -> float:
        """Seconds since the first frame, from the frame rate."""
        return float(index / self.frame_rate)

    def find_time(self, seconds: Fraction) -> int:
        """Index of the first frame at or after a time, from the frame rate."""
        return min(self.count, math.ceil(seconds * self.frame_rate))

    def _read(self, index: int) -> Frame:
        """Decode one frame, uint8 RGB (H, W, 3)."""
        path = self._pictures[index]
        with opened_picture(path, limits=self._limits) as image:
            deep = image.mode in SIXTEEN_BIT_MODES
            grey_range = self._grey_range if deep else FULL_RANGE
            frame = to_rgb(ImageOps.exif_transpose(image), path, grey_range)
        # The header is checked up front, but a file may change, or carry EXIF after its pixels.
        if frame.shape[:2] != self.size:
            raise self._different_size(path, frame.shape[:2])
        return frame

    def _check_sizes(self) -> tuple[int, int]:
        """Read every header, which is quick, and return the size that all pictures have."""
        self.size, _ = _read_header(self._pictures[0], self._limits)
        for index, path in enumerate(self._pictures):
            size, mode = _read_header(path, self._limits)
            if size != self.size:
                raise self._different_size(path, size)
            if mode in SIXTEEN_BIT_MODES:
                self._deep.append(index)
        return self.size

    @cached_property
    def _grey_range(self) -> GreyRange:
        """The range of all pictures with more than 8 bits; the full one beside others of 8 bits."""
        if self._given_range is not None:
            return self._given_range
        if len(self._deep) < self.count:
            return FULL_RANGE
        return fit_grey_range(self._read_levels(index) for index in spread_evenly(self._deep))

    def _read_levels(self, index: int) -> NDArray[Any]:
        with opened_picture(self._pictures[index], limits=self._limits) as image:
            return np.asarray(image)

    def _different_size(self, path: Path, size: tuple[int, ...]) -> InputError:
        first = self._pictures[0]
        return InputError(
            f"frames differ in size: {first} is {self.size[0]} x {self.size[1]} and {path} is "
            f"{size[0]} x {size[1]} (height x width); bring all frames to one size"
        )

    def _missing(self, index: int) -> InputError:
        return InputError(
            f"{self.path} has {counted(self.count, 'frame')}, so there is no frame {index}; "
            f"give an index from 0 to {self.count - 1}"
        )


def _read_header(path: Path, limits: Limits) -> tuple[tuple[int, int], str]:
    """Height and width after EXIF orientation, and Pillow's mode, from the header alone."""
    with opened_picture(path, limits=limits) as image:
        # A JPEG with a second picture inside (a depth map, a preview) counts as one picture.
        pictures = getattr(image, "n_frames", 1)
        if image.format not in ("JPEG", "MPO") and pictures > 1:
            raise InputError(
                f"{path} holds {pictures} pictures; "
                "a frame is one picture, so save each as a file of its own, or give this file "
                "instead of the folder"
            )
        width, height = image.size
        # A TIFF swaps its size by itself. Asking a PNG for EXIF decodes all of it, unless the
        # header has it.
        if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
            return (height, width), image.mode
        turned = image.getexif().get(_ORIENTATION, 1) >= 5
        return ((width, height) if turned else (height, width)), image.mode
