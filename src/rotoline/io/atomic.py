"""Files that appear complete or not at all.

A program can be killed and a disk can fill up in the middle of writing. So every file is
written under a temporary name in the same folder and renamed when it is complete; whoever
finds the final name finds a whole file, and an earlier file stays until that moment.
"""

import errno
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rotoline.errors import OutputError

ADVICE = {
    errno.ENOSPC: "free some space, or write to another disk, and run it again",
    errno.EDQUOT: "free some space, or write to another disk, and run it again",
    errno.EFBIG: "the disk or a limit of this account allows no file of that size; raise it, or "
    "write to another disk",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a folder that you may write to",
    errno.ENOENT: "create the folder first",
    errno.ENOTDIR: "a file stands where a folder is needed; choose another path",
    errno.EISDIR: "a folder stands where the file should go; choose another name",
    errno.ENAMETOOLONG: "choose a shorter name",
}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path, and rename that file to `path` when the block is done.

    The temporary name starts with a dot, so that what a killed program leaves behind is not
    taken for a frame or a mask, and keeps the suffix, for writers that look at it. Files
    that exist under the final name are replaced. When the block fails, the temporary file is
    removed and nothing else changes.

    Args:
        path: Where the complete file goes. Its folder must exist.

    Yields:
        The path to write to.

    Raises:
        OutputError: the file could not be written; any `OSError` of the block counts.
    """
    # A token, not the process id: two threads may write to one folder. Short, because the
    # name has to fit wherever the final name fits.
    temporary = path.with_name(f".{path.stem[:60]}-{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        advice = ADVICE.get(error.errno or 0, "check that the folder exists and is writable")
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write {path}: {reason}; {advice}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with plain line feeds, complete or not at all.

    Raises:
        OutputError: the file could not be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
