"""Open one picture file, or explain what is wrong with it; list the pictures of a folder.

Frames and masks both come as pictures. What they share is here: which files count as
pictures, their order, and one place where the many ways in which Pillow fails become
`InputError`.
"""

import os
import re
import struct
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from rotoline.errors import InputError, RotolineError
from rotoline.io.alive import report_alive
from rotoline.io.paths import LEFT_BY_SYSTEMS
from rotoline.limits import MOST_PIXELS, Limits

EXTENSIONS = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif"),
    *(".jpe", ".jfif", ".jfi", ".jif", ".dib", ".apng"),  # rarer names of the same formats
)
"""The endings of pictures, in lower case."""

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF")
"""The formats that Pillow may try. It knows forty more, some with a history of vulnerabilities."""

_LOOSEST = Limits(pixels=MOST_PIXELS)

_LEVELS = 4
"""How deep folders are searched to say where pictures are; data sets need three."""

SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")
"""Pillow's modes for grey with more than 8 bits."""

# What Pillow raises for damaged files, found by damaging files of each format at random.
# Its PNG reader raises SyntaxError, its TIFF reader TypeError where the size is missing, its AVIF
# reader RuntimeError.
_DAMAGE = (
    *(OSError, EOFError, SyntaxError, struct.error),
    *(ValueError, TypeError, LookupError, ArithmeticError, RuntimeError),
)


@contextmanager
def opened_picture(
    path: Path, formats: tuple[str, ...] = FORMATS, limits: Limits | None = None
) -> Iterator[Image.Image]:
    """Open a picture; pixels are decoded when the block first uses them.

    Args:
        path: The file.
        formats: Names of the formats that it may have, as Pillow knows them.
        limits: How many pixels it may have; None for `MOST_PIXELS`, where there are no settings.

    Raises:
        InputError: there is no such file, it is no picture, too large, or damaged. Errors of the
            block count as well, because Pillow finds most damage while decoding.
    """
    try:
        # An open file, not its name: Pillow maps a named file into memory, and garbles a grey TIFF
        # without compression that is to be turned.
        with path.open("rb") as file, Image.open(file, formats=formats) as image:
            (limits or _LOOSEST).check_size(str(path), image.height, image.width)
            report_alive()
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
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(
            f"{path} is too large ({error}); limits.pixels can be raised to {MOST_PIXELS:,}; make "
            "it smaller"
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
    return sorted(files, key=lambda path: (natural_key(path.stem), path.name))


def by_stem(files: Iterable[Path]) -> dict[str, Path]:
    """Files by their name without the ending, in the given order.

    Raises:
        InputError: Two files have the same name but for the ending.
    """
    found: dict[str, Path] = {}
    for path in files:
        other = found.setdefault(path.stem, path)
        if other is not path:
            raise InputError(
                f"{path.parent} holds {other.name} and {path.name}: two pictures named "
                f"{path.stem}; one name is one frame, so remove or rename one"
            )
    return found


def describe_skipped(folder: Path) -> str | None:
    """Name what a folder holds besides pictures; None if there is nothing.

    Hidden files and those of file managers do not count.
    """
    used = set(list_pictures(folder))
    skipped = [
        path.name + "/" * path.is_dir()
        for path in folder.iterdir()
        if path not in used
        and not path.name.startswith(".")
        and path.name.lower() not in LEFT_BY_SYSTEMS
    ]
    if not skipped:
        return None
    skipped.sort(key=natural_key)
    return f"{folder} holds more than pictures, which is skipped: {shorten(skipped)}"


def shorten(items: Sequence[str], longest: int = 20) -> str:
    """The items as one text; of a long list the beginning, and how many there are more."""
    shown = ", ".join(items[:longest])
    return shown + (f" and {len(items) - longest} more" if len(items) > longest else "")


def describe_contents(folder: Path) -> str:
    """Say in a few words what a folder without pictures holds, for an error message.

    If folders inside hold pictures, such as in a data set, they are named.
    """
    names = sorted(
        path.name + "/" * path.is_dir()
        for path in folder.iterdir()
        if not path.name.startswith(".")
    )
    if not names:
        return "it is empty"
    inside = [str(path.relative_to(folder)) for path in _folders_with_pictures(folder)]
    places = f" (pictures are in {shorten(inside, 3)})" if inside else ""
    return f"it holds {shorten(names, 3)}{places}"


def _folders_with_pictures(folder: Path) -> list[Path]:
    """Folders inside that hold pictures, found in the first few levels of a data set or a run."""
    found, level = [], [folder]
    for _ in range(_LEVELS):
        inside = [path for parent in level for path in _list_folders(parent)]
        found += [path for path in inside if list_pictures(path)]
        level = inside
    return sorted(found, key=lambda path: natural_key(str(path)))


def _list_folders(folder: Path) -> list[Path]:
    """The folders in a folder that may be listed; hidden ones and links are left out."""
    return [
        path
        for path in folder.iterdir()
        if path.is_dir()
        and not path.is_symlink()
        and not path.name.startswith(".")
        and os.access(path, os.R_OK | os.X_OK)
    ]


def natural_key(name: str) -> list[str | int]:
    """Key of a name that compares runs of digits as numbers, and ignores case.

    A letter with an accent may be one character or two, as macOS writes it.
    """
    # re.split with a group alternates text and digits, so equal positions have equal types.
    parts = re.split(r"(\d+)", unicodedata.normalize("NFC", name.casefold()))
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]
