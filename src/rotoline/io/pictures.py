"""Open one picture file, or explain what is wrong with it; list the pictures of a folder.

Frames and masks both come as pictures. What they share is here: which files count as
pictures, their order, and one place where the many ways in which Pillow fails become
`InputError`.
"""

import re
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from rotoline.errors import InputError, RotolineError

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF")
"""The formats that Pillow may try. It knows forty more, some with a history of vulnerabilities."""

SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")
"""Pillow's modes for grey with more than 8 bits."""

# What Pillow raises for damaged files, found by damaging files of each format at random.
# Its PNG reader raises SyntaxError, its TIFF reader TypeError where the size is missing.
_DAMAGE = (
    *(OSError, EOFError, SyntaxError, struct.error),
    *(ValueError, TypeError, LookupError, ArithmeticError),
)


@contextmanager
def opened_picture(path: Path) -> Iterator[Image.Image]:
    """Open a picture; pixels are decoded when the block first uses them.

    Raises:
        InputError: there is no such file, it is no picture, or it is damaged. Errors of the
            block count as well, because Pillow finds most damage while decoding.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            yield image
    except RotolineError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; check the path") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder; give one picture file") from error
    except UnidentifiedImageError as error:
        raise InputError(
            f"{path} is not a picture that can be read; PNG, JPEG, BMP, TIFF, WebP and GIF "
            "are; save it as one of these"
        ) from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{path} has more pixels than this reader accepts ({error}); make it smaller"
        ) from error
    except _DAMAGE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{path} cannot be read: {reason}; replace it by a good copy") from error


def list_pictures(folder: Path) -> list[Path]:
    """List the pictures of a folder; see `list_files`."""
    return list_files(folder, EXTENSIONS)


def list_files(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """List the files of a folder that end in one of the suffixes, in natural order: 2 before 10.

    Hidden files are left out: systems and editors hide thumbnails and half-written files.

    Args:
        folder: Subfolders are not searched.
        suffixes: In lower case, each with its dot; upper case is found too.

    Raises:
        InputError: The folder cannot be listed.
    """
    try:
        files = [
            path
            for path in folder.iterdir()
            if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
        ]
    except OSError as error:
        raise InputError(
            f"{folder} cannot be listed: {error.strerror}; give a folder that you may read"
        ) from error
    return sorted(files, key=lambda path: (_natural_key(path.stem), path.name))


def describe_contents(folder: Path) -> str:
    """Say in a few words what a folder without pictures holds, for an error message."""
    names = sorted(
        path.name + "/" * path.is_dir()
        for path in folder.iterdir()
        if not path.name.startswith(".")
    )
    if not names:
        return "it is empty"
    shown = ", ".join(names[:3])
    return f"it holds {shown}" + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _natural_key(name: str) -> list[str | int]:
    """Sort key that compares runs of digits as numbers, and ignores case."""
    # re.split with a group alternates text and digits, so equal positions have equal types.
    parts = re.split(r"(\d+)", name.casefold())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]
