"""Frames in both directions from any source, with as few of them in memory as possible."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from os import PathLike
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rotoline.errors import InputError
from rotoline.runtime.prefetch import prefetch
from rotoline.types import Frame, as_array, described


@runtime_checkable
class RereadableFrames(Protocol):
    """Frames that can be read more than once and in reverse, such as those of a video file."""

    def __iter__(self) -> Iterator[Frame]:
        """Yield all frames in order, from the first one at every call."""
        ...

    def read(self, indices: Collection[int]) -> dict[int, Frame]:
        """Read some frames by index; indices that do not exist may be missing in the result."""
        ...

    def backwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        """Yield index and frame for `start - 1`, ..., 0."""
        ...


class FrameStream:
    """Checked frames, forwards and backwards, from one of three kinds of input.

    Frames of a `RereadableFrames` are read one ahead, in a thread. Frames of a sequence or an array
    are taken when they are needed. Any other iterable can be read only once: its frames up to the
    last annotated one are held in memory until they have been segmented. What is held or read ahead
    is copied: the source may fill one buffer again and again.

    Raises:
        InputError: `frames` is nothing that frames can be taken from.
    """

    def __init__(self, frames: Iterable[Frame]):
        _refuse_other_things(frames)
        self._size: tuple[int, ...] | None = None
        self._frames: RereadableFrames
        if isinstance(frames, RereadableFrames):
            self._frames = _Prefetched(frames)
        elif isinstance(frames, (Sequence, np.ndarray)):
            self._frames = _InMemory(frames)
        else:
            self._frames = _ReadOnce(frames)

    def read(self, indices: Collection[int]) -> dict[int, Frame]:
        """Return the annotated frames; call it before the other two methods.

        Raises:
            InputError: A frame does not exist, or there are no frames at all.
        """
        found = self._frames.read(indices)
        missing = sorted(set(indices) - set(found))
        if missing:
            raise InputError(
                f"frame {missing[0]} is annotated but does not exist: "
                "the frames end before it; give masks for existing frames (counted from 0)"
            )
        return {index: self._check(index, found[index]) for index in sorted(indices)}

    def backwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        """Yield index and frame for `start - 1`, ..., 0."""
        for index, frame in self._frames.backwards(start):
            yield index, self._check(index, frame)

    def forwards(self, start: int, end: int | None = None) -> Iterator[tuple[int, Frame]]:
        """Yield index and frame for `start`, `start + 1`, ..., up to the one before `end`.

        With `end`, a source that has a method `select`, as `rotoline.open_frames` gives, need not
        read the frames before `start` again.
        """
        if end is not None and isinstance(self._frames, _Prefetched):
            pairs = self._frames.part(start, end)
        else:
            pairs = islice(enumerate(self._frames), start, end)
        for index, frame in pairs:
            yield index, self._check(index, frame)

    def _check(self, index: int, frame: Frame) -> Frame:
        """Refuse anything but RGB frames of one size."""
        frame = check_frame(index, frame)
        self._size = self._size or frame.shape
        if frame.shape != self._size:
            raise InputError(
                f"frame {index} is {frame.shape[1]}x{frame.shape[0]}, the frames before it are "
                f"{self._size[1]}x{self._size[0]}; all frames must have one size"
            )
        return frame


def check_frame(index: int, frame: Frame, size: tuple[int, int] | None = None) -> Frame:
    """Return `frame` as an array, or raise InputError unless it is uint8 `(H, W, 3)`.

    Args:
        index: Index of the frame, for messages.
        frame: RGB.
        size: Height and width of the frames before it, if there are any.
    """
    found = as_array(f"frame {index}", frame, "a frame must be RGB, uint8 (height, width, 3)")
    if found.ndim != 3 or found.shape[2] != 3 or found.dtype != np.uint8 or not found.size:
        raise InputError(
            f"frame {index} is {found.dtype} of shape {found.shape}; "
            "a frame must be RGB, uint8 (height, width, 3)"
        )
    if size is not None and found.shape[:2] != size:
        raise InputError(
            f"frame {index} is {found.shape[1]}x{found.shape[0]}, the frames before it are "
            f"{size[1]}x{size[0]}; all frames must have one size"
        )
    return found


def _refuse_other_things(frames: Any) -> None:
    """Raise InputError for the things that are given in place of frames."""
    if isinstance(frames, (str, bytes, PathLike)):
        raise InputError(
            f"frames is the path {str(frames)!r}, not frames; open it: "
            f"frames=rotoline.open_frames({str(frames)!r})"
        )
    needed = "give a list, an array (T, H, W, 3) or a generator of frames, or rotoline.open_frames"
    shape = getattr(frames, "shape", None)
    if isinstance(shape, tuple) and len(shape) != 4:
        raise InputError(
            f"frames is one array of shape {tuple(shape)}; {needed}; one frame alone: [frame]"
        )
    if isinstance(frames, (Mapping, type)) or not (
        hasattr(frames, "__iter__") or hasattr(frames, "__getitem__")
    ):
        raise InputError(f"frames is {described(frames)}; {needed}")


class _Prefetched:
    """Frames of a file, each decoded in a thread while the previous one is segmented."""

    def __init__(self, frames: RereadableFrames):
        self._frames = frames

    def __iter__(self) -> Iterator[Frame]:
        frames = enumerate(self._frames)
        return prefetch(check_frame(index, frame).copy() for index, frame in frames)

    def read(self, indices: Collection[int]) -> dict[int, Frame]:
        return self._frames.read(indices)

    def part(self, start: int, end: int) -> Iterator[tuple[int, Frame]]:
        select = getattr(self._frames, "select", None)
        frames = islice(self._frames, start, end) if select is None else select(range(start, end))
        pairs = enumerate(frames, start)
        return prefetch((index, check_frame(index, frame).copy()) for index, frame in pairs)

    def backwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        if not start:
            return iter(())
        pairs = self._frames.backwards(start)
        return prefetch((index, check_frame(index, frame).copy()) for index, frame in pairs)


class _InMemory:
    """Frames of a list or an array."""

    def __init__(self, frames: Sequence[Frame] | NDArray[np.uint8]):
        self._frames = frames

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)

    def read(self, indices: Collection[int]) -> dict[int, Frame]:
        return {index: self._frames[index] for index in indices if index < len(self._frames)}

    def backwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        return ((index, self._frames[index]) for index in range(start - 1, -1, -1))


class _ReadOnce:
    """Frames of a generator: copies of those up to the last one asked for by `read` are held."""

    def __init__(self, frames: Iterable[Frame]):
        self._rest = iter(frames)
        self._held: list[Frame] = []

    def __iter__(self) -> Iterator[Frame]:
        self._held.reverse()
        while self._held:
            yield self._held.pop()
        yield from self._rest

    def read(self, indices: Collection[int]) -> dict[int, Frame]:
        for index, frame in zip(range(max(indices) + 1), self._rest, strict=False):
            self._held.append(check_frame(index, frame).copy())
        return {index: self._held[index] for index in indices if index < len(self._held)}

    def backwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        return ((index, self._held[index]) for index in range(start - 1, -1, -1))
