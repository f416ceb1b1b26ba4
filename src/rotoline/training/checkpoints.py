"""Checkpoints of a training as safetensors: networks, optimiser and step, without pickle."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from torch.optim.swa_utils import AveragedModel

from rotoline.errors import ConfigError, WeightsError
from rotoline.io.atomic import replacing
from rotoline.settings import flatten

FILE_NAME = "checkpoint.safetensors"


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
        folder: Folder that `checkpoint.safetensors` is written to.
        state: Networks and optimiser.
        step: Number of steps done.
        settings: All settings of the training, as plain values.

    Raises:
        OutputError: The file cannot be written.
    """
    tensors = {
        f"{prefix}{name}": value
        for prefix, net in _networks(state)
        for name, value in net.state_dict().items()
    }
    for index, moments in state.optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            tensors[f"optimizer.{index}.{name}"] = value
    metadata = {"step": str(step), "config": json.dumps(settings)}
    data = safetensors.torch.save(
        {name: value.contiguous() for name, value in tensors.items()}, metadata
    )
    with replacing(folder / FILE_NAME) as temporary:
        temporary.write_bytes(data)


def load_checkpoint(folder: Path, state: TrainingState, settings: dict[str, Any]) -> int:
    """Restore networks and optimiser in place.

    Args:
        folder: Folder that may have a `checkpoint.safetensors`.
        state: Networks and optimiser, changed in place.
        settings: All settings of the training, as plain values.

    Returns:
        The number of steps done; 0 if there is no checkpoint.

    Raises:
        ConfigError: The checkpoint was made with other settings.
        WeightsError: The file is damaged or belongs to another network.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return 0
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise WeightsError(f"{path} is damaged ({error}); delete it to start anew") from error
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
    moments: dict[int, dict[str, torch.Tensor]] = {}
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
