"""Results that another run has left in the output folder, and that a new run replaces.

They are replaced when the first new result is ready, not before: a run that fails earlier, for a
typing error or a full disk, leaves the folder as it was. Only what a run has written is removed;
other files in its folders stay. Until then the state of the old run waits under another name, whose
existence says that the old results are still there.
"""

import shutil
from contextlib import suppress
from pathlib import Path

from rotoline.errors import InputError, OutputError
from rotoline.io.atomic import output_errors
from rotoline.io.output_folder import is_empty
from rotoline.io.run_record import FILE, read_run_record
from rotoline.io.run_state import STATE, names_finished, remove_state
from rotoline.io.writers import WRITERS, find_writer
from rotoline.io.writers.per_frame import FrameFileWriter

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
    names = _names_written(output)
    for writer in map(find_writer, WRITERS):
        target = output / writer.target
        files = [target]
        if issubclass(writer, FrameFileWriter):
            files = [target / f"{name}{writer.suffix}" for name in names]
        for path in filter(Path.is_file, files):
            with output_errors(path):
                path.unlink()
        with suppress(OSError):  # a folder that holds other files, or no folder
            target.rmdir()
    with output_errors(output / FILE):
        (output / FILE).unlink(missing_ok=True)
    shutil.rmtree(output / OLD_STATE, ignore_errors=True)


def _names_written(output: Path) -> list[str]:
    """Names of the frames that the old run has finished, and of those that it may have begun."""
    names = set(names_finished(output / OLD_STATE))
    with suppress(InputError):
        names |= set(read_run_record(output).get("confidence", ()))
    # The record is a file that anybody may have changed.
    return sorted(name for name in names if Path(name).name == name)
