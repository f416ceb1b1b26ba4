"""Frames from one video file.

A video can only be decoded forwards, from a keyframe on. To deliver frames backwards, the
file is decoded in chunks: seek to the keyframe before the chunk, decode to its end, yield the chunk
in reverse. Seeking is not exact in every format, and frames after it may look different (they can
refer to frames before the keyframe). So each frame is recognised by its time stamp and checked
against the checksum that it had in the forward pass; when either fails, the file is decoded from
the beginning, which is slow but always exact.
"""

import zlib
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from rotoline.errors import InputError
from rotoline.io.completeness import declared_length, describe_loss
from rotoline.io.decoding import (
    DecodeStats,
    Show,
    choose_stream,
    decode,
    frame_rate,
    is_deep_grey,
    opened_video,
    seconds_per_tick,
    to_levels,
    to_picture,
)
from rotoline.io.frame_names import is_number
from rotoline.io.grey import GreyRange, check_grey_range, fit_grey_range, show_grey
from rotoline.limits import DEFAULT_LIMITS, Limits
from rotoline.types import Frame

_CHUNK_BYTES = 2**28
_LONGEST_CHUNK = 32
_SEEK_LEADS = (0, 64, 256)
"""How many frames before the wanted one to seek to: MPEG transport streams land up to two seconds
late."""


class VideoFile:
    """A video file; every frame upright, as its display matrix says.

    Formats that refer to other files or to the network are refused.

    Args:
        path: The file.
        stream: Number of the stream to read, among all streams of the file, from 0; None for the
            best video stream, which thumbnails and small previews are not.
        grey_range: The levels that are shown as black and white in grey video of 16 bits; None for
            the darkest and the brightest in the video, which is decoded once more to find them.
        limits: As for `open_frames`.
    """

    def __init__(
        self,
        path: Path,
        stream: int | None = None,
        grey_range: GreyRange | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.path = path
        self._limits = limits
        self.stream = choose_stream(path, stream, limits)
        self.problem: str | None = None
        self._length: int | None = None
        # Time stamp and checksum of every frame decoded so far: a few dozen bytes per frame.
        self._stamps: list[int | None] = []
        self._checksums: list[int] = []
        with self._opened() as (container, opened):
            self._seconds_per_tick = seconds_per_tick(opened)
            self.frame_rate = frame_rate(opened)
            self._declared = declared_length(container, opened)
            limits.check_count(str(path), self._declared.estimate or 0)
            self._coded_pixel_shape = opened.sample_aspect_ratio or Fraction(1)
            self._is_grey = is_deep_grey(opened)
        self._is_turned = False
        self._show: Show = to_picture
        self.reading: dict[str, object] = {"stream": self.stream}
        """What was chosen to read the file, for `run.json`."""
        self._choose_grey_range(grey_range)
        first = next(iter(self), None)
        if first is None:
            raise InputError(
                f"{path} holds no frame that can be decoded ({self.problem or 'it is empty'}); "
                "check that the file plays and was copied completely"
            )
        self.size: tuple[int, int] = first.shape[:2]

    @property
    def pixel_shape(self) -> Fraction:
        """Width of a pixel by its height, in the upright picture."""
        shape = self._coded_pixel_shape
        return 1 / shape if self._is_turned else shape

    @property
    def count(self) -> int | None:
        """Number of frames as the container states it; the true number once the end was reached."""
        return self._declared.estimate if self._length is None else self._length

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame from the first to the last."""
        stats = DecodeStats()
        with self._opened() as (container, stream):
            for index, (stamp, frame) in enumerate(decode(container, stream, stats, self._show)):
                self._record_frame(index, stamp, frame)
                self._is_turned = stats.is_turned
                yield frame
        self._length = stats.decoded
        self.problem = self._explain_end(stats)

    def backwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        """Yield index and frame for `start` - 1, `start` - 2, ..., 0, in constant memory."""
        if start > len(self._stamps):
            for _ in islice(self, start):
                pass
        if start > len(self._stamps):
            raise self._missing(start - 1)
        length = max(4, min(_LONGEST_CHUNK, _CHUNK_BYTES // (3 * self.size[0] * self.size[1])))
        for high in range(start, 0, -length):
            low = max(0, high - length)
            chunk = self._read_span(low, high)
            while chunk:
                yield low + len(chunk) - 1, chunk.pop()

    def read(self, indices: Collection[int]) -> dict[int, Frame]:
        """Read some frames by index; decodes from the beginning to the last of them."""
        wanted = set(indices)
        if wanted and min(wanted) < 0:
            raise self._missing(min(wanted))
        frames = islice(self, max(wanted, default=-1) + 1)
        found = {index: frame for index, frame in enumerate(frames) if index in wanted}
        if len(found) < len(wanted):
            raise self._missing(max(wanted))
        return found

    def name(self, index: int) -> str:
        """The index with five digits."""
        return f"{index:05d}"

    def find(self, name: str) -> int | None:
        """The index that `name` states as a number, or None."""
        if not is_number(name):
            return None
        known = self._declared.frames if self._length is None else self._length
        return int(name) if known is None or int(name) < known else None

    def time(self, index: int) -> float | None:
        """Seconds since the first frame; None if not decoded yet or without a time stamp."""
        if index >= len(self._stamps):
            return None
        first, stamp = self._stamps[0], self._stamps[index]
        return (
            None
            if first is None or stamp is None
            else float((stamp - first) * self._seconds_per_tick)
        )

    def _choose_grey_range(self, grey_range: GreyRange | None) -> None:
        """Show 16-bit grey over the range that is given, or that the video has."""
        if not self._is_grey:
            if grey_range is not None:
                raise InputError(
                    f"{self.path} is no grey video of 16 bits, so there is no grey range to "
                    "choose; leave it out"
                )
            return
        if grey_range is None:
            with self._opened() as (container, stream):
                levels = decode(container, stream, DecodeStats(), to_levels)
                grey_range = fit_grey_range(picture for _, picture in levels)
        check_grey_range(grey_range)
        chosen = grey_range
        self._show = lambda frame, converter: show_grey(to_levels(frame, converter), chosen)
        self.reading["grey_range"] = list(chosen)

    def _opened(self) -> AbstractContextManager[tuple[InputContainer, VideoStream]]:
        return opened_video(self.path, self.stream, self._limits)

    def _record_frame(self, index: int, stamp: int | None, frame: Frame) -> None:
        """Store time stamp and checksum of the next frame in order, and check its size."""
        if index > 0 and frame.shape[:2] != self.size:
            raise InputError(
                f"{self.path} changes size at frame {index}: from {self.size[0]} x "
                f"{self.size[1]} to {frame.shape[0]} x {frame.shape[1]} (height x width); "
                "frames must have one size, so cut or scale the video"
            )
        if index == len(self._stamps):
            self._limits.check_count(str(self.path), index + 1)
            self._stamps.append(stamp)
            self._checksums.append(zlib.crc32(frame.data))

    def _read_span(self, low: int, high: int) -> list[Frame]:
        """Read frames `low` to `high` - 1 with the pixels that they have in a forward pass."""
        for lead in _SEEK_LEADS:
            frames = self._read_by_seeking(low, high, lead)
            if frames is not None:
                return frames
        return list(islice(self, low, high))

    def _read_by_seeking(self, low: int, high: int, lead: int) -> list[Frame] | None:
        """Read frames `low` to `high` - 1 from a keyframe on; None if that is not exact.

        The keyframe is the one at or before `lead` frames earlier, if the format seeks exactly.
        """
        stamps = [stamp for stamp in self._stamps[low:high] if stamp is not None]
        if len(set(stamps)) < high - low:  # without time stamps of their own
            return None
        found: list[Frame] = []
        with self._opened() as (container, stream):
            try:
                container.seek(self._stamps[max(0, low - lead)] or 0, stream=stream)
            except av.FFmpegError:
                return None
            for stamp, frame in decode(container, stream, DecodeStats(), self._show):
                if stamp == stamps[len(found)]:
                    if zlib.crc32(frame.data) != self._checksums[low + len(found)]:
                        return None
                    found.append(frame)
                    if len(found) == len(stamps):
                        return found
                elif found or stamp is None or stamp > stamps[0]:
                    return None  # landed after the first frame, or skipped one
        return None

    def _explain_end(self, stats: DecodeStats) -> str | None:
        """Say what was wrong in a pass to the end; None if everything promised was decoded."""
        loss = describe_loss(self._declared, stats, self._stamps, self._seconds_per_tick)
        return None if loss is None else f"{self.path} {loss}"

    def _missing(self, index: int) -> InputError:
        has = "" if self.count is None else f", it has {self.count} frames"
        because = "" if self.problem is None else f" ({self.problem})"
        return InputError(
            f"{self.path} has no frame {index}{has}{because}; frames are counted from 0, "
            "so give a smaller index, or one that is not negative"
        )
