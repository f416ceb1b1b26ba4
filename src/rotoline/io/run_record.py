"""`run.json`: how a result was made, so that the run can be repeated."""

import json
import platform
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import rotoline
from rotoline.errors import InputError
from rotoline.io.atomic import replacing

FILE = "run.json"
"""Name of the record in an output folder."""

PACKAGES = ("torch", "numpy", "scipy", "av", "pillow", "safetensors")
"""The packages whose versions can change a result."""


def versions() -> dict[str, str]:
    """Versions of Python, of rotoline, and of the packages whose versions can change a result."""
    return {
        "python": platform.python_version(),
        "rotoline": rotoline.__version__,
        **{name: version(name) for name in PACKAGES},
    }


def now() -> str:
    """The time, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def device(used: torch.device) -> dict[str, str | int]:
    """Describe the machine that a system runs on.

    Args:
        used: The device of the system's networks, `System.device`.
    """
    return {
        "device": torch.cuda.get_device_name(used) if used.type == "cuda" else used.type,
        "machine": platform.machine(),
        "system": platform.system(),
        "threads": torch.get_num_threads(),
    }


def write_run_record(output: Path, record: dict[str, Any]) -> None:
    """Write `OUTPUT/run.json`, complete or not at all.

    Args:
        output: The output folder.
        record: The fields. One that is an iterator of names and values becomes an object.

    Raises:
        OutputError: The file cannot be written.
    """
    with (
        replacing(output / FILE) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.writelines(_pieces(record))


def _pieces(record: dict[str, Any]) -> Iterator[str]:
    """The text in pieces: that of a long video is too much to hold."""
    before = "{\n"
    for name, value in record.items():
        yield f"{before}  {json.dumps(name)}: "
        yield from _members(value) if isinstance(value, Iterator) else [_indented(value, 2)]
        before = ",\n"
    yield "\n}\n"


def _members(pairs: Iterator[tuple[str, Any]]) -> Iterator[str]:
    before = "{"
    for name, value in pairs:
        yield f"{before}\n    {json.dumps(name)}: {_indented(value, 4)}"
        before = ","
    yield "{}" if before == "{" else "\n  }"


def _indented(value: Any, spaces: int) -> str:
    return json.dumps(value, indent=2).replace("\n", "\n" + " " * spaces)


def read_run_record(output: Path) -> dict[str, Any]:
    """Read `OUTPUT/run.json`; empty if there is none, because no frame was finished.

    Raises:
        InputError: The file is damaged.
    """
    path = output / FILE
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error}); run the command again") from error
    if not isinstance(record, dict):
        raise InputError(f"{path} is no record of a run; run the command again")
    return record


def current_commit() -> str:
    """The commit of the source this runs from, with `+` for changes; empty outside a checkout."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.stdout.strip()
