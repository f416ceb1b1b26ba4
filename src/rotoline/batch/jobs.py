"""What the driver hands to a worker, and what comes back: plain values, which travel as JSON."""

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from rotoline.errors import ConfigError, InputError, WeightsError

HOME = ".rotoline-batch"
"""Folder of a batch inside its root: claims and failures."""


class Item(BaseModel):
    """One clip of a manifest."""

    model_config = ConfigDict(frozen=True)

    id: str
    """Its name, unique in the manifest and good as the name of a file."""
    video: str
    """A path or an address."""
    masks: tuple[str, ...]
    """Paths or addresses: one, or several mask files named after their frames."""
    output: str
    """A path or an address of a folder."""
    settings: Mapping[str, Any] = {}
    """Settings by their names, besides those of the batch."""
    line: int = 0
    """The line of the manifest, for messages."""


class Recipe(BaseModel):
    """How the items of a batch are segmented."""

    model_config = ConfigDict(frozen=True)

    preset: str
    """The preset of all items."""
    weights: Path | None
    """A weights file, at the same path on all machines; None for the one that ships."""
    weights_sha256: str
    """Of that file."""
    formats: tuple[str, ...]
    """Names of the formats to write."""
    strict: bool = False
    """Whether each warning is an error."""
    colours: bool = False
    """Whether every colour of the masks is an object."""
    sandbox: bool = False
    """Whether each video is decoded in a process of its own."""
    reports: bool = True
    """Whether every clip gets a report."""
    overwrite: bool = False
    """Whether results of other inputs are replaced."""


class Means(BaseModel):
    """What an item may use."""

    model_config = ConfigDict(frozen=True)

    threads: int = 1
    """Threads of a worker, each for a core."""
    gpus: float = 0
    """GPUs of a worker; less than 1 for a share."""
    time_limit: float | None = None
    """Seconds that an item may take."""
    memory_limit: int | None = None
    """Bytes that a worker may take."""
    scratch: Path = Path(tempfile.gettempdir()) / f"rotoline-scratch-{os.getuid()}"
    """Folder for copies of files that are elsewhere."""
    scratch_limit: int = 20 * 10**9
    """Bytes that those of one item may take; as many again are kept of items that failed."""
    beat: float = 5.0
    """Seconds between two signs of life of a claim."""


class Job(BaseModel):
    """All that a worker needs to segment one item."""

    model_config = ConfigDict(frozen=True)

    root: str
    """The path or address of the root of the batch."""
    item: Item
    """What to segment."""
    config: Mapping[str, Any]
    """All settings, with those of the item."""
    recipe: Recipe
    """How."""
    means: Means
    """By which means."""
    command: tuple[str, ...] = ()
    """The command line of the batch, for the record."""
    version: str = ""
    """Version of rotoline, which all machines must share."""
    stale: str | None = None
    """The content of a claim that has given no sign of life for long and may be taken over."""


class Summary(BaseModel):
    """What a `run.json` says about its results, in short."""

    frames: int = 0
    """Number of frames."""
    objects: int = 0
    """Number of objects."""
    seconds: float = 0.0
    """Seconds that the run took."""
    confidence: float | None = None
    """Mean over the frames and the objects that are visible."""
    worst: tuple[tuple[str, str, float], ...] = ()
    """The frames with the lowest confidences of visible objects: name, object, confidence."""
    warnings: tuple[str, ...] = ()
    """What the user should know."""


Status = Literal["done", "failed", "claimed", "stopped"]


class Outcome(BaseModel):
    """How a job ended."""

    id: str
    """The item."""
    status: Status
    """`claimed`: another driver works on it; `stopped`: this one was told to stop."""
    was_done: bool = False
    """Whether it was done, or had failed, before."""
    kind: str = ""
    """Of a failure: the type of the exception, or `limit`, `killed` or `lost`."""
    error: str = ""
    """Of a failure: what went wrong."""
    log: tuple[str, ...] = ()
    """Of a failure: the last lines that the worker printed."""
    is_final: bool = False
    """Of a failure: whether it would fail again."""
    attempts: int = 1
    """How often it was tried."""
    is_retried: bool = False
    """Whether it will be tried again."""
    host: str = ""
    """The machine that it ran on."""
    summary: Summary | None = None
    """Of what is done: its results."""


def failure(error: Exception) -> dict[str, Any]:
    """The fields of an `Outcome` about an error; wrong input would fail again."""
    return {
        "kind": type(error).__name__,
        "error": str(error) or repr(error),
        "is_final": isinstance(error, InputError | ConfigError | WeightsError),
    }


def this_host() -> str:
    """A name for the processes that share process numbers with this one."""
    name = platform.node()
    try:
        return f"{name} {Path('/proc/self/ns/pid').readlink()}"  # containers may share a name
    except OSError:
        return name


def config_hash(config: Mapping[str, Any]) -> str:
    """A hash of settings that does not depend on their order."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
