"""Results that another run has left in the output folder, and that a new run replaces.

They are replaced when the first new result is ready, not before: a run that fails earlier, for a
typing error or a full disk, leaves the folder as it was. Only what a run has written is removed;
other files in its folders stay. Until then the state of the old run waits under another name, whose
existence says that the old results are still there.
"""

import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from rotoline.errors import InputError, OutputError
from rotoline.io.atomic import output_errors
from rotoline.io.output_folder import is_empty
from rotoline.io.run_record import FILE, read_run_record
from rotoline.io.run_state import STATE, names_finished, remove_state
from rotoline.io.writers import WRITERS, find_writer

_PICTURES, _MOVIES = {".png", ".npz", ".exr", ".json"}, {".mov", ".mkv"}
"""Suffixes of files in the folders of formats."""
OLD_STATE = f"{STATE}-old"
"""Name of the state of the run whose results will be replaced."""


def check_replaceable(output: Path) -> None:
    """Refuse a folder of which it is not known what a run has written into it.

    Raises:
        OutputError: It holds files, and neither `run.json` nor the state of a run.
        InputError: `run.json` is damaged.
    """
    if is_empty(output) or is_left_by_run(output):
        return
    raise OutputError(
        f"{output} holds files but no {FILE}, so it is not known which of them a run has written, "
        "and none is removed: give another folder, or empty this one yourself"
    )


def is_left_by_run(output: Path) -> bool:
    """Whether a run has left its record or its state in a folder."""
    return bool(read_run_record(output)) or any(
        (output / name).is_dir() for name in (STATE, OLD_STATE)
    )


def is_to_be_replaced(output: Path) -> bool:
    """Whether a run that was to replace the results in a folder has not begun to."""
    return (output / OLD_STATE).is_dir()


def set_aside(output: Path) -> None:
    """Keep the state of the old run, if there is any, while the new one begins.

    Raises:
        OutputError: It cannot be renamed.
    """
    old = output / OLD_STATE
    with output_errors(old):
        if old.is_dir():
            remove_state(output)  # of a run that has replaced nothing
        elif (output / STATE).is_dir():
            (output / STATE).rename(old)
        else:
            old.mkdir(parents=True)


def put_back(output: Path) -> None:
    """Undo `set_aside`, for a run that ends before it has a result."""
    old = output / OLD_STATE
    remove_state(output)
    with suppress(OSError):
        if any(old.iterdir()):
            old.rename(output / STATE)
        else:
            old.rmdir()


def remove_old_results(output: Path) -> None:
    """Remove what the old run has written; a folder that holds other files stays.

    Raises:
        OutputError: A file cannot be removed.
    """
    names, ids = _names_and_ids(output)
    for writer in map(find_writer, WRITERS):
        target = output / writer.target
        if target.is_file():
            with output_errors(target):
                target.unlink()
        _remove_from_folder(target, names, ids)
    with output_errors(output / FILE):
        (output / FILE).unlink(missing_ok=True)
    shutil.rmtree(output / OLD_STATE, ignore_errors=True)


def _remove_from_folder(folder: Path, names: Collection[str], ids: Collection[str]) -> None:
    """Remove the files of a format from its folder and those in it, which go if nothing is left.

    Pictures are named after frames, some in a folder for each object, and movies after objects.
    """
    for path in sorted(folder.rglob("*"), reverse=True) if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError):  # it holds other files
                path.rmdir()
        elif path.stem in (names if path.suffix in _PICTURES else ids) and (
            path.suffix in _PICTURES or path.suffix in _MOVIES
        ):
            with output_errors(path):
                path.unlink()
    with suppress(OSError):
        folder.rmdir()


def _names_and_ids(output: Path) -> tuple[set[str], set[str]]:
    """Names of the frames that the old run has finished or begun, and the ids of its objects."""
    names, ids = set(names_finished(output / OLD_STATE)), set[str]()
    with suppress(InputError):
        confidence: dict[str, dict[str, float]] = read_run_record(output).get("confidence", {})
        names |= set(confidence)
        ids = {object_id for one in confidence.values() for object_id in one}
    return names, ids
