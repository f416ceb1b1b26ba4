"""Paths as users give them: text or `Path`, to things that may not be there."""

import os
from pathlib import Path
from typing import Any

from rotoline.errors import InputError
from rotoline.types import described

LEFT_BY_SYSTEMS = {".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", ".directory"}
"""Files that file managers put into folders that a user opens, in lower case."""

PROJECT, PROJECT_MARKS = "project.json", "marks"
"""Names in the folder of a project: what makes it one, and the folder with the masks of marked
frames."""


def user_folder(variable: str, otherwise: str) -> Path:
    """The folder of rotoline for a kind of files of this user (XDG base directories).

    Args:
        variable: The environment variable that names the place, such as `XDG_CACHE_HOME`.
        otherwise: The place in the home folder where it is not set, such as `.cache`.
    """
    given = os.environ.get(variable)
    return (Path(given) if given else Path.home() / otherwise) / "rotoline"


def is_project(path: Path) -> bool:
    """Whether a path is the folder of a project of `rotoline studio`."""
    return (path / PROJECT).is_file()


def as_path(value: Any, needed: str) -> Path:
    """Return what a user gave as a `Path`.

    Args:
        value: Text, a `Path`, or anything else that stands for a path (`os.PathLike`).
        needed: Says what is needed, such as "the path of a mask file", for the message.

    Raises:
        InputError: It is no path, or it is one that no system can have.
    """
    if not isinstance(value, (str, os.PathLike)) or isinstance(os.fspath(value), bytes):
        raise InputError(f"a path is needed, not {described(value)}; give {needed} as text or Path")
    if not os.fspath(value):
        raise InputError(f"the path is empty text; give {needed}")
    try:
        is_possible = b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        is_possible = False
    if not is_possible:
        raise InputError(f"no file can have the path {os.fspath(value)!r}; give {needed}")
    return Path(value)


def is_folder(path: Path) -> bool:
    """Whether there is a folder of that path.

    Raises:
        InputError: The system cannot answer: the name is too long, or a folder may not be read.
    """
    try:
        return path.is_dir()
    except OSError as error:
        raise InputError(f"cannot open {path}: {error.strerror}; check the path") from error
