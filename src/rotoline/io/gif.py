"""How many pictures a GIF file says it holds: FFmpeg reads what it can, and does not say so."""

from pathlib import Path
from typing import BinaryIO

_EXTENSION, _PICTURE, _END = b"!", b",", b";"
_HEADER, _DESCRIPTOR = 13, 9  # bytes
_HAS_PALETTE, _PALETTE_BITS = 0x80, 0x07


def count_pictures(path: Path) -> int:
    """Number of pictures in the blocks of a GIF file, and one if they stop before its end mark.

    A file that was cut off, or is damaged between its blocks, has lost at least one, or its end
    mark alone, which cannot be told apart.
    """
    count = 0
    with path.open("rb") as file:
        flags = file.read(_HEADER)[-3:-2]
        _skip_palette(file, flags)
        while (kind := file.read(1)) in (_EXTENSION, _PICTURE):
            if kind == _PICTURE:
                count += 1
                _skip_palette(file, file.read(_DESCRIPTOR)[-1:])
            file.read(1)  # the kind of extension, or the bits of the first code
            while size := file.read(1):
                if size == b"\0":
                    break
                file.seek(size[0], 1)
    return count if kind == _END else count + 1


def _skip_palette(file: BinaryIO, flags: bytes) -> None:
    if flags and flags[0] & _HAS_PALETTE:
        file.seek(3 * 2 ** ((flags[0] & _PALETTE_BITS) + 1), 1)
