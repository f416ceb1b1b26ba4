"""The loop of every training: steps, log, checkpoints, several processes."""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from rotoline.errors import ConfigError
from rotoline.io.atomic import make_folder, output_errors, write_text
from rotoline.learning.sgd import gradient_step
from rotoline.runtime.prefetch import prefetch
from rotoline.training.checkpoints import TrainingState, load_checkpoint, save_checkpoint
from rotoline.training.distributed import (
    average_gradients,
    process_count,
    process_rank,
    refuse_different_steps,
)
from rotoline.training.settings import TrainingSettings

LOG_NAME = "log.jsonl"

Sample = TypeVar("Sample")

StepRecord = dict[str, float]
"""A step: its number as `step`, each loss by its name, `gradient_norm`, `learning_rate`,
`seconds`."""


@dataclass(frozen=True, slots=True)
class TrainingRun(Generic[Sample]):
    """A network with everything that its training needs."""

    state: TrainingState
    """Network and optimiser. Each group of the optimiser has its peak learning rate as
    `peak_lr`."""
    settings: TrainingSettings
    """Steps and largest gradient norm; a checkpoint that was made with others is refused."""
    sample: Callable[[int, float], Sample]
    """Makes a sample from its number and the progress of the training in [0, 1); runs in a thread,
    one step ahead. Equal arguments give equal samples."""
    loss: Callable[[Sample], dict[str, Tensor]]
    """The terms of a sample's loss by name, each a scalar; their sum is minimised."""
    lr_factor: Callable[[int], float]
    """The learning rates of a step as a fraction of their peaks."""
    checkpoint_every: int = 500
    """Number of steps between two checkpoints; there is always one after the last step."""


def run(training: TrainingRun[Sample], folder: Path) -> Iterator[StepRecord]:
    """Train in place, from the last checkpoint in `folder` if there is one.

    A training that was interrupted and resumed gives the same weights, bit for bit, as one that was
    not. Afterwards the network has the running mean of its weights where the training keeps one.

    Args:
        training: What to train.
        folder: Folder for `checkpoint-*.safetensors`, and for `log.jsonl`, which has the yielded
            records.

    Yields:
        A record for every step.

    Raises:
        ConfigError: The checkpoint was made with other settings, or the training diverged.
        WeightsError: The checkpoint is damaged or belongs to another network.
        OutputError: A file cannot be written.
    """
    make_folder(folder)
    state, settings = training.state, training.settings
    plain_settings = settings.model_dump(mode="json")
    first = load_checkpoint(folder, state, plain_settings)
    refuse_different_steps(first)
    rank, count = process_rank(), process_count()
    if rank == 0:
        _cut_log(folder / LOG_NAME, first)
    steps = range(first, settings.steps)
    samples = (training.sample(step * count + rank, step / settings.steps) for step in steps)
    for step, sample in zip(steps, prefetch(samples), strict=True):
        record = _take_step(training, step, sample)
        if rank == 0:
            log = folder / LOG_NAME
            with output_errors(log), log.open("a") as file:
                file.write(json.dumps(record) + "\n")
            if (step + 1) % training.checkpoint_every == 0 or step + 1 == settings.steps:
                save_checkpoint(folder, state, step + 1, plain_settings)
        yield record
    if state.average is not None:
        state.net.load_state_dict(state.average.module.state_dict())


def _take_step(training: TrainingRun[Sample], step: int, sample: Sample) -> StepRecord:
    """Take one optimiser step on one sample, and return its record."""
    began = time.perf_counter()
    state, optimiser = training.state, training.settings.optimiser
    factor = training.lr_factor(step)
    for group in state.optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor
    norm = math.nan

    def average_and_clip() -> None:
        nonlocal norm
        average_gradients(state.net)
        parameters = state.net.parameters()
        norm = float(nn.utils.clip_grad_norm_(parameters, optimiser.max_gradient_norm))
        if not math.isfinite(norm):
            raise ConfigError(
                f"the norm of the gradient is {norm} in step {step}; "
                "lower optimiser.learning_rate, and train into another folder"
            )

    losses = training.loss(sample)
    total = sum(losses.values(), start=torch.zeros(()))
    gradient_step(state.optimizer, total, before_update=average_and_clip)
    if state.average is not None:
        state.average.update_parameters(state.net)
    return {
        "step": step,
        **{name: round(value.item(), 5) for name, value in losses.items()},
        "gradient_norm": round(norm, 4),
        "learning_rate": factor * optimiser.learning_rate,
        "seconds": round(time.perf_counter() - began, 4),
    }


def _cut_log(log: Path, steps: int) -> None:
    """Drop the lines of steps after the checkpoint: those steps are taken again."""
    if log.is_file():
        lines = log.read_text().splitlines(keepends=True)[:steps]
        write_text(log, "".join(line for line in lines if line.endswith("\n")))
