"""Checkpoints of a training as safetensors: networks, optimiser and step, and no pickle."""

import json
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from rotoline.errors import ConfigError, WeightsError

NAME = "checkpoint.safetensors"


class TrainingState(NamedTuple):
    """What a checkpoint holds beside the step."""

    net: nn.Module
    average: nn.Module | None
    """The running mean of the network, where one is kept."""
    optimizer: torch.optim.Optimizer


def save_checkpoint(folder: Path, parts: TrainingState, step: int, config: dict) -> None:
    """Write the checkpoint; the one before stays until the new one is complete."""
    tensors = {
        f"{prefix}{name}": value
        for prefix, net in _networks(parts)
        for name, value in net.state_dict().items()
    }
    for index, state in parts.optimizer.state_dict()["state"].items():
        for name, value in state.items():
            tensors[f"optimizer.{index}.{name}"] = value
    metadata = {"step": str(step), "config": json.dumps(config)}
    temporary = folder / f"{NAME}.tmp"
    save_file({name: value.contiguous() for name, value in tensors.items()}, temporary, metadata)
    temporary.replace(folder / NAME)


def load_checkpoint(folder: Path, parts: TrainingState, config: dict) -> int:
    """Restore everything in place and say how many steps were done; 0 without a file.

    Raises:
        ConfigError: The checkpoint was made with other settings.
        WeightsError: The file is damaged or belongs to another network.
    """
    path = folder / NAME
    if not path.exists():
        return 0
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise WeightsError(f"{path} is damaged ({error}); delete it to start anew") from error
    made_with = json.loads(metadata["config"])
    if made_with != config:
        changed = sorted(key for key in config if made_with.get(key) != config[key])
        raise ConfigError(
            f"{path} was made with other settings ({', '.join(changed)}); "
            "use the same ones to resume, or another output folder"
        )
    for prefix, net in _networks(parts):
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
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".")
            state.setdefault(int(index), {})[name] = value
    groups = parts.optimizer.state_dict()["param_groups"]
    parts.optimizer.load_state_dict({"state": state, "param_groups": groups})
    return int(metadata["step"])


def _networks(parts: TrainingState) -> list[tuple[str, nn.Module]]:
    named = [("net.", parts.net), ("average.", parts.average)]
    return [(prefix, net) for prefix, net in named if net is not None]
