"""Draw objects into frames: a picture, a video, a contact sheet."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rotoline.errors import InputError, OutputError
from rotoline.io.atomic import replacing
from rotoline.io.palette import DAVIS_PALETTE
from rotoline.types import Frame, LabelMap

OBJECT_COLOURS = (48 + 207 * np.sqrt(DAVIS_PALETTE / 255)).round().astype(np.uint8)
"""The palette of mask files, brightened: half of its colours are too dark on a picture.

Each channel stays strictly increasing, so that different ids keep different colours.
"""

CONTOUR = 2
"""Width of an object's contour in pixels, inside the object."""

# Ticks per second: multiples of it are exact for 24, 25, 30, 50, 60 frames a second, and for
# milliseconds.
_TICKS = 90_000
_MOST_TICKS = 10_000_000
_MPEG4_TICKS = 60_000  # that encoder allows no more than 65,535

LONGEST_SIDE = 16_384
"""Largest height and width that x264 encodes."""

_PICTURE_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def draw_overlay(frame: Frame, labels: LabelMap, alpha: float = 0.5) -> Frame:
    """Tint every object with its colour and draw its contour.

    Args:
        frame: uint8 RGB (H, W, 3); not changed.
        labels: Object ids, uint8 (H, W).
        alpha: Weight of the colour inside objects, 0 (contours only) to 1. The contour is
            always opaque.

    Returns:
        A new picture, uint8 RGB (H, W, 3); background pixels equal the frame.

    Raises:
        InputError: frame and labels differ in size.
    """
    if frame.shape[:2] != labels.shape:
        raise InputError(
            f"the frame is {frame.shape[0]} x {frame.shape[1]} and its labels are "
            f"{' x '.join(map(str, labels.shape))} (height x width); both need one size"
        )
    base = Image.fromarray(frame)
    colours = Image.fromarray(labels)
    colours.putpalette(OBJECT_COLOURS.tobytes())
    colours = colours.convert("RGB")
    tinted = Image.blend(base, colours, alpha)
    base.paste(tinted, mask=Image.fromarray(labels > 0))
    base.paste(colours, mask=Image.fromarray(_contour(labels)))
    return np.array(base)


def check_video_size(size: tuple[int, int]) -> None:
    """Refuse frames that no encoder here takes.

    Raises:
        InputError: Height or width is above `LONGEST_SIDE`.
    """
    if max(size) > LONGEST_SIDE:
        raise InputError(
            f"frames of {size[0]} x {size[1]} (height x width) are too long for overlay.mp4, which "
            f"holds at most {LONGEST_SIDE} pixels a side; write only the masks, with --format png, "
            "or scale the frames down"
        )


def write_overlay(
    path: Path,
    frames: Iterable[Frame],
    labels: Iterable[LabelMap],
    *,
    frame_rate: Fraction,
    time: Callable[[int], float | None] | None = None,
    pixel_shape: Fraction = Fraction(1),
) -> Iterator[int]:
    """Write frames with their objects drawn in as an MP4 video, in constant memory.

    The video is H.264 (MPEG-4 part 2 where that encoder is missing). Odd heights and widths
    grow by one pixel, which the format requires. It appears when the iterator is exhausted;
    one that is closed earlier leaves nothing behind.

    Args:
        path: The video; complete or not there at all.
        frames: uint8 RGB (H, W, 3), all of one size.
        labels: Object ids, one map a frame.
        frame_rate: Frames a second.
        time: Seconds since the first frame by index, as `FrameSource.time`; keeps the times of
            a video with a variable frame rate. Called after the frame was taken from `frames`.
            Where it returns None, frames follow at the frame rate.
        pixel_shape: Width of a pixel by its height, as `FrameSource.pixel_shape`; players stretch
            the picture by it.

    Yields:
        Number of frames written so far.

    Raises:
        InputError: there are no frames, not as many frames as label maps, or sizes differ.
        OutputError: the video could not be written.
    """
    count = 0
    with replacing(path) as temporary:
        writer = None
        try:
            for frame, label_map in zip_longest(frames, labels):
                if frame is None or label_map is None:
                    more, fewer = ("labels", "frames") if frame is None else ("frames", "labels")
                    raise InputError(
                        f"there are only {count} {fewer} but more {more}; each frame needs its "
                        "labels, so pass as many of one as of the other"
                    )
                picture = draw_overlay(frame, label_map)
                if writer is None:
                    writer = _VideoWriter(temporary, picture.shape[:2], frame_rate, pixel_shape)
                writer.write(picture, None if time is None else time(count))
                count += 1
                yield count
            if writer is None:
                raise InputError(f"{path} would be empty: there are no frames; pass at least one")
            writer.finish()
        except av.FFmpegError as error:
            if isinstance(error, OSError):  # `replacing` reports these in more detail
                raise
            raise OutputError(
                f"cannot write {path}: the encoder failed ({error.strerror}); try another size"
            ) from error
        finally:
            if writer is not None:
                writer.close()


def contact_sheet(pictures: Sequence[Frame], columns: int, width: int) -> Frame:
    """Tile pictures row by row into one.

    Args:
        pictures: uint8 RGB (H, W, 3); the first one decides the shape of the tiles.
        columns: Tiles in a row.
        width: Width of the result in pixels, at least `columns`.

    Returns:
        One picture, uint8 RGB; tiles without a picture are black.

    Raises:
        InputError: there are no pictures, or no room for the columns.
    """
    if not pictures or not 1 <= columns <= width:
        raise InputError(
            f"a contact sheet of {len(pictures)} pictures in {columns} columns, {width} pixels "
            "wide, cannot be made; it needs a picture, a column, and a pixel for each column"
        )
    tile_width = width // columns
    height, original = pictures[0].shape[:2]
    tile_height = max(1, round(height * tile_width / original))
    rows = math.ceil(len(pictures) / columns)
    sheet = np.zeros((rows * tile_height, width, 3), np.uint8)
    for position, picture in enumerate(pictures):
        row, column = divmod(position, columns)
        top, left = row * tile_height, column * tile_width
        tile = Image.fromarray(picture).resize((tile_width, tile_height), Image.Resampling.LANCZOS)
        sheet[top : top + tile_height, left : left + tile_width] = np.asarray(tile)
    return sheet


def find_picture_format(path: Path) -> str:
    """Pillow's name of the format that a picture is written in, by its suffix.

    Raises:
        InputError: the suffix is none of PNG, JPEG and WebP.
    """
    picture_format = _PICTURE_FORMATS.get(path.suffix.lower())
    if picture_format is None:
        raise InputError(
            f"{path} ends in {path.suffix or 'nothing'!r}; pictures are written as "
            f"{', '.join(_PICTURE_FORMATS)}, so choose a name that ends in one of these"
        )
    return picture_format


def write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture, uint8 RGB (H, W, 3) or grey (H, W), as PNG, JPEG or WebP by its suffix.

    Raises:
        InputError: the suffix is none of these.
        OutputError: the file could not be written.
    """
    picture_format = find_picture_format(path)
    with replacing(path) as temporary:
        Image.fromarray(picture).save(temporary, format=picture_format, quality=90)


class _VideoWriter:
    """An MP4 file that grows by one picture at a time."""

    def __init__(
        self, path: Path, size: tuple[int, int], frame_rate: Fraction, pixel_shape: Fraction
    ) -> None:
        self._size = size
        self._interval = 1 / frame_rate
        self._last = -1
        height, width = (length + length % 2 for length in size)
        # The absolute path: in a relative one, "a:b.mp4" would name the protocol "a".
        self._container = av.open(str(path.absolute()), "w", format="mp4")
        if "libx264" in av.codecs_available:
            self._ticks = _ticks(frame_rate, _MOST_TICKS)
            self._stream = self._container.add_stream(
                "libx264", rate=frame_rate, options={"crf": "20", "preset": "veryfast"}
            )
        else:
            self._ticks = _ticks(frame_rate, _MPEG4_TICKS)
            self._stream = self._container.add_stream("mpeg4", rate=frame_rate)
            self._stream.bit_rate = int(height * width * frame_rate / 4)
        self._stream.height, self._stream.width = height, width
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.sample_aspect_ratio = pixel_shape
        self._stream.codec_context.time_base = Fraction(1, self._ticks)

    def write(self, picture: Frame, seconds: float | None) -> None:
        """Add a picture, at a time if it is known, otherwise one interval after the last."""
        if picture.shape[:2] != self._size:
            raise InputError(
                f"frames differ in size: {self._size} and {picture.shape[:2]} (height, width); "
                "a video has one size, so bring all frames to it"
            )
        interval = round(self._interval * self._ticks)
        if seconds is not None:
            stamp = round(seconds * self._ticks)
        else:
            stamp = 0 if self._last < 0 else self._last + interval
        odd = [(0, length % 2) for length in self._size]
        if any(rest for _, rest in odd):
            picture = np.pad(picture, (*odd, (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        # Players need increasing times, even if those of the source do not increase.
        frame.pts = self._last = max(stamp, self._last + 1)
        frame.duration = interval
        frame.time_base = Fraction(1, self._ticks)
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the encoder still holds, and the index."""
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def close(self) -> None:
        """Close the file, complete or not."""
        self._container.close()


def _contour(labels: LabelMap) -> NDArray[np.bool_]:
    """Pixels of objects within `CONTOUR` pixels of another id in their row or column; bool."""
    edge = np.zeros(labels.shape, bool)
    for distance in range(1, CONTOUR + 1):
        below = labels[distance:] != labels[:-distance]
        edge[distance:] |= below
        edge[:-distance] |= below
        right = labels[:, distance:] != labels[:, :-distance]
        edge[:, distance:] |= right
        edge[:, :-distance] |= right
    return edge & (labels > 0)


def _ticks(frame_rate: Fraction, most: int) -> int:
    """Ticks a second in which the interval between frames is exact, where that is possible."""
    numerator = frame_rate.numerator
    if math.lcm(numerator, _TICKS) <= most:
        return math.lcm(numerator, _TICKS)
    return most // numerator * numerator or most
