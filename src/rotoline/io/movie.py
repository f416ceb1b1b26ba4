"""Write a video file, one picture at a time, with the times and the sound of the frames' source."""

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.stream import VideoStream

from rotoline.errors import InputError, OutputError
from rotoline.io.atomic import output_errors, temporary_path
from rotoline.io.excerpt import Excerpt
from rotoline.io.frames import FrameSource
from rotoline.io.sound import Sound, has_sound
from rotoline.io.video import VideoFile
from rotoline.types import Frame

# Ticks per second: multiples of it are exact for 24, 25, 30, 50, 60 frames a second, and for
# milliseconds.
_TICKS = 90_000
_MOST_TICKS = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How pictures are coded, and in which container; the names are those of FFmpeg."""

    container: str
    encoder: str
    pixels: str
    """The pixel format that is coded."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Options of the encoder."""
    needs_even_size: bool = False
    """Whether odd heights and widths grow by one pixel, the edge repeated."""
    longest_side: int = 65_535
    """Largest height and width."""
    most_ticks: int = _MOST_TICKS
    """The finest clock, in ticks a second."""
    bits_per_pixel: float | None = None
    """How much room the encoder takes, if it is not told by its options."""


def h264() -> Encoding:
    """H.264 in MP4, which everything plays; MPEG-4 part 2 where that encoder is missing."""
    if "libx264" in av.codecs_available:
        return Encoding(
            container="mp4",
            encoder="libx264",
            pixels="yuv420p",
            options={"crf": "20", "preset": "veryfast"},
            needs_even_size=True,
            longest_side=16_384,
        )
    return Encoding(
        container="mp4",
        encoder="mpeg4",
        pixels="yuv420p",
        needs_even_size=True,
        longest_side=8_191,
        most_ticks=60_000,  # that encoder allows no more than 65,535
        bits_per_pixel=0.25,
    )


def check_size(size: tuple[int, int], encoding: Encoding, name: str) -> None:
    """Refuse frames that an encoder does not take.

    Args:
        size: Height and width.
        encoding: How they would be coded.
        name: What is to be written, for the message.

    Raises:
        InputError: Height or width is too large.
    """
    if max(size) > encoding.longest_side:
        raise InputError(
            f"frames of {size[0]} x {size[1]} (height x width) are too long for {name}, which "
            f"holds at most {encoding.longest_side} pixels a side; write only the masks, as png, "
            "or scale the frames down"
        )


class Movie:
    """A video file that grows by one picture at a time; it appears when it is finished.

    The pictures keep their times, also those of a variable frame rate. Times that a source states
    too coarsely for its constant frame rate, as Matroska does in milliseconds, follow the rate.

    Args:
        path: The file to write, in a folder that exists.
        encoding: How to code the pictures.
        frames: Where they come from: size, frame rate, times and shape of the pixels.
        with_sound: Whether to copy the sound of a video file.
        threads: Number of threads of the encoder, or None for the choice of FFmpeg.

    Raises:
        OutputError: The file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        encoding: Encoding,
        frames: FrameSource,
        *,
        with_sound: bool = False,
        threads: int | None = None,
    ) -> None:
        self._path, self._encoding, self._frames = path, encoding, frames
        self._temporary = temporary_path(path)
        self._last = -1
        self._is_finished = False
        self._sound: Sound | None = None
        self._clock = frames.clock if isinstance(frames, VideoFile) else Fraction(0)
        self._ticks = _choose_ticks(frames.frame_rate, self._clock, encoding.most_ticks)
        self._interval = round(self._ticks / frames.frame_rate)
        with self._errors():
            # The absolute path: in a relative one, "a:b.mp4" would name the protocol "a".
            name = os.fspath(self._temporary.absolute())
            # The pause before a first picture that is not at time 0 is in units of the movie.
            exact = (
                {} if encoding.container == "matroska" else {"movie_timescale": str(self._ticks)}
            )
            self._container = av.open(name, "w", format=encoding.container, options=exact)
        try:
            with self._errors():
                self._stream = self._add_stream(threads)
            if with_sound and isinstance(frames, VideoFile):
                self._sound = Sound(frames, self._container)
            whole = frames.source if with_sound and isinstance(frames, Excerpt) else None
            self._lacks_sound = isinstance(whole, VideoFile) and has_sound(whole)
        except BaseException:
            self.close()
            raise

    def _add_stream(self, threads: int | None) -> VideoStream:
        encoding, frames = self._encoding, self._frames
        stream = cast(
            "VideoStream",
            self._container.add_stream(
                encoding.encoder, rate=frames.frame_rate, options=dict(encoding.options)
            ),
        )
        stream.height, stream.width = (
            length + (length % 2 if encoding.needs_even_size else 0) for length in frames.size
        )
        stream.pix_fmt = encoding.pixels
        coder = stream.codec_context
        coder.sample_aspect_ratio = frames.pixel_shape
        coder.time_base = Fraction(1, self._ticks)
        if encoding.bits_per_pixel is not None:
            area = stream.height * stream.width
            coder.bit_rate = int(area * frames.frame_rate * encoding.bits_per_pixel)
        if threads is not None:
            coder.thread_count = threads
        return stream

    @property
    def problem(self) -> str | None:
        """What the user must know about the file: sound that it cannot hold."""
        if self._lacks_sound:
            return f"{self._path.name} is without sound, which is not copied of a part of a video"
        missing = self._sound and self._sound.left_out
        return (
            f"{self._path.name} is without the sound of the video ({missing}), which "
            f"{self._encoding.container} cannot hold; --to ffv1 keeps most kinds of sound"
            if missing
            else None
        )

    def write_picture(self, index: int, picture: Frame) -> None:
        """Add the picture of a frame, uint8 RGB (H, W, 3).

        Raises:
            InputError: It has another size.
            OutputError: It could not be written.
        """
        if picture.shape[:2] != self._frames.size:
            raise InputError(
                f"frames differ in size: {self._frames.size} and {picture.shape[:2]} (height, "
                "width); a video has one size, so bring all frames to it"
            )
        if self._encoding.needs_even_size:
            odd = [(0, length % 2) for length in self._frames.size]
            picture = np.pad(picture, (*odd, (0, 0)), mode="edge")
        self.write(index, av.VideoFrame.from_ndarray(picture, format="rgb24"))

    def write(self, index: int, frame: av.VideoFrame) -> None:
        """Add a picture as FFmpeg has it; its time is that of the frame `index`.

        Raises:
            OutputError: It could not be written.
        """
        # Players need increasing times, even if those of the source do not increase.
        frame.pts = self._last = max(self._stamp(index), self._last + 1)
        frame.duration = self._interval
        frame.time_base = Fraction(1, self._ticks)
        with self._errors():
            self._container.mux(self._stream.encode(frame))
            if self._sound is not None:
                self._sound.copy_until(Fraction(self._last, self._ticks))

    def finish(self) -> None:
        """Write what the encoder still holds, the rest of the sound, and the index.

        Raises:
            OutputError: The file could not be written.
        """
        with self._errors():
            self._container.mux(self._stream.encode(None))
            if self._sound is not None:
                self._sound.copy_until(None)
            self._container.close()
            self._temporary.replace(self._path)
        self._is_finished = True

    def close(self) -> None:
        """Release everything; a file that is not finished is removed."""
        if self._sound is not None:
            self._sound.close()
        if not self._is_finished:
            with suppress(av.FFmpegError, OSError):  # why it cannot be written was reported
                self._container.close()
            with suppress(OSError):
                self._temporary.unlink(missing_ok=True)

    def _stamp(self, index: int) -> int:
        seconds = self._frames.time(index)
        if seconds is None:
            return 0 if self._last < 0 else self._last + self._interval
        even = index / self._frames.frame_rate
        is_even = self._clock and abs(Fraction(seconds) - even) <= self._clock
        return round((even if is_even else seconds) * self._ticks)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what FFmpeg raises into errors about the file that is written."""
        try:
            with output_errors(self._path):
                yield
        except av.FFmpegError as error:
            raise OutputError(
                f"cannot write {self._path}: the encoder failed ({error.strerror}); "
                "try another format"
            ) from error


def _choose_ticks(frame_rate: Fraction, clock: Fraction, most: int) -> int:
    """Ticks a second in which the times of the source and its frame rate are exact, if possible.

    Args:
        frame_rate: Frames a second.
        clock: The unit of the times of the source in seconds, or 0.
        most: The largest number of ticks.
    """
    numerator = frame_rate.numerator
    for ticks in (clock.denominator if clock else _TICKS, _TICKS):
        if math.lcm(numerator, ticks) <= most:
            return math.lcm(numerator, ticks)
    return most // numerator * numerator or most
