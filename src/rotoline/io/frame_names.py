"""The names of the frames in a folder: which frame a name means, and which numbers are missing.

A name may mean a frame in two ways: by its text, in which numbers are compared as numbers (`1` is
frame `00001`), or as an index counted from 0 (`1` is the second frame). Names come before indices;
what can mean two frames is refused.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from statistics import median_low, multimode

from rotoline.errors import InputError
from rotoline.io.pictures import natural_key, shorten

_MOST_FRAMES = 10**9  # as `is_number`
_LONGEST_NAME = 255  # characters: file systems take no more, and int() refuses thousands of digits


class FrameNames:
    """The names of frames, in order."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._index_of = {name: index for index, name in enumerate(names)}

    def find_named(self, name: str) -> int | None:
        """Index of the frame with this name, numbers compared as numbers; None if there is none.

        Raises:
            InputError: Two frames have such a name, and none has exactly this one.
        """
        if name in self._index_of:
            return self._index_of[name]
        if len(name) > _LONGEST_NAME:
            return None
        found = self._by_key.get(tuple(natural_key(name)), [])
        if len(found) > 1:
            raise self._unclear(name, [f"frame {self._names[index]}" for index in found])
        return found[0] if found else None

    def find(self, name: str) -> int | None:
        """Index of the frame that a name means; None if it means none.

        After the names, a number can be a number inside a name (`1` for `shot_0001`), or an index
        counted from 0. The number of a frame that is missing between two others is no index.

        Raises:
            InputError: The name can mean two frames.
        """
        index = self.find_named(name)
        if index is not None or not is_number(name):
            return index
        number = int(name)
        inside = self._by_number.get(number, [])
        readings = {index: f"frame {self._names[index]} by the number in it" for index in inside}
        if number < len(self._names) and (inside or not self._skips(number)):
            text = f"frame {self._names[number]} as an index counted from 0"
            readings.setdefault(number, text)
        if len(readings) > 1:
            raise self._unclear(name, list(readings.values()))
        return next(iter(readings), None)

    @cached_property
    def _by_key(self) -> dict[tuple[str | int, ...], list[int]]:
        """Indices by what names are compared by."""
        found: dict[tuple[str | int, ...], list[int]] = defaultdict(list)
        for index, name in enumerate(self._names):
            found[tuple(natural_key(name))].append(index)
        return found

    @cached_property
    def _by_number(self) -> dict[int, list[int]]:
        """Indices by every number that stands in a name."""
        found: dict[int, list[int]] = defaultdict(list)
        for key, indices in self._by_key.items():
            for number in {part for part in key if isinstance(part, int)}:
                found[number] += indices
        return found

    def _skips(self, number: int) -> bool:
        """Whether the frames have smaller and larger numbers than this one."""
        last = [[part for part in key if isinstance(part, int)][-1:] for key in self._by_key]
        numbers = [numbers[0] for numbers in last if numbers]
        return bool(numbers) and min(numbers) < number < max(numbers)

    def _unclear(self, name: str, readings: Sequence[str]) -> InputError:
        more = f" or {len(readings) - 2} others" if len(readings) > 2 else ""
        return InputError(
            f"{name} can mean {readings[0]} or {readings[1]}{more}; "
            f"use the whole name of the frame, such as {self._names[0]}"
        )


class FrameNumbers:
    """The names of frames that have none of their own: their numbers, with five digits.

    Args:
        first: The number of the first frame.

    Raises:
        InputError: It is negative, or has more than nine digits.
    """

    def __init__(self, first: int = 0) -> None:
        if isinstance(first, bool) or not isinstance(first, int) or not 0 <= first < _MOST_FRAMES:
            raise InputError(
                f"frames cannot be numbered from {first!r} on; give a whole number, 0 or larger"
            )
        self._first = first

    @property
    def reading(self) -> dict[str, object]:
        """The first number, for `run.json`, unless it is 0."""
        return {"first_number": self._first} if self._first else {}

    def name(self, index: int) -> str:
        """The number of a frame."""
        return f"{self._first + index:05d}"

    def find(self, name: str, count: int | None) -> int | None:
        """Index of the frame that a name means; None if it is no number of one.

        Args:
            name: The name, in which zeros at the beginning mean nothing.
            count: The number of frames, if it is known.
        """
        if not is_number(name) or int(name) < self._first:
            return None
        index = int(name) - self._first
        return index if count is None or index < count else None


def is_number(name: str) -> bool:
    """Whether a name is a whole number that may count frames."""
    return name.isascii() and name.isdigit() and len(name) <= 9


def describe_gaps(names: Iterable[str]) -> str | None:
    """Say where numbers are missing between names that differ in a number; None if nowhere.

    The numbers may be any distance apart, as with every fifth frame: a gap is clearly longer than
    the most frequent distance. Times, which numbers may be as well, are never quite regular.
    """
    gaps = [gap for series in _number_series(names) for gap in _gaps(series)]
    if not gaps:
        return None
    word = "gap" if len(gaps) == 1 else "gaps"
    return f"the numbers of the frames have {len(gaps)} {word}: {shorten(gaps)}"


def _number_series(names: Iterable[str]) -> list[list[tuple[int, str]]]:
    """Groups of names that differ in one number only, each with this number, in its order."""
    alike: dict[tuple[str | int, ...], list[tuple[list[str | int], str]]] = defaultdict(list)
    for name in names:
        key = natural_key(name)
        alike[tuple(key[::2])].append((key, name))
    series: dict[tuple[str | int, ...], list[tuple[int, str]]] = defaultdict(list)
    for group in alike.values():
        positions = range(1, len(group[0][0]), 2)
        varying = [at for at in positions if len({key[at] for key, _ in group}) > 1]
        for key, name in group if varying else []:
            at = varying[-1]
            series[*key[:at], "#", *key[at + 1 :]].append((int(key[at]), name))
    return [sorted(found) for found in series.values()]


def _gaps(series: Sequence[tuple[int, str]]) -> list[str]:
    """Describe each place where consecutive numbers are clearly further apart than usual."""
    distances = [after - before for (before, _), (after, _) in pairwise(series)]
    if not distances:
        return []
    usual = median_low(multimode(distances))
    return [
        f"between {before} and {after}"
        for ((_, before), (_, after)), distance in zip(pairwise(series), distances, strict=True)
        if 2 * distance > 3 * usual
    ]


def names_inside(text: str) -> list[str]:
    """The parts of a text that begin and end where a word or a number does, without all of it."""
    words = list(re.finditer(r"[^\W_]+", text))
    spans = [text[a.start() : b.end()] for i, a in enumerate(words) for b in words[i:]]
    return [span for span in spans if span != text]
