"""Frames in either direction from whatever the caller has, holding no more than is needed."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from rotoline.beside import one_ahead
from rotoline.errors import InputError
from rotoline.types import Frame


@runtime_checkable
class Rereadable(Protocol):
    """Frames that can be read again and in reverse, such as a video file."""

    def __iter__(self) -> Iterator[Frame]:
        """All frames in order; every call starts anew."""
        ...

    def read(self, indices: Collection[int]) -> dict[int, Frame]:
        """Some frames; those that do not exist are missing from the answer."""
        ...

    def backwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        """Frames `start - 1`, ..., 0 with their indices."""
        ...


class FrameStream:
    """Frames of a source, a sequence or any iterable.

    A source is read one frame ahead, in a thread; a sequence as it is needed. Of a plain iterable,
    which can be read once and may mind threads, the frames up to the last marked one are held until
    they have been segmented: one frame in the usual case.
    """

    def __init__(self, frames: Iterable[Frame]):
        self._source = frames if isinstance(frames, Rereadable) else None
        self._sequence = frames if isinstance(frames, (Sequence, np.ndarray)) else None
        self._rest = None if self._source or self._sequence is not None else iter(frames)
        self._held: list[Frame | None] = []
        self._size: tuple[int, ...] | None = None

    def read(self, indices: Collection[int]) -> dict[int, Frame]:
        """The marked frames; call it before the other two.

        Raises:
            InputError: A frame does not exist, or there are no frames at all.
        """
        found: dict[int, Frame] = {}
        if self._source is not None:
            found = self._source.read(indices)
        elif self._sequence is not None:
            count = len(self._sequence)
            found = {index: self._sequence[index] for index in indices if index < count}
        else:
            for index, frame in zip(range(max(indices) + 1), self._rest, strict=False):
                self._held.append(frame)
                if index in indices:
                    found[index] = frame
        missing = sorted(set(indices) - set(found))
        if missing:
            raise InputError(
                f"frame {missing[0]} is marked but does not exist: "
                "the frames end before it; give marks for existing frames (counted from 0)"
            )
        return {index: self._check(index, found[index]) for index in sorted(indices)}

    def backwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        """Frames `start - 1`, ..., 0 with their indices."""
        if self._source is not None:
            pairs = one_ahead(self._source.backwards(start)) if start else iter(())
        else:
            frames = self._held if self._sequence is None else self._sequence
            pairs = ((index, frames[index]) for index in range(start - 1, -1, -1))
        for index, frame in pairs:
            yield index, self._check(index, frame)

    def forwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        """Frames `start`, `start + 1`, ... with their indices."""
        if self._rest is None:
            frames = self._sequence if self._source is None else one_ahead(self._source)
        else:
            self._held[:start] = [None] * start
            frames = self._release()
        for index, frame in enumerate(frames):
            if index >= start:
                yield index, self._check(index, frame)

    def _release(self) -> Iterator[Frame | None]:
        for index in range(len(self._held)):
            frame, self._held[index] = self._held[index], None
            yield frame
        yield from self._rest

    def _check(self, index: int, frame: Frame) -> Frame:
        """Refuse what is no RGB frame, and frames that change their size."""
        frame = np.asarray(frame)
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            raise InputError(
                f"frame {index} is {frame.dtype} of shape {frame.shape}; "
                "needed is RGB as uint8 (height, width, 3)"
            )
        self._size = self._size or frame.shape
        if frame.shape != self._size:
            raise InputError(
                f"frame {index} is {frame.shape[1]}x{frame.shape[0]}, the frames before it are "
                f"{self._size[1]}x{self._size[0]}; all frames must have one size"
            )
        return frame
