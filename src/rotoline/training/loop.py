"""The loop that every training runs: steps, log, checkpoints, several processes."""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from rotoline.runtime.prefetch import prefetch
from rotoline.errors import ConfigError
from rotoline.training.checkpoints import TrainingState, load_checkpoint, save_checkpoint
from rotoline.training.distributed import average_gradients, process_count, process_rank


class Settings(Protocol):
    """What the loop reads of a training's settings."""

    steps: int
    save_every: int
    rate: float
    clip: float

    def model_dump(self) -> dict[str, Any]:
        """All settings; a checkpoint made with others is refused."""
        ...


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One training."""

    parts: TrainingState
    """The network and what goes with it; groups of the optimiser have their peak rate as `peak`."""
    config: Settings
    make: Callable[[int, float], Any]
    """Makes a sample from its number and from the progress in [0, 1); runs in a thread."""
    losses: Callable[[Any], dict[str, Tensor]]
    """Losses of a sample by name; their sum is minimised."""
    scale: Callable[[int], float]
    """Share of the peak rates in a step."""


def run(job: TrainingRun, folder: Path) -> Iterator[dict]:
    """Train in place, from the last checkpoint in `folder` if there is one.

    Args:
        job: What to train.
        folder: Gets `checkpoint.safetensors` and `log.jsonl`.

    Yields:
        One record per step: step, losses, gradient norm, rate, seconds. The same records are
        the lines of the log.

    Raises:
        ConfigError: The checkpoint was made with other settings, or the training diverged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config, optimizer = job.config, job.parts.optimizer
    start = load_checkpoint(folder, job.parts, config.model_dump())
    rank, count = process_rank(), process_count()
    if rank == 0:
        _cut_log(folder / "log.jsonl", start)
    steps = range(start, config.steps)
    made = (job.make(step * count + rank, step / config.steps) for step in steps)
    for step, sample in zip(steps, prefetch(made), strict=True):
        began = time.perf_counter()
        scale = job.scale(step)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * scale
        losses = job.losses(sample)
        optimizer.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        average_gradients(job.parts.net)
        norm = float(nn.utils.clip_grad_norm_(job.parts.net.parameters(), config.clip))
        if not math.isfinite(norm):
            raise ConfigError(f"the gradient is {norm} in step {step}; lower `rate` and resume")
        optimizer.step()
        if job.parts.average is not None:
            job.parts.average.update_parameters(job.parts.net)
        record = {"step": step, **{name: round(x.item(), 5) for name, x in losses.items()}}
        record |= {"norm": round(norm, 4), "rate": scale * config.rate}
        record["seconds"] = round(time.perf_counter() - began, 4)
        if rank == 0:
            with (folder / "log.jsonl").open("a") as log:
                log.write(json.dumps(record) + "\n")
            if (step + 1) % config.save_every == 0 or step + 1 == config.steps:
                save_checkpoint(folder, job.parts, step + 1, config.model_dump())
        yield record


def _cut_log(log: Path, step: int) -> None:
    """Drop the lines of steps that were lost with the last checkpoint: they come again."""
    if log.is_file():
        lines = log.read_text().splitlines(keepends=True)[:step]
        log.write_text("".join(line for line in lines if line.endswith("\n")))
