"""Frames from one video file.

A video can only be decoded forwards, from a keyframe on. To deliver frames backwards, the
file is decoded in chunks: seek to the keyframe before the chunk, decode to its end, yield the chunk
in reverse. Seeking is not exact in every format, and frames after it may look different (they can
refer to frames before the keyframe). So each frame is recognised by its time stamp and checked
against the checksum that it had in the forward pass; when either fails, the file is decoded from
the beginning, which is slow but always exact.
"""

import sys
import zlib
from collections.abc import Collection, Generator, Iterator
from contextlib import AbstractContextManager
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from rotoline.errors import InputError
from rotoline.io.backwards import read_backwards, read_some
from rotoline.io.completeness import declared_length, describe_loss, describe_part
from rotoline.io.decoding import (
    DecodeStats,
    Show,
    choose_stream,
    decode,
    frame_rate,
    is_deep_grey,
    opened_video,
    seconds_per_tick,
    show_upright,
    to_levels,
    to_picture,
)
from rotoline.io.frame_names import FrameNumbers
from rotoline.io.grey import GreyRange, check_grey_range, fit_grey_range, show_grey
from rotoline.limits import DEFAULT_LIMITS, Limits
from rotoline.types import Frame
from rotoline.wording import counted

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
        first_number: The number of the first frame in the names of frames.
        limits: As for `open_frames`.
    """

    def __init__(
        self,
        path: Path,
        stream: int | None = None,
        grey_range: GreyRange | None = None,
        first_number: int = 0,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.path = path
        self._limits = limits
        self.stream = choose_stream(path, stream, limits)
        self.problem: str | None = None
        self._length: int | None = None
        self._names = FrameNumbers(first_number)
        # Of every frame decoded so far, a few dozen bytes: its time stamp, and its checksum unless
        # it was left out.
        self._stamps: list[int | None] = []
        self._checksums: list[int | None] = []
        with self._opened() as (container, opened):
            self.clock: Fraction = seconds_per_tick(opened)
            """The unit of the times of the frames, in seconds."""
            self.frame_rate = frame_rate(opened)
            self._declared = declared_length(container, opened)
            limits.check_count(str(path), self._declared.estimate or 0)
            self._coded_pixel_shape = opened.sample_aspect_ratio or Fraction(1)
            self._is_grey = is_deep_grey(opened)
        self._is_turned = False
        self._show: Show = to_picture
        self.reading: dict[str, object] = {"stream": self.stream, **self._names.reading}
        """What was chosen to read the file, for `run.json`."""
        self._choose_grey_range(grey_range)
        first = next(iter(self), None)
        if first is None:
            raise InputError(
                f"{path} holds no frame that can be decoded ({self.problem or 'it is empty'}); "
                "check that the file plays, was copied completely, and has frames of no more than "
                f"{limits.pixels:,} pixels (limits.pixels)"
            )
        self.size: tuple[int, int] = first.shape[:2]

    @property
    def pixel_shape(self) -> Fraction:
        """Width of a pixel by its height, in the upright picture."""
        shape = self._coded_pixel_shape
        return 1 / shape if self._is_turned else shape

    @property
    def start(self) -> Fraction:
        """Time of the first frame in the file, in seconds: where its sound has the same time."""
        return (self._stamps[0] or 0) * self.clock

    @property
    def count(self) -> int | None:
        """Number of frames as the container states it; the true number once the end was reached."""
        return self._declared.estimate if self._length is None else self._length

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame from the first to the last."""
        return self._select_from_start(range(sys.maxsize))

    def select(self, indices: range) -> Iterator[Frame]:
        """Yield the frames with these indices, ascending, as far as they exist."""
        for lead in _SEEK_LEADS:
            indices = yield from self._select_by_seeking(indices, lead)
        if indices:
            yield from self._select_from_start(indices)

    def backwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        """Yield index and frame for `start` - 1, `start` - 2, ..., 0, in constant memory."""
        if start > len(self._stamps):
            for _ in islice(self, start):
                pass
        if start > len(self._stamps):
            raise self._missing(start - 1)
        return read_backwards(self.select, range(start), self.size)

    def read(self, indices: Collection[int]) -> dict[int, Frame]:
        """Read some frames by index; decodes from the beginning to the last of them."""
        return read_some(self, indices, self._missing)

    def name(self, index: int) -> str:
        """The number of the frame, with five digits."""
        return self._names.name(index)

    def find(self, name: str) -> int | None:
        """The index of the frame whose number `name` is, or None."""
        known = self._declared.frames if self._length is None else self._length
        return self._names.find(name, known)

    def time(self, index: int) -> float | None:
        """Seconds since the first frame; None if not decoded yet or without a time stamp."""
        if index >= len(self._stamps):
            return None
        first, stamp = self._stamps[0], self._stamps[index]
        return None if first is None or stamp is None else float((stamp - first) * self.clock)

    def find_time(self, seconds: Fraction) -> int:
        """Index of the first frame at or after a time, which is decoded up to there."""
        stats = DecodeStats()
        with self._opened() as (container, stream):
            for index, coded in enumerate(decode(container, stream, stats)):
                self._record_frame(index, coded.pts)
                first = self._stamps[0]
                if first is None or coded.pts is None:
                    raise InputError(
                        f"{self.path} has no time stamps, so there is no time {float(seconds):g} s "
                        "to find; give the number of the frame"
                    )
                if (coded.pts - first) * self.clock >= seconds:
                    return index
        self._length = stats.decoded
        return stats.decoded

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
                frames, converter = decode(container, stream, DecodeStats()), VideoReformatter()
                grey_range = fit_grey_range(to_levels(frame, converter) for frame in frames)
        check_grey_range(grey_range)
        chosen = grey_range
        self._show = lambda frame, converter: show_grey(to_levels(frame, converter), chosen)
        self.reading["grey_range"] = list(chosen)

    def _opened(self) -> AbstractContextManager[tuple[InputContainer, VideoStream]]:
        return opened_video(self.path, self.stream, self._limits)

    def _picture(self, coded: av.VideoFrame, converter: VideoReformatter) -> Frame:
        frame, self._is_turned = show_upright(coded, converter, self._show)
        return frame

    def _record_frame(self, index: int, stamp: int | None, frame: Frame | None = None) -> None:
        """Store time stamp and checksum of the next frame in order, and check its size."""
        if index > 0 and frame is not None and frame.shape[:2] != self.size:
            raise InputError(
                f"{self.path} changes size at frame {index}: from {self.size[0]} x "
                f"{self.size[1]} to {frame.shape[0]} x {frame.shape[1]} (height x width); "
                "frames must have one size, so cut or scale the video"
            )
        if index == len(self._stamps):
            self._limits.check_count(str(self.path), index + 1)
            self._stamps.append(stamp)
            self._checksums.append(None)
        if frame is not None and self._checksums[index] is None:
            self._checksums[index] = zlib.crc32(frame.data)

    def _select_from_start(self, indices: range) -> Iterator[Frame]:
        """Yield some frames, decoded from the first frame of the file on."""
        stats, converter = DecodeStats(), VideoReformatter()
        with self._opened() as (container, stream):
            for index, coded in enumerate(decode(container, stream, stats)):
                frame = self._picture(coded, converter) if index in indices else None
                self._record_frame(index, coded.pts, frame)
                if frame is not None:
                    yield frame
                if index == indices[-1]:
                    self._explain_part(stats, indices)
                    return
        self._length = stats.decoded
        self.problem = self._explain_end(stats)

    def _select_by_seeking(self, indices: range, lead: int) -> Generator[Frame, None, range]:
        """Yield some frames from a keyframe on, as long as they are what they were before.

        The keyframe is the one at or before `lead` frames earlier, if the format seeks exactly.

        Returns:
            The indices that are left, because they cannot be read exactly in this way.
        """
        begin = indices.start
        if not indices or not begin or indices[-1] >= len(self._stamps):
            return indices
        stamps = self._stamps[begin : indices[-1] + 1]
        if None in stamps or len(set(stamps)) < len(stamps):  # without time stamps of their own
            return indices
        at, converter = 0, VideoReformatter()
        with self._opened() as (container, stream):
            try:
                container.seek(self._stamps[max(0, begin - lead)] or 0, stream=stream)
            except av.FFmpegError:
                return indices
            for coded in decode(container, stream, DecodeStats()):
                if coded.pts != stamps[at]:
                    if at or coded.pts is None or coded.pts > (stamps[0] or 0):
                        return indices  # landed after the first frame, or skipped one
                    continue
                if begin + at in indices:
                    frame = self._picture(coded, converter)
                    if zlib.crc32(frame.data) != self._checksums[begin + at]:
                        return indices
                    yield frame
                    indices = indices[1:]
                at += 1
                if at == len(stamps):
                    break
        return indices

    def _explain_part(self, stats: DecodeStats, indices: range) -> None:
        """Note what was wrong in a pass that ended with the last of some frames."""
        found = describe_part(
            self._declared,
            stats,
            self._stamps[indices.start : indices[-1] + 1],
            self.clock,
            indices.start,
        )
        if self._length is None:  # else the whole file is known
            self.problem = None if found is None else f"{self.path} {found}"

    def _explain_end(self, stats: DecodeStats) -> str | None:
        """Say what was wrong in a pass to the end; None if everything promised was decoded."""
        loss = describe_loss(self._declared, stats, self._stamps, self.clock)
        return None if loss is None else f"{self.path} {loss}"

    def _missing(self, index: int) -> InputError:
        has = "" if self.count is None else f", it has {counted(self.count, 'frame')}"
        because = "" if self.problem is None else f" ({self.problem})"
        return InputError(
            f"{self.path} has no frame {index}{has}{because}; frames are counted from 0, "
            "so give a smaller index, or one that is not negative"
        )
