"""Checkpoints of a training as safetensors: networks, optimiser and step, without pickle.

A checkpoint is several files, so that each is small enough to be moved wherever large files are
not: `checkpoint-000400-1-of-4.safetensors` and so on. It counts once all its files are there.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from rotoline.errors import ConfigError, WeightsError
from rotoline.io.atomic import output_errors, replacing
from rotoline.settings import flatten

PART_BYTES = 15 * 2**20
"""Size of a file of a checkpoint; one that holds a single larger tensor is larger."""
OLD_NAME = "checkpoint.safetensors"
"""A checkpoint of an earlier version: one file. It is read, and never written."""
_NAME = re.compile(r"checkpoint-(\d+)-(\d+)-of-(\d+)\.safetensors")


class TrainingState(NamedTuple):
    """What changes during a training, apart from the number of the step."""

    net: nn.Module
    """The network in training."""
    average: AveragedModel | None
    """Running mean of the network's weights; None if the training keeps none."""
    optimizer: torch.optim.Optimizer
    """The optimiser with its momentum or moments."""


def save_checkpoint(
    folder: Path, state: TrainingState, step: int, settings: dict[str, Any]
) -> None:
    """Write the checkpoint; the previous one stays until the new one is complete.

    Args:
        folder: Folder that `checkpoint-*.safetensors` are written to.
        state: Networks and optimiser.
        step: Number of steps done.
        settings: All settings of the training, as plain values.

    Raises:
        OutputError: A file cannot be written, or an old one not be removed.
    """
    tensors = {
        f"{prefix}{name}": value.contiguous()
        for prefix, net in _networks(state)
        for name, value in net.state_dict().items()
    }
    for index, moments in state.optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            tensors[f"optimizer.{index}.{name}"] = value.contiguous()
    metadata = {"step": str(step), "config": json.dumps(settings)}
    parts = list(_parts(tensors))
    names = [
        f"checkpoint-{step:06}-{number}-of-{len(parts)}.safetensors"
        for number in range(1, len(parts) + 1)
    ]
    for name, part in zip(names, parts, strict=True):
        with replacing(folder / name) as temporary:
            temporary.write_bytes(safetensors.torch.save(part, metadata))
    with output_errors(folder):
        for path in folder.iterdir():
            if _NAME.fullmatch(path.name) and path.name not in names:
                path.unlink()


def _parts(tensors: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """The tensors by their names in order, as many at a time as `PART_BYTES` allows."""
    part: dict[str, Tensor] = {}
    size = 0
    for name, value in sorted(tensors.items()):
        if part and size + value.nbytes > PART_BYTES:
            yield part
            part, size = {}, 0
        part[name] = value
        size += value.nbytes
    yield part


def find_checkpoint(folder: Path) -> list[Path]:
    """The files of the last checkpoint in a folder of which all are there; none if there is none.

    Args:
        folder: Folder of a training.
    """
    found: dict[tuple[int, int], list[Path]] = {}
    for path in folder.iterdir():
        if name := _NAME.fullmatch(path.name):
            step, _, count = map(int, name.groups())
            found.setdefault((step, count), []).append(path)
    whole = [key for key, paths in found.items() if len(paths) == key[1]]
    if whole:
        return sorted(found[max(whole)])
    old = folder / OLD_NAME
    return [old] if old.exists() else []


def load_checkpoint(folder: Path, state: TrainingState, settings: dict[str, Any]) -> int:
    """Restore networks and optimiser in place.

    Args:
        folder: Folder that may have a checkpoint.
        state: Networks and optimiser, changed in place.
        settings: All settings of the training, as plain values.

    Returns:
        The number of steps done; 0 if there is no checkpoint.

    Raises:
        ConfigError: The checkpoint was made with other settings.
        WeightsError: A file is damaged or belongs to another network.
    """
    tensors: dict[str, Tensor] = {}
    for path in (paths := find_checkpoint(folder)):
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata()
                tensors |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise WeightsError(f"{path} is damaged ({error}); delete it to start anew") from error
    if not paths:
        return 0
    _check_settings(path, json.loads(metadata["config"]), settings)
    for prefix, net in _networks(state):
        weights = {
            key.removeprefix(prefix): value
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
        try:
            net.load_state_dict(weights)
        except RuntimeError as error:
            raise WeightsError(
                f"{path} is of another network; use another output folder, or delete it"
            ) from error
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".")
            moments.setdefault(int(index), {})[name] = value
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": moments, "param_groups": groups})
    return int(metadata["step"])


def _check_settings(path: Path, found: dict[str, Any], settings: dict[str, Any]) -> None:
    made_with, wanted = flatten(found), flatten(settings)
    changed = sorted(
        name
        for name in made_with.keys() | wanted.keys()
        if name not in made_with or name not in wanted or made_with[name] != wanted[name]
    )
    if changed:
        raise ConfigError(
            f"{path} was made with other settings ({', '.join(changed)}); "
            "use the same ones to resume, or another output folder"
        )


def _networks(state: TrainingState) -> list[tuple[str, nn.Module]]:
    named = [("net.", state.net), ("average.", state.average)]
    return [(prefix, net) for prefix, net in named if net is not None]
