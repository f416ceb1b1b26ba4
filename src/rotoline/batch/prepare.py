"""A batch from a manifest and options; everything that can be checked is checked before it runs."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rotoline.batch.jobs import Item, Means, Recipe
from rotoline.batch.manifest import assignments_of, read_manifest
from rotoline.batch.storage import is_address
from rotoline.config import read_config
from rotoline.errors import ConfigError, WeightsError
from rotoline.io.writers.together import known_formats
from rotoline.presets import find_preset
from rotoline.systems.protocol import SystemConfig
from rotoline.weights.files import read_verified, shipped_weights


def root_of(text: str) -> str:
    """The root of a batch in one form: an address, or a whole path."""
    if is_address(text):
        return text.rstrip("/")
    return os.path.abspath(text)  # noqa: PTH100 (`Path.absolute` keeps "..")


def shard_of(text: str) -> tuple[int, int]:
    """Read `--shard i/n`.

    Raises:
        ConfigError: It is not of this form, or there is no such shard.
    """
    first, slash, second = text.partition("/")
    if not (slash and first.isdecimal() and second.isdecimal()):
        raise ConfigError(f"--shard is {text!r}; write it as 0/4: number, slash, how many")
    number, count = int(first), int(second)
    if number >= count:
        raise ConfigError(
            f"--shard is {text}, and the shards are counted from 0: the last one is "
            f"{max(0, count - 1)}/{count}"
        )
    return number, count


def items_of(manifest: Path, root: str, shard: tuple[int, int] | None) -> list[Item]:
    """The items of a manifest, or of one shard of it: every n-th one, from the i-th on.

    The manifest is read and checked as a whole. A line that is added at its end changes the shard
    of no other.

    Raises:
        InputError: The manifest cannot be used.
    """
    items = read_manifest(manifest, root)
    return items if shard is None else items[shard[0] :: shard[1]]


def configs_of(
    items: Sequence[Item], config: SystemConfig, manifest: Path
) -> dict[str, Mapping[str, Any]]:
    """The settings of the batch under the empty name, and those of items that have their own.

    Raises:
        ConfigError: A setting of an item cannot be used; the message gives its line.
    """
    found: dict[str, Mapping[str, Any]] = {"": config.model_dump(mode="json")}
    for item in items:
        if item.settings:
            try:
                own = read_config(config, None, assignments_of(item.settings))
            except ConfigError as error:
                raise ConfigError(f"{manifest}: line {item.line}: {error}") from error
            found[item.id] = own.model_dump(mode="json")
    return found


def recipe_of(
    config: SystemConfig, weights: Path | None, formats: Sequence[str], **options: bool
) -> Recipe:
    """How items are segmented; see `Recipe` for the options.

    Raises:
        ConfigError: There is no such format.
        WeightsError: The weights are missing or damaged.
    """
    shipped = find_preset(config.preset).weights
    if weights is None and shipped is None:
        raise WeightsError(f"no weights ship for the preset {config.preset}; give --weights FILE")
    path = shipped_weights(str(shipped)) if weights is None else weights
    record, _ = read_verified(path)
    return Recipe(
        preset=config.preset,
        weights=None if weights is None else weights.absolute(),
        weights_sha256=record.sha256,
        formats=tuple(known_formats(formats)),
        **options,
    )


def gpus_of(given: float | None, config: SystemConfig) -> float:
    """GPUs of a worker: as given, or one where the preset uses one and this machine has it."""
    if given is not None:
        return given
    return 1.0 if find_preset(config.preset).device().type == "cuda" else 0.0


def check_means(means: Means, workers: int | None) -> None:
    """Refuse means that nothing can be done with.

    Raises:
        ConfigError: A number is too small.
    """
    least = {
        "--workers": (workers, 1),
        "--threads": (means.threads, 1),
        "--gpus": (means.gpus, 0),
        "--time-limit": (means.time_limit, 0.001),
        "--memory-limit": (means.memory_limit, 2**28),
    }
    for name, (value, smallest) in least.items():
        if value is not None and value < smallest:
            raise ConfigError(f"{name} is {value:g}; it must be at least {smallest:g}")
