"""`run.json`: what made a result, so that it can be repeated."""

import json
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from rotoline.io.atomic import write_text
from rotoline.runtime.device import choose_device

PACKAGES = ("rotoline", "torch", "numpy", "scipy", "av", "pillow", "safetensors")
"""Whose versions can change a result."""


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that take part."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def device() -> dict[str, str | int]:
    """What the network runs on."""
    found = choose_device()
    return {
        "device": torch.cuda.get_device_name(found) if found.type == "cuda" else "cpu",
        "machine": platform.machine(),
        "system": platform.system(),
        "threads": torch.get_num_threads(),
    }


def write_run_record(path: Path, record: dict[str, Any]) -> None:
    """Write the record as JSON, complete or not at all."""
    write_text(path, json.dumps(record, indent=2) + "\n")


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
