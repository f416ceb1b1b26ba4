"""Train everything that the `fast` preset ships: the embedding, the fusion, the propagation.

    rotoline train embedding --data DATA --output runs/embedding --leave-out development

6,000 steps take about an hour on two CPU cores. `torchrun --nproc-per-node 2 -m rotoline train
embedding ...` runs the same on several processes. What to expect is in docs/training.md.

The embedding is trained through the closed-form solver: in every step a rule is fitted on the
reference frame and judged on two target frames, so the embedding becomes one in which a linear
rule of one frame holds in the others.
"""

import json
import math
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from rotoline.allocator import keep_freed_memory
from rotoline.errors import ConfigError
from rotoline.io.run_record import current_commit
from rotoline.io.weights import save_weights
from rotoline.learning.losses import mask_loss
from rotoline.learning.ridge import apply_rules, gather_evidence, solve
from rotoline.nets.fast import FastNet
from rotoline.training.checkpoints import load_checkpoint, save_checkpoint
from rotoline.training.clips import Clip, load_clips
from rotoline.training.episodes import Episode, EpisodeMaker
from rotoline.training.imagenet import load_imagenet_weights
from rotoline.training.processes import (
    average_gradients,
    process_count,
    process_rank,
    start_processes,
    stop_processes,
)

LICENCE = "CC BY-NC 4.0 (inherited from the DAVIS training data: no commercial use)"


class EmbeddingTraining(BaseModel):
    """The settings of one training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(6000, ge=1)
    """Optimiser steps."""
    seed: int = Field(0, ge=0)
    """Decides the initial weights and every episode."""
    height: int = Field(240, ge=32, multiple_of=16)
    """Height of the training crops, in pixels."""
    width: int = Field(432, ge=32, multiple_of=16)
    """Width of the training crops, in pixels."""
    backbone_rate: float = Field(1e-4, gt=0)
    """Peak learning rate of the pretrained backbone."""
    rate: float = Field(2e-3, gt=0)
    """Peak learning rate of everything else."""
    weight_decay: float = Field(1e-2, ge=0)
    """Decoupled, as in AdamW."""
    clip: float = Field(1.0, gt=0)
    """Largest norm of the gradient."""
    own_prior: float = Field(0.5, ge=0, le=1)
    """Share of the second targets whose prior is the model's own answer to the first."""
    save_every: int = Field(200, ge=1)
    """Steps between checkpoints."""


def train_to_folder(
    data: Path, folder: Path, config: EmbeddingTraining, *, leave_out: Collection[str], command: str
) -> Iterator[dict]:
    """Train from ImageNet weights and write the result, `fast.safetensors`, with its record.

    Several processes, where `torchrun` started them, train together; the first one writes.

    Args:
        data: The folder of training data.
        folder: For log, checkpoint and weights.
        config: Settings.
        leave_out: Sequences not to learn from.
        command: What the user typed, for the record.
    """
    keep_freed_memory()
    start_processes()
    try:
        # Seeds only what is drawn here, the first weights; episodes have their own generators.
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            net = FastNet()
        load_imagenet_weights(net.embedding.backbone)
        clips = load_clips(data, leave_out)
        yield from train_embedding(net, clips, config, folder)
        if process_rank() == 0:
            videos = sum(not clip.is_still for clip in clips)
            about = {
                "licence": LICENCE,
                "data": f"{videos} sequences of DAVIS-2016 train, {len(clips) - videos} stills of "
                "DAVIS-2017 and Clothing Co-Parsing; start: EfficientNet-Lite0, ImageNet",
                "command": command,
                "commit": current_commit(),
                "seed": config.seed,
                "steps": config.steps,
            }
            save_weights(folder / "fast.safetensors", net, about)
    finally:
        stop_processes()


def train_embedding(
    net: FastNet, clips: list[Clip], config: EmbeddingTraining, folder: Path
) -> Iterator[dict]:
    """Train in place, from the last checkpoint in `folder` if there is one.

    Args:
        net: With the weights to start from; afterwards the trained network.
        clips: What to learn from.
        config: Settings; a checkpoint made with others is refused.
        folder: Gets `checkpoint.safetensors` and `log.jsonl`.

    Yields:
        One record per step: step, losses, gradient norm, rate, seconds. The same records are
        the lines of the log.

    Raises:
        ConfigError: The checkpoint was made with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    optimizer = _make_optimizer(net, config)
    start = load_checkpoint(folder, net, optimizer, config.model_dump())
    episodes = EpisodeMaker(clips, config.seed, (config.height, config.width))
    # Channels last is a tenth quicker on a CPU.
    net.to(memory_format=torch.channels_last).train()
    rank, count = process_rank(), process_count()
    for step in range(start, config.steps):
        began = time.perf_counter()
        scale = one_cycle(step / config.steps)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * scale
        episode = episodes.make(step * count + rank, step / config.steps)
        losses = episode_losses(net, episode, own_prior=step * 37 % 100 < 100 * config.own_prior)
        optimizer.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        average_gradients(net)
        norm = float(nn.utils.clip_grad_norm_(net.parameters(), config.clip))
        if not math.isfinite(norm):
            raise ConfigError(f"the gradient is {norm} in step {step}; lower `rate` and resume")
        optimizer.step()
        record = {"step": step, **{name: round(x.item(), 5) for name, x in losses.items()}}
        record |= {"norm": round(norm, 4), "rate": scale * config.rate}
        record["seconds"] = round(time.perf_counter() - began, 4)
        if rank == 0:
            with (folder / "log.jsonl").open("a") as log:
                log.write(json.dumps(record) + "\n")
            if (step + 1) % config.save_every == 0 or step + 1 == config.steps:
                save_checkpoint(folder, net, optimizer, step + 1, config.model_dump())
        yield record


def episode_losses(net: FastNet, episode: Episode, *, own_prior: bool) -> dict[str, Tensor]:
    """The weighted losses of one episode: of the bare rule, after fusion, after propagation.

    The two inner ones keep each stage useful by itself.
    """
    features = net.embedding(episode.frames)
    reference = functional.avg_pool2d(episode.masks[:1], 4)
    rules = solve(gather_evidence(features.embedding[0], reference), net.damping)
    priors = functional.avg_pool2d(episode.priors, 4)
    losses = {"rule": 0.0, "fused": 0.0, "propagated": 0.0}
    previous = None
    for target in (1, 2):
        view = type(features)(*(part[target : target + 1] for part in features))
        rule = net.scale * apply_rules(rules, view.embedding[0])[:, None] + net.shift
        prior = priors[target - 1][None, None]
        if previous is not None and own_prior:
            prior = previous
        fused = net.fusion(rule, prior, view)
        propagated = net.propagation(fused, view.gates)
        previous = propagated.detach().sigmoid()
        truth = episode.masks[target : target + 1]
        for name, logit, weight in (
            ("rule", rule, 0.7),
            ("fused", fused, 0.5),
            ("propagated", propagated, 1.0),
        ):
            full = functional.interpolate(
                logit, scale_factor=4, mode="bilinear", align_corners=False
            )
            losses[name] = losses[name] + weight / 2 * mask_loss(full[:, 0], truth)
    return losses


def one_cycle(progress: float, warm_up: float = 0.05) -> float:
    """Share of the peak rate at `progress` in [0, 1]: linear rise, then half a cosine to 0."""
    if progress < warm_up:
        return (progress + 0.02 * warm_up) / warm_up
    return 0.5 + 0.5 * math.cos(math.pi * (progress - warm_up) / (1 - warm_up))


def _make_optimizer(net: FastNet, config: EmbeddingTraining) -> torch.optim.AdamW:
    """AdamW with the backbone in a slower group, and no decay of single numbers and biases."""
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in net.named_parameters():
        rate = config.backbone_rate if ".backbone." in name else config.rate
        decay = config.weight_decay if parameter.dim() > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "peak": rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ],
        betas=(0.9, 0.99),
    )
