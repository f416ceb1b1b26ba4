"""Frames from one video file.

A video can only be decoded forwards, from a keyframe on. To deliver frames backwards, the
file is decoded in chunks: seek to the keyframe before the chunk, decode to its end, yield the chunk
in reverse. Seeking is not exact in every format, and frames after it may look different (they can
refer to frames before the keyframe). So each frame is recognised by its time stamp and checked
against the checksum that it had in the forward pass; when either fails, the file is decoded from
the beginning, which is slow but always exact.
"""

import re
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from rotoline.errors import InputError
from rotoline.io.decoding import DecodeStats, decode, frame_rate, opened_video, seconds_per_tick
from rotoline.types import Frame

_CHUNK_BYTES = 2**28
_LONGEST_CHUNK = 32
_SEEK_LEADS = (0, 64, 256)
"""How many frames before the wanted one to seek to: MPEG transport streams land up to two seconds
late."""

_MATROSKA_DURATION = re.compile(r"([0-9]{1,9}):([0-9]{2}):([0-9]{2}(?:\.[0-9]{1,9})?)")


@dataclass(frozen=True, slots=True)
class DeclaredLength:
    """What the container says about its length, before anything is decoded."""

    frames: int | None
    """Exact number of frames, where the container counts them."""
    seconds: Fraction | None
    """Time at which the last frame ends, from time 0 of the file."""
    slack: Fraction
    """Largest error of `seconds` in an undamaged file."""
    estimate: int | None
    """Number of frames: `frames` if it is known, else computed from the duration."""


class VideoFile:
    """A video file; every frame upright, as its display matrix says.

    The first video stream is used; a cover picture only if there is no other stream. Formats
    that refer to other files or to the network are refused.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem: str | None = None
        self._length: int | None = None
        # Time stamp and checksum of every frame decoded so far: a few dozen bytes per frame.
        self._stamps: list[int | None] = []
        self._checksums: list[int] = []
        with opened_video(self.path) as (container, stream):
            self._seconds_per_tick = seconds_per_tick(stream)
            self.frame_rate = frame_rate(stream)
            self._declared = _declared_length(container, stream, self.frame_rate)
        first = next(iter(self), None)
        if first is None:
            raise InputError(
                f"{path} holds no frame that can be decoded ({self.problem or 'it is empty'}); "
                "check that the file plays and was copied completely"
            )
        self.size: tuple[int, int] = first.shape[:2]

    @property
    def count(self) -> int | None:
        """Number of frames as the container states it; the true number once the end was reached."""
        return self._declared.estimate if self._length is None else self._length

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame from the first to the last."""
        stats = DecodeStats()
        with opened_video(self.path) as (container, stream):
            for index, (stamp, frame) in enumerate(decode(container, stream, stats)):
                self._record_frame(index, stamp, frame)
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
        if not (name.isascii() and name.isdigit() and len(name) <= 9):
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

    def _record_frame(self, index: int, stamp: int | None, frame: Frame) -> None:
        """Store time stamp and checksum of the next frame in order, and check its size."""
        if index > 0 and frame.shape[:2] != self.size:
            raise InputError(
                f"{self.path} changes size at frame {index}: from {self.size[0]} x "
                f"{self.size[1]} to {frame.shape[0]} x {frame.shape[1]} (height x width); "
                "frames must have one size, so cut or scale the video"
            )
        if index == len(self._stamps):
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
        with opened_video(self.path) as (container, stream):
            try:
                container.seek(self._stamps[max(0, low - lead)] or 0, stream=stream)
            except av.FFmpegError:
                return None
            for stamp, frame in decode(container, stream, DecodeStats()):
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
        """Say what was wrong in a pass to the end; None if every declared frame was decoded."""
        declared = self._declared
        of = "" if declared.estimate is None else f" of {declared.estimate}"
        if stats.damage is not None:
            return f"{self.path} stopped after {stats.decoded}{of} frames: damaged ({stats.damage})"
        if declared.frames is not None:
            is_short = stats.decoded + stats.discarded < declared.frames
        elif declared.seconds is not None and stats.end is not None:
            is_short = stats.end + declared.slack < declared.seconds
        else:
            is_short = False
        if is_short:
            return f"{self.path} ended after {stats.decoded}{of} frames: cut off or damaged"
        if stats.corrupt:
            return (
                f"{self.path} is damaged: {len(stats.corrupt)} of {stats.decoded} frames, from "
                f"frame {stats.corrupt[0]} on, could be decoded only in part"
            )
        return None

    def _missing(self, index: int) -> InputError:
        has = "" if self.count is None else f", it has {self.count} frames"
        because = "" if self.problem is None else f" ({self.problem})"
        return InputError(
            f"{self.path} has no frame {index}{has}{because}; frames are counted from 0, "
            "so give a smaller index, or one that is not negative"
        )


def _declared_length(
    container: InputContainer, stream: VideoStream, rate: Fraction
) -> DeclaredLength:
    """Collect what the container says about the length of the stream."""
    begin = (stream.start_time or 0) * seconds_per_tick(stream)
    seconds: Fraction | None = None
    slack = Fraction(3, 2) / rate
    written = _MATROSKA_DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    if stream.duration:
        seconds = begin + stream.duration * seconds_per_tick(stream)
    elif written:
        hours, minutes, rest = map(Fraction, written.groups())
        seconds = Fraction(hours * 3600 + minutes * 60 + rest)
    elif container.duration:
        # The duration of the longest stream; sound often runs a little longer than the picture.
        seconds = begin + Fraction(container.duration, av.time_base)
        slack += 0 if len(container.streams) == 1 else 1
    frames = stream.frames or None
    guess = None if seconds is None else max(0, round((seconds - begin) * rate))
    return DeclaredLength(frames=frames, seconds=seconds, slack=slack, estimate=frames or guess)
