"""The frames that masks belong to, where the video itself is not at hand."""

from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

from rotoline.errors import InputError
from rotoline.io.frame_names import FrameNames
from rotoline.io.frames import FOLDER_FRAME_RATE
from rotoline.types import Frame


class MaskFrames:
    """The frames that masks belong to, as far as masks tell: a `FrameSource` without pictures."""

    frame_rate = FOLDER_FRAME_RATE
    pixel_shape = Fraction(1)
    problem: str | None = None
    reading: Mapping[str, object] = {}

    def __init__(self, path: Path, size: tuple[int, int], names: Mapping[int, str]) -> None:
        self.path, self.size, self.count = path, size, max(names) + 1
        self._names = names
        self._found = FrameNames(list(names.values()))

    def name(self, index: int) -> str:
        """The name of a frame."""
        return self._names[index]

    def find(self, name: str) -> int | None:
        """Index of a frame with this name."""
        position = self._found.find_named(name)
        return None if position is None else list(self._names)[position]

    def time(self, index: int) -> float | None:
        """None: masks do not tell."""
        del index
        return None

    def __iter__(self) -> Iterator[Frame]:
        self._refuse()

    def backwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        """Refused."""
        del start
        self._refuse()

    def read(self, indices: Collection[int]) -> dict[int, Frame]:
        """Refused."""
        del indices
        self._refuse()

    def select(self, indices: range) -> Iterator[Frame]:
        """Raise InputError: there are no frames."""
        del indices
        self._refuse()

    def find_time(self, seconds: Fraction) -> int:
        """Raise InputError: there are no times."""
        del seconds
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise InputError(f"{self.path} holds masks and no frames; give the video")
