"""An output folder belongs to one run: it is empty when the run begins, and locked until it ends.

The lock is one of the operating system, on a file in the folder, so that it ends with the process
that holds it, however that ends. A lock file that a killed process left behind locks nothing.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from rotoline.errors import OutputError
from rotoline.io.atomic import make_folder, output_errors, temporary_path
from rotoline.io.paths import LEFT_BY_SYSTEMS

LOCK = ".rotoline-lock"
"""Name of the lock file, which is there while a run goes on."""

_NO_RESULTS = {*LEFT_BY_SYSTEMS, LOCK}


ADVICE = "give a folder that does not exist yet, or remove this one"


def is_empty(output: Path) -> bool:
    """Whether a folder does not exist, or holds nothing but what file managers leave in it.

    Raises:
        OutputError: The folder cannot be listed.
    """
    with output_errors(output):
        if output.is_dir():
            return all(path.name.lower() in _NO_RESULTS for path in output.iterdir())
        return not output.exists()


def check_output(output: Path, advice: str = ADVICE) -> None:
    """Refuse an output folder that holds something.

    What file managers leave in every folder, such as `.DS_Store`, does not count.

    Args:
        output: The folder.
        advice: What to do, for the message.

    Raises:
        OutputError: The path is a folder that is not empty, or a file.
    """
    if is_empty(output):
        return
    what = "holds files already" if output.is_dir() else "is a file"
    raise OutputError(f"{output} {what}; results are never written over others: {advice}")


@contextmanager
def new_output(output: Path) -> Iterator[None]:
    """Make the output folder of a run, and keep it locked during the block.

    Folders that the block leaves empty are removed again, if they were made here.

    Raises:
        OutputError: Another run writes into the folder, it holds something, or it cannot be made.
    """
    with locked_output(output):
        check_output(output)  # another run may have finished just now
        yield


@contextmanager
def locked_output(output: Path) -> Iterator[None]:
    """`new_output` for a folder that may hold something."""
    with output_errors(output):
        made = [path for path in (output, *output.parents) if not path.exists()]
    lock = _locked(output)
    try:
        yield
    finally:
        if sys.platform == "win32":  # which removes no open file
            lock.close()
        # Removed before it is unlocked: whoever has opened it finds out in `_locked`.
        with suppress(OSError):
            (output / LOCK).unlink()
        lock.close()
        with suppress(OSError):  # a folder that is not empty stays, and so do those above it
            for path in made:
                path.rmdir()


@contextmanager
def added_to(output: Path, names: Sequence[str]) -> Iterator[Path]:
    """Give a temporary folder, whose content is moved into `output` when the block is done.

    When the block fails, the temporary folder is removed and nothing else changes.

    Args:
        output: A folder that may hold other things; made if there is none.
        names: What the block will add.

    Raises:
        OutputError: Something of that name is there already, or nothing can be written.
    """

    def refuse_existing() -> None:
        for name in names:
            if (output / name).exists():
                raise OutputError(
                    f"{output / name} exists already; results are never written over others: "
                    "give another folder with --output, or remove it"
                )

    with output_errors(output):
        refuse_existing()
        made = [path for path in (output, *output.parents) if not path.exists()]
        make_folder(output)
        temporary = temporary_path(output / "export")
        temporary.mkdir()
    try:
        yield temporary
        with output_errors(output):
            refuse_existing()
            for path in temporary.iterdir():
                path.rename(output / path.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        with suppress(OSError):  # a folder that is not empty stays, and so do those above it
            for path in made:
                path.rmdir()


def _locked(output: Path) -> BinaryIO:
    """Open and lock the lock file of a folder, and make the folder if there is none."""
    path = output / LOCK
    while True:
        make_folder(output)
        with output_errors(output), suppress(FileNotFoundError):
            lock = path.open("ab")
            if not _lock(lock):
                lock.close()
                raise OutputError(
                    f"another run is writing into {output}; give another folder, or wait until "
                    "that run ends"
                )
            if os.path.samestat(os.fstat(lock.fileno()), path.stat()):
                return lock
            lock.close()
        # A run that ended meanwhile has removed the file, and the folder if there is no result.


def _lock(file: BinaryIO) -> bool:
    """Lock an open file for this process; False if another one has locked it."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    # Some network drives know no locks: there, two runs at once are not noticed.
    with suppress(OSError):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
