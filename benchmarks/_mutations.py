"""Damage to the bytes of a file, at random and repeatable: what disks, networks and people do."""

from collections.abc import Callable

import numpy as np

_EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def flip_bits(data: bytearray, draw: np.random.Generator, other: bytes) -> None:
    """Flip 1 to 30 bits."""
    for at in draw.integers(0, len(data), int(draw.integers(1, 31))):
        data[at] ^= 1 << int(draw.integers(8))


def truncate(data: bytearray, draw: np.random.Generator, other: bytes) -> None:
    """Leave out the end."""
    del data[int(draw.integers(1, len(data))) :]


def splice(data: bytearray, draw: np.random.Generator, other: bytes) -> None:
    """Put a piece of another file in place of a piece."""
    begin, end = _piece(len(data), draw)
    first, last = _piece(len(other), draw)
    data[begin:end] = other[first:last]


def lie_in_header(data: bytearray, draw: np.random.Generator, other: bytes) -> None:
    """Put extreme numbers into the first bytes, or behind the name of a chunk anywhere."""
    names = [at for at in range(len(data) - 8) if data[at : at + 4].isalpha()]
    for _ in range(int(draw.integers(1, 4))):
        at = int(draw.integers(0, min(512, len(data))))
        if names and draw.random() < 0.6:
            at = names[int(draw.integers(len(names)))] + int(draw.integers(-4, 24))
        width = int(draw.choice([1, 2, 4]))
        value = _EXTREMES[int(draw.integers(len(_EXTREMES)))] % 256**width
        at = max(0, min(at, len(data) - width))
        data[at : at + width] = value.to_bytes(width, str(draw.choice(["big", "little"])))


def duplicate(data: bytearray, draw: np.random.Generator, other: bytes) -> None:
    """Repeat a piece up to four times, or leave it out."""
    begin, end = _piece(len(data), draw)
    data[end:end] = bytes(data[begin:end]) * int(draw.integers(1, 5))
    if draw.random() < 0.3:
        del data[begin:end]


def zero_run(data: bytearray, draw: np.random.Generator, other: bytes) -> None:
    """Overwrite a piece with zeros, as a disk does that lost a block."""
    begin, end = _piece(len(data), draw)
    data[begin:end] = bytes(end - begin)


def remove(data: bytearray, draw: np.random.Generator, other: bytes) -> None:
    """Leave out a piece."""
    begin, end = _piece(len(data), draw)
    del data[begin:end]


MUTATIONS: dict[str, Callable[[bytearray, np.random.Generator, bytes], None]] = {
    "bit flips": flip_bits,
    "truncation": truncate,
    "splice": splice,
    "header lies": lie_in_header,
    "duplicated piece": duplicate,
    "zero run": zero_run,
    "removed piece": remove,
}


def mutate(data: bytes, draw: np.random.Generator, other: bytes) -> tuple[str, bytes]:
    """Damage a file in one way.

    Args:
        data: Its bytes; at least two.
        draw: Decides all that is random.
        other: The bytes of another valid file.

    Returns:
        The name of the damage, and the damaged bytes.
    """
    name = str(draw.choice(list(MUTATIONS)))
    damaged = bytearray(data)
    MUTATIONS[name](damaged, draw, other)
    return name, bytes(damaged)


def _piece(length: int, draw: np.random.Generator) -> tuple[int, int]:
    """Begin and end of a piece; short ones are more frequent."""
    size = max(1, int(length * draw.random() ** 3 / 2))
    begin = int(draw.integers(0, length - size + 1))
    return begin, begin + size
