"""Frames in both directions from any source, with as few of them in memory as possible."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rotoline.errors import InputError
from rotoline.runtime.prefetch import prefetch
from rotoline.types import Frame


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
    last annotated one are held in memory until they have been segmented.
    """

    def __init__(self, frames: Iterable[Frame]):
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

    def forwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        """Yield index and frame for `start`, `start + 1`, ..."""
        for index, frame in enumerate(self._frames):
            if index >= start:
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


def check_frame(index: int, frame: Frame) -> Frame:
    """Return `frame` as an array, or raise InputError unless it is uint8 `(H, W, 3)`."""
    frame = np.asarray(frame)
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise InputError(
            f"frame {index} is {frame.dtype} of shape {frame.shape}; "
            "a frame must be RGB, uint8 (height, width, 3)"
        )
    return frame


class _Prefetched:
    """Frames of a file, each decoded in a thread while the previous one is segmented."""

    def __init__(self, frames: RereadableFrames):
        self._frames = frames

    def __iter__(self) -> Iterator[Frame]:
        return prefetch(self._frames)

    def read(self, indices: Collection[int]) -> dict[int, Frame]:
        return self._frames.read(indices)

    def backwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        return prefetch(self._frames.backwards(start)) if start else iter(())


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
    """Frames of a generator: those up to the last one asked for by `read` are held."""

    def __init__(self, frames: Iterable[Frame]):
        self._rest = iter(frames)
        self._held: list[Frame] = []

    def __iter__(self) -> Iterator[Frame]:
        self._held.reverse()
        while self._held:
            yield self._held.pop()
        yield from self._rest

    def read(self, indices: Collection[int]) -> dict[int, Frame]:
        for _, frame in zip(range(max(indices) + 1), self._rest, strict=False):
            self._held.append(frame)
        return {index: self._held[index] for index in indices if index < len(self._held)}

    def backwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        return ((index, self._held[index]) for index in range(start - 1, -1, -1))
