"""Train everything that the `fast` preset ships: the embedding, the fusion, the propagation.

    rotoline train embedding --data DATA --output runs/embedding --leave-out development

`torchrun --nproc-per-node 2 -m rotoline -- train embedding ...` runs the same on several processes.
Time and what to expect are in docs/training.md.

The embedding is trained through the closed-form solver: in every step a rule is fitted on the
reference frame and judged on target frames that follow each other, each starting from the answer
to the one before, so the embedding becomes one in which a linear rule of one frame holds in the
others, and the fusion learns to mend its own drift.
"""

import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from rotoline.runtime.allocator import keep_freed_memory
from rotoline.errors import WeightsError
from rotoline.io.run_record import current_commit
from rotoline.weights.files import read_weights, save_weights
from rotoline.learning.losses import mask_loss
from rotoline.learning.ridge import predict, accumulate, solve
from rotoline.systems.fast.encoder import Features
from rotoline.systems.fast.network import FastNet
from rotoline.systems.fast.memory_readout import Memory
from rotoline.systems.fast.scoring import Past, best_other_object
from rotoline.training.checkpoints import TrainingState
from rotoline.data.training_clips import Clip, describe, load_clips
from rotoline.data.episodes import Episode, EpisodeMaker
from rotoline.weights.imagenet import load_imagenet_weights
from rotoline.training.loop import TrainingRun, run
from rotoline.training.distributed import process_rank, start_processes, stop_processes

LICENCE = "CC BY-NC 4.0 (inherited from the DAVIS training data: no commercial use)"


class FastTraining(BaseModel):
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
    frozen_blocks: int = Field(3, ge=0, le=16)
    """First blocks of the backbone that stay as they started, with the stem; 0 trains it all. The
    first three work at strides 2 and 4, where training them would take two fifths of a step."""
    average: float = Field(0.998, ge=0, lt=1)
    """What ships is a running mean of the weights; this share of it stays in each step."""
    rival_share: float = Field(0.2, ge=0, lt=1)
    """As `adapt.rival_share`, for episodes with two objects."""
    save_every: int = Field(200, ge=1)
    """Steps between checkpoints."""


def train_to_folder(
    data: Path,
    folder: Path,
    config: FastTraining,
    *,
    leave_out: Collection[str],
    start: Path | None,
    command: str,
) -> Iterator[dict]:
    """Train and write the result, `fast.safetensors`, with its record.

    Several processes, where `torchrun` started them, train together; the first one writes.

    Args:
        data: The folder of training data.
        folder: For log, checkpoint and weights.
        config: Settings.
        leave_out: Sequences not to learn from.
        start: Weights to go on from, also of a version with fewer parts; None starts from ImageNet.
        command: What the user typed, for the record.
    """
    keep_freed_memory()
    start_processes(torch.device("cpu"))
    try:
        # Seeds only what is drawn here, the first weights; episodes have their own generators.
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            net = FastNet()
        origin = "EfficientNet-Lite0, ImageNet"
        if start is None:
            load_imagenet_weights(net.embedding.backbone)
        else:
            origin = _warm_start(net, start)
        clips = load_clips(data, leave_out)
        yield from train_fast(net, clips, config, folder)
        if process_rank() == 0:
            about = {
                "licence": LICENCE,
                "data": f"{describe(clips)}; start: {origin}",
                "command": command,
                "commit": current_commit(),
                "seed": config.seed,
                "steps": config.steps,
            }
            save_weights(folder / "fast.safetensors", net, about)
    finally:
        stop_processes()


def _warm_start(net: FastNet, path: Path) -> str:
    """Take over every part that weights hold, and say which weights they are."""
    record, state = read_weights(path)
    ours = net.state_dict()
    foreign = [k for k, v in state.items() if k not in ours or ours[k].shape != v.shape]
    if foreign:
        raise WeightsError(
            f"{path} holds {foreign[0]}, which does not fit this version of rotoline; "
            "go on from weights of this version or of an earlier one"
        )
    net.load_state_dict(state, strict=False)
    return f"weights {record.sha256[:16]} ({record.steps} steps on {record.data})"


def train_fast(
    net: FastNet, clips: list[Clip], config: FastTraining, folder: Path
) -> Iterator[dict]:
    """Train in place, from the last checkpoint in `folder` if there is one.

    Args:
        net: With the weights to start from; afterwards the running mean of the trained network.
        clips: What to learn from.
        config: Settings; a checkpoint made with others is refused.
        folder: Gets `checkpoint.safetensors` and `log.jsonl`.

    Yields:
        One record per step: step, losses, gradient norm, rate, seconds. The same records are
        the lines of the log.

    Raises:
        ConfigError: The checkpoint was made with other settings, or the training diverged.
    """
    # Channels last is a tenth quicker on a CPU.
    net.to(memory_format=torch.channels_last).train()
    backbone = net.embedding.backbone
    for part in (backbone._conv_stem, backbone._bn0, *backbone._blocks[: config.frozen_blocks]):
        part.requires_grad_(config.frozen_blocks == 0)
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(config.average))
    episodes = EpisodeMaker(clips, config.seed, (config.height, config.width))
    job = TrainingRun(
        TrainingState(net, average, _make_optimizer(net, config)),
        config,
        make=episodes.make,
        losses=lambda episode: episode_losses(net, episode, config.rival_share),
        scale=lambda step: one_cycle(step / config.steps),
    )
    yield from run(job, folder)
    net.load_state_dict(average.module.state_dict())


class _Map(NamedTuple):
    """A map that is judged, and how much that counts."""

    name: str
    logits: Tensor
    """`(K, 1, h, w)`."""
    weight: float


def episode_losses(net: FastNet, episode: Episode, rival_share: float) -> dict[str, Tensor]:
    """The weighted losses of one episode: of the bare rule, after fusion, after propagation.

    The inner ones keep each stage useful by itself. Where two objects compete, `competing` is
    cross entropy between them and the background.
    """
    features = net.embedding(episode.frames)
    views = [Features(*(part[i : i + 1] for part in features)) for i in range(len(episode.frames))]
    reference, before, *targets = views
    taught = functional.avg_pool2d(episode.masks[:, 0], 4)
    rivals = taught.flip(0) if len(taught) == 2 else None
    evidence = accumulate(reference.embedding[0], taught, rivals, rival_share)
    rules = solve(evidence, net.damping)
    known = functional.avg_pool2d(episode.masks[:, 0], 16).flatten(1)
    memory = Memory(reference.global_keys[0].flatten(1), known, torch.ones_like(known))
    past = Past(functional.avg_pool2d(episode.priors, 4), before.keys, memory)
    losses = dict.fromkeys(("rule", "fused", "propagated", "competing"), torch.zeros(()))
    for index, view in enumerate(targets, start=2):
        maps = _answer(net, rules, view, past, episode)
        truth = episode.masks[:, index]
        for name, logits, weight in maps:
            loss = weight / len(targets) * mask_loss(_enlarge(logits), truth)
            losses[name] = losses[name] + loss
        propagated = maps[-1].logits
        if len(truth) == 2:
            everything = _enlarge(functional.pad(propagated[:, 0], (0, 0, 0, 0, 1, 0))[:, None])
            classes = (truth * torch.tensor([1, 2])[:, None, None]).amax(0).long()
            entropy = functional.cross_entropy(everything[None], classes[None])
            losses["competing"] = losses["competing"] + entropy / len(targets)
        past = Past(propagated[:, 0].detach().sigmoid(), view.keys, memory)
    return losses


def _answer(
    net: FastNet, rules: Tensor, view: Features, past: Past, episode: Episode
) -> tuple[_Map, _Map, _Map]:
    """All objects in one frame, stages 3 and 4 as the pipeline runs them."""
    rule = (net.scale * predict(rules, view.embedding[0]) + net.shift)[:, None]
    recalled = None
    if episode.recalls:
        near = net.recall.near(view.keys, past.keys, past.scores)
        recalled = torch.stack((near, net.recall.far(view, past.memory)), dim=1)
    rivals = best_other_object(rule[:, 0], past.scores) if len(rule) > 1 else None
    fused = net.fusion(rule, past.scores[:, None], recalled, rivals, view)
    coarse = fused
    if episode.coarseness > 1:
        coarse = functional.avg_pool2d(fused, episode.coarseness, ceil_mode=True)
        coarse = functional.interpolate(
            coarse, size=fused.shape[-2:], mode="bilinear", align_corners=False
        )
    propagated = net.propagation(coarse, view)
    return _Map("rule", rule, 0.5), _Map("fused", fused, 0.3), _Map("propagated", propagated, 1.0)


def _enlarge(logits: Tensor) -> Tensor:
    """Maps `(K, 1, h, w)` at stride 4 as `(K, H, W)`."""
    return functional.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False)[
        :, 0
    ]


def one_cycle(progress: float, warm_up: float = 0.05) -> float:
    """Share of the peak rate at `progress` in [0, 1]: linear rise, then half a cosine to 0."""
    if progress < warm_up:
        return (progress + 0.02 * warm_up) / warm_up
    return 0.5 + 0.5 * math.cos(math.pi * (progress - warm_up) / (1 - warm_up))


def _make_optimizer(net: FastNet, config: FastTraining) -> torch.optim.AdamW:
    """AdamW with the backbone in a slower group, and no decay of single numbers and biases."""
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in net.named_parameters():
        if not parameter.requires_grad:
            continue
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
