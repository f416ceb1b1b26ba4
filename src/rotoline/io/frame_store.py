"""Bytes by frame index in a file that grows at its end, for what is too much for the memory.

Nothing in the file is changed later, so a program that knows how long the file was at some moment
finds in it what it held then: `end`, and `open_store(path, end)`.
"""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import SpooledTemporaryFile, gettempdir
from typing import IO

from rotoline.errors import InputError
from rotoline.io.atomic import output_errors, replacing

MEGABYTES_IN_MEMORY = 16
"""How much `temporary_store` holds in memory before it writes to a temporary file."""

_HEADER = struct.Struct("<QQ")  # the index of the frame, and the number of bytes that follow


class FrameStore(Mapping[int, bytes]):
    """Bytes by frame index. Iteration gives the indices in the order in which they came.

    Args:
        file: Open for reading and writing, at its end.
        path: Its name, for messages.
        places: Positions in the file, by index.
    """

    def __init__(self, file: IO[bytes], path: Path, places: dict[int, int]) -> None:
        self._file, self._path, self._places = file, path, places
        self.end = file.tell()
        """Length of the file."""

    def __setitem__(self, index: int, data: bytes) -> None:
        """Keep the bytes of a frame. Raises OutputError if the disk is full, for example."""
        with output_errors(self._path):
            self._file.seek(self.end)
            self._file.write(_HEADER.pack(index, len(data)))
            self._file.write(data)
            self._file.flush()
        self._places[index] = self.end
        self.end += _HEADER.size + len(data)

    def __getitem__(self, index: int) -> bytes:
        self._file.seek(self._places[index])
        _, length = _HEADER.unpack(self._file.read(_HEADER.size))
        return self._file.read(length)

    def __iter__(self) -> Iterator[int]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def close(self) -> None:
        """Close the file; a temporary one is gone then."""
        self._file.close()


def temporary_store() -> FrameStore:
    """Return a store in memory, which goes to a temporary file of the system once it is large."""
    file: IO[bytes] = SpooledTemporaryFile(MEGABYTES_IN_MEMORY * 10**6)  # noqa: SIM115 (`close`)
    return FrameStore(file, Path(gettempdir()), {})


def open_store(path: Path, end: int = 0) -> FrameStore:
    """Open a store in a file, as it was when it was `end` bytes long; what came later is dropped.

    Raises:
        InputError: The file is missing, shorter than that, or damaged.
        OutputError: It cannot be written.
    """
    if end and (not path.is_file() or path.stat().st_size < end):
        raise InputError(f"{path} is missing or was cut off; start the run anew with --overwrite")
    with output_errors(path):
        file = path.open("r+b" if end else "w+b")
        file.truncate(end)
    try:
        places = dict(_scan(file, path, end))
    except InputError:
        file.close()
        raise
    return FrameStore(file, path, places)


def recover_store(path: Path, *, is_read_only: bool = False) -> FrameStore:
    """Open a store that a program may have been killed while writing: the half frame is dropped.

    Args:
        path: The file; made if there is none, unless it is only read: that store is empty.
        is_read_only: Whether nothing may be written, because another program does.

    Raises:
        OutputError: It cannot be opened.
    """
    if is_read_only and not path.is_file():
        return temporary_store()
    end = whole_length(path)
    if not is_read_only:
        return open_store(path, end)
    with output_errors(path):
        file = path.open("rb")
    return FrameStore(file, path, dict(_scan(file, path, end)))


def compact_store(path: Path) -> None:
    """Write a store without what was replaced in it, if that is most of a large file.

    Raises:
        OutputError: It cannot be written.
    """
    size = path.stat().st_size if path.is_file() else 0
    if size < MEGABYTES_IN_MEMORY * 10**6:
        return
    old = recover_store(path, is_read_only=True)
    try:
        if 2 * sum(len(old[index]) for index in old) > size:
            return
        with replacing(path) as temporary:
            new = open_store(temporary)
            for index in old:
                new[index] = old[index]
            new.close()
    finally:
        old.close()


def whole_length(path: Path) -> int:
    """How many bytes of a file are whole frames."""
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        ends = (end for _, _, end in _whole_frames(file, path.stat().st_size))
        return max(ends, default=0)


def read_store(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield index and bytes of every frame in a file, up to where it ends or is damaged."""
    with path.open("rb") as file:
        for index, place, end in _whole_frames(file, path.stat().st_size):
            yield index, file.read(end - place - _HEADER.size)


def _scan(file: IO[bytes], path: Path, end: int) -> Iterator[tuple[int, int]]:
    """Yield index and place of what a file of `end` bytes holds, and leave it at its end."""
    reached = 0
    for index, place, following in _whole_frames(file, end):
        yield index, place
        reached = following
    if reached != end:
        raise InputError(f"{path} is damaged; start the run anew with --overwrite")
    file.seek(end)


def _whole_frames(file: IO[bytes], size: int) -> Iterator[tuple[int, int, int]]:
    """Yield index, place and end of every frame in the first `size` bytes, as far as it is whole.

    While a frame is yielded, the file is at its bytes.
    """
    position = 0
    while len(header := file.read(_HEADER.size)) == _HEADER.size:
        index, length = _HEADER.unpack(header)
        place, position = position, position + _HEADER.size + length
        if position > size:
            return
        yield index, place, position
        file.seek(position)
