"""One training from the data folder to a weights file, for any network."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from torch import nn

from rotoline.data.training_clips import Clip, describe, load_clips
from rotoline.io.run_record import current_commit
from rotoline.runtime.allocator import keep_freed_memory
from rotoline.runtime.device import DeviceName, choose_device
from rotoline.training.distributed import process_rank, start_processes, stop_processes
from rotoline.training.loop import StepRecord, TrainingRun, run
from rotoline.training.settings import TrainingSettings
from rotoline.weights.files import save_weights

LICENCE = "CC BY-NC 4.0 (inherited from the DAVIS training data: no commercial use)"
"""Licence of all weights that are trained on DAVIS."""

Net = TypeVar("Net", bound=nn.Module)


class Exported(NamedTuple):
    """The result of `Recipe.export`: the content of a weights file."""

    net: nn.Module
    """The module whose tensors are written."""
    network_options: dict[str, bool]
    """Options of the network that its tensors do not show (`WeightsRecord.network_options`)."""


class Recipe(Protocol[Net]):
    """What makes one training different from the others."""

    @property
    def settings(self) -> TrainingSettings:
        """All settings of the training."""
        ...

    @property
    def file_name(self) -> str:
        """Name of the weights file, which ends in `.safetensors`."""
        ...

    @property
    def short_side(self) -> int:
        """Pictures whose shorter side is longer are reduced to this size in pixels."""
        ...

    def initialise(self) -> tuple[Net, str]:
        """The network before its first step, on the CPU, and which pretrained weights are in it.

        Raises:
            WeightsError: The pretrained weights are missing, damaged or of another network.
        """
        ...

    def prepare(self, net: Net, clips: list[Clip]) -> TrainingRun[Any]:
        """Optimiser, samples, losses and schedule for a network on its device."""
        ...

    def export(self, net: Net) -> Exported:
        """Return what is written to the weights file: a trained network and its options."""
        ...


def train(
    recipe: Recipe[Net],
    data: Path,
    folder: Path,
    *,
    leave_out: Collection[str] = (),
    device: DeviceName = "auto",
    command: str = "",
) -> Iterator[StepRecord]:
    """Train by a recipe, and write the weights with their record.

    If `torchrun` started several processes, they train one network together, and the first of them
    writes. A training that was interrupted goes on from its last checkpoint.

    Args:
        recipe: What to train, and how.
        data: The folder of training data, laid out as in docs/how-to/train.md.
        folder: Folder for the log, the checkpoint and, at the end, the weights with their record.
        leave_out: Names of video sequences that are not used.
        device: Where the networks are trained; `auto` is a GPU if there is one.
        command: The command that the user typed, for the record.

    Yields:
        A record for every step (`training.loop.run`).

    Raises:
        InputError: There is no training data.
        ConfigError: The folder has a checkpoint of other settings, the training diverged, or there
            is no such device.
        WeightsError: Pretrained weights do not fit, or the checkpoint is damaged.
        OutputError: A file cannot be written.
    """
    keep_freed_memory()
    chosen = choose_device(device)
    start_processes(chosen)
    try:
        net, origin = recipe.initialise()
        clips = load_clips(data, leave_out, recipe.short_side)
        described = describe(clips)
        training = recipe.prepare(net.to(chosen), clips)
        del clips  # a training that has packed them needs them no more
        yield from run(training, folder)
        if process_rank() == 0:
            exported = recipe.export(net)
            about = {
                "licence": LICENCE,
                "data": f"{described}; start: {origin}",
                "command": command,
                "commit": current_commit(),
                "seed": recipe.settings.seed,
                "steps": recipe.settings.steps,
                "network_options": exported.network_options,
            }
            save_weights(folder / recipe.file_name, exported.net, about)
    finally:
        stop_processes()
