"""Files that appear complete or not at all, and error messages for what prevents it.

A program can be killed and a disk can fill up in the middle of writing. So every file is written
under a temporary name in the same folder and renamed when it is complete: a file under its final
name is whole, and an earlier file of that name stays until then.
"""

import errno
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from rotoline.errors import OutputError

ADVICE: Mapping[int, str] = {
    errno.ENOSPC: "free some space, or write to another disk, and run it again",
    errno.EDQUOT: "free some space, or write to another disk, and run it again",
    errno.EFBIG: "the disk or a limit of this account allows no file of that size; raise it, or "
    "write to another disk",
    errno.EEXIST: "a file has this name where a folder is needed; choose another path",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a folder that you may write to",
    errno.ENOENT: "create the folder first",
    errno.ENOTDIR: "a file has the name of a folder on the path; choose another path",
    errno.EISDIR: "a folder has this name; choose another name",
    errno.ENAMETOOLONG: "choose a shorter name",
}

_PART = re.compile(r"\..*-[0-9a-f]{8}\.part(\.[^.]*)?")


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn any `OSError` of the block into an `OutputError` about `path`, with advice.

    Raises:
        OutputError: `cannot write PATH: reason; advice`.
    """
    try:
        yield
    except OSError as error:
        advice = ADVICE.get(error.errno or 0, "check that the folder exists and is writable")
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write {path}: {reason}; {advice}") from error


def make_folder(path: Path) -> None:
    """Create a folder and those above it; a folder that exists is not changed.

    Raises:
        OutputError: The folder cannot be created.
    """
    with output_errors(path):
        path.mkdir(parents=True, exist_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path, and rename that file to `path` when the block is done.

    The temporary name starts with a dot, so that what a killed program leaves behind is not
    taken for a frame or a mask, and keeps the suffix, from which some libraries choose the format.
    A file that exists under the final name is replaced. When the block fails, the temporary file
    is removed and nothing else changes.

    Args:
        path: Where the complete file goes. Its folder must exist.

    Yields:
        The path to write to.

    Raises:
        OutputError: The file could not be written; any `OSError` of the block counts.
    """
    temporary = temporary_path(path)
    try:
        with output_errors(path):
            yield temporary
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def temporary_path(path: Path) -> Path:
    """A new name in the same folder, under which to write what is renamed to `path` at the end."""
    # A token, not the process id: two threads may write to one folder. Short, because the
    # name has to fit wherever the final name fits, and a letter may take four bytes.
    return path.with_name(f".{path.stem[:40]}-{secrets.token_hex(4)}.part{path.suffix}")


def remove_parts(folder: Path) -> None:
    """Remove the temporary files that a killed program has left in a folder and those in it.

    No program may be writing into the folder.

    Raises:
        OutputError: A file cannot be removed.
    """
    with output_errors(folder):
        for path in list(folder.rglob(".*.part*")):
            if _PART.fullmatch(path.name) and path.is_file():
                path.unlink()


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with plain line feeds, complete or not at all.

    Raises:
        OutputError: The file could not be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
