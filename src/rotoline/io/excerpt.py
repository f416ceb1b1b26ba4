"""Some of the frames of a source, from one to another and every so many, as a source of their own.

    rotoline segment clip.mp4 --start 12 --end 00:01:02.5 --every 5
    open_frames(path, start=12, end="62.5s", every=5)

A place is a frame, by its name or number as masks are named, or a time since the first frame. The
end is exclusive, as in Python and in FFmpeg's filter `trim`: `--start 0 --end 100` are 100 frames,
and what goes on with `--start 100` misses none and has none twice.
"""

import re
import sys
from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING

from rotoline.errors import InputError
from rotoline.io.backwards import read_backwards, read_some
from rotoline.io.frame_names import is_number
from rotoline.types import Frame, described
from rotoline.wording import counted

if TYPE_CHECKING:
    from rotoline.io.frames import FrameSource

Place = int | str
"""A frame by its index, counted from 0; or as text, see `find_place`."""

_SECONDS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")
_CLOCK = re.compile(r"(?:([0-9]{1,5}):)?([0-9]{1,5}):([0-9]{1,2}(?:\.[0-9]{1,9})?)")
_ROUNDING = Fraction(1, 2000)
"""Times are printed to the millisecond, and are to be found again as they are printed."""


class OutsideExcerptError(InputError):
    """A frame that was asked for exists, but is not among those that are read.

    Args:
        frame: The name of the frame.
        message: What to say.
    """

    def __init__(self, frame: str, message: str) -> None:
        super().__init__(message)
        self.frame = frame


class Excerpt:
    """Every n-th frame from one frame to another; see `FrameSource`.

    Frames keep their names. Indices count those that are read: 0 is the first of them. Times count
    from it, too.

    Args:
        source: The frames.
        start: The first frame; None for the first of the source.
        end: The frame at which to stop, which is left out; None for all that follow.
        every: Distance between two frames.

    Raises:
        InputError: A place is none of the source's, no frame is left, or `every` is below 1.
    """

    def __init__(
        self,
        source: "FrameSource",
        start: Place | None = None,
        end: Place | None = None,
        every: int = 1,
    ) -> None:
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise InputError(
                f"every is {every!r}; give the distance between two frames as a whole number from "
                "1 on, where 2 is every second frame"
            )
        self.source, self.path, self.size = source, source.path, source.size
        self.frame_rate = source.frame_rate / every
        first = 0 if start is None else find_place(source, start, "start")
        stop = sys.maxsize if end is None else find_place(source, end, "end")
        self._refuse_nothing(first, stop, start, end)
        self._indices = range(first, stop, every)
        self._asked = {"start": start, "end": end, "every": every if every > 1 else None}
        self._passed = 0  # number of frames read in order so far
        self._end_problem: str | None = None

    @property
    def pixel_shape(self) -> Fraction:
        """Width of a pixel by its height."""
        return self.source.pixel_shape

    @property
    def reading(self) -> Mapping[str, object]:
        """How the source is read, and which of its frames."""
        asked = {name: value for name, value in self._asked.items() if value is not None}
        return {**self.source.reading, **asked}

    @property
    def count(self) -> int | None:
        """Number of frames, as exact as that of the source."""
        known = self.source.count
        if known is not None:
            return len(range(known)[self._indices.start : self._indices.stop : self._indices.step])
        return None if self._indices.stop == sys.maxsize else len(self._indices)

    @property
    def problem(self) -> str | None:
        """What is wrong with the source, as far as it was read, or that it ends too early."""
        problems = filter(None, (self.source.problem, self._end_problem))
        return "; ".join(problems) or None

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame from the first to the last."""
        position = -1
        for position, frame in enumerate(self.source.select(self._indices)):
            self._passed = max(self._passed, position + 1)
            yield frame
        if position + 1 < len(self._indices) and self._indices.stop != sys.maxsize:
            last = self.name(max(position, 0))
            self._end_problem = f"{self.path} ends with frame {last}, before {self._asked['end']}"

    def select(self, indices: range) -> Iterator[Frame]:
        """Yield the frames with these indices, ascending, as far as they exist."""
        return self.source.select(self._indices[indices.start : indices.stop : indices.step])

    def backwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        """Yield index and frame for `start` - 1, `start` - 2, ..., 0, in constant memory."""
        if start > self._passed:
            for _ in islice(self, start):
                pass
        if start > self._passed:
            raise self._missing(start - 1)
        return read_backwards(self.source.select, self._indices[:start], self.size)

    def read(self, indices: Collection[int]) -> dict[int, Frame]:
        """Read some frames by index."""
        return read_some(self, indices, self._missing)

    def name(self, index: int) -> str:
        """The name that the frame has in the source."""
        return self.source.name(self._indices[index])

    def find(self, name: str) -> int | None:
        """Index of the frame that this name means in the source; see `FrameSource.find`.

        Raises:
            OutsideExcerptError: The frame exists, but is not among those that are read.
        """
        found = self.source.find(name)
        return None if found is None else self.position(found)

    def position(self, index: int) -> int:
        """Index among the frames that are read of the frame `index` of the source.

        Raises:
            OutsideExcerptError: It is not among them.
        """
        if index not in self._indices:
            frame = self.source.name(index)
            raise OutsideExcerptError(
                frame,
                f"it is frame {frame}, and of {self.path} only {self._described()} are read; "
                "change the range (start, end, every), or leave this frame out",
            )
        return self._indices.index(index)

    def time(self, index: int) -> float | None:
        """Seconds since the first frame that is read; None for a video frame not decoded yet."""
        begin, now = (self.source.time(self._indices[at]) for at in (0, index))
        return None if begin is None or now is None else now - begin

    def find_time(self, seconds: Fraction) -> int:
        """Index of the first frame at or after a time; the number of frames if there is none."""
        raise InputError(f"{self.path} is read in part already; give times of the whole")

    def _described(self) -> str:
        """Which frames are read, in words."""
        start, stop, step = self._indices.start, self._indices.stop, self._indices.step
        every = "" if step == 1 else f", each {step} after the one before,"
        if stop == sys.maxsize:
            return f"frames from {self.source.name(start)} on{every}"
        last = self._indices[-1]
        known = self.source.count
        if known is not None:
            last = min(last, known - 1)
        return f"frames {self.source.name(start)} to {self.source.name(last)}{every}"

    def _refuse_nothing(
        self, first: int, stop: int, start: Place | None, end: Place | None
    ) -> None:
        if not _may_exist(self.source, first):
            raise InputError(
                f"{self.path} has no frame at or after the start {start}: "
                f"{_examples(self.source)}; give an earlier start"
            )
        if stop != sys.maxsize and not _may_exist(self.source, stop - 1):
            raise InputError(
                f"{self.path} ends before the end {end}: {_examples(self.source)}; give an "
                "earlier end"
            )
        if stop <= first:
            raise InputError(
                f"no frame is left between the start {start or 0} and the end {end}, which is left "
                "out itself; give a later end"
            )

    def _missing(self, index: int) -> InputError:
        has = "" if self.count is None else f", which has {counted(self.count, 'frame')}"
        return InputError(
            f"there is no frame {index} in what is read of {self.path}{has}; frames are counted "
            "from 0, so give a smaller index, or one that is not negative"
        )


def _may_exist(source: "FrameSource", index: int) -> bool:
    """Whether a frame exists, as far as that is known without reading."""
    try:
        return source.find(source.name(index)) is not None
    except IndexError:  # the names of a folder
        return False


def find_place(source: "FrameSource", place: Place, what: str) -> int:
    """Index of the frame that a place means; the number of frames after the last one.

    Args:
        source: The frames.
        place: An index, counted from 0. Or text: the name or the number of a frame, as for masks
            (`12`); seconds (`3.5s`); minutes or hours (`01:02.5`, `00:01:02.5`).
        what: What the place is, such as "start", for messages.

    Raises:
        InputError: It is none of them, or there is no such frame.
    """
    if isinstance(place, int) and not isinstance(place, bool):
        if place < 0:
            raise InputError(f"{what} is {place}; frames are counted from 0")
        return place
    if not isinstance(place, str):
        raise InputError(
            f"{what} is {described(place)}; give the index of a frame, or a time as text: '3.5s'"
        )
    seconds = _seconds(place)
    if seconds is not None:
        return source.find_time(seconds - _ROUNDING)
    found = source.find(place)
    if found is None and is_number(place) and int(place):
        # The frame after the last one, at which one may stop as well.
        before = source.find(f"{int(place) - 1}")
        found = None if before is None or before + 1 != source.count else source.count
    if found is None:
        raise InputError(f"{what} {place} is no frame of {source.path}: {_examples(source)}")
    return found


def _seconds(text: str) -> Fraction | None:
    """The time that a text states, in seconds; None if it states none."""
    if match := _SECONDS.fullmatch(text):
        return Fraction(match[1])
    if match := _CLOCK.fullmatch(text):
        hours, minutes, seconds = (Fraction(part or 0) for part in match.groups())
        return 3600 * hours + 60 * minutes + seconds
    return None


def _examples(source: "FrameSource") -> str:
    last = "and so on" if source.count is None else f"to {source.name(source.count - 1)}"
    return f"frames are called {source.name(0)} {last}, and times are written 3.5s or 00:01:02.5"
