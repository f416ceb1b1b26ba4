"""Train all networks of the `fast` preset: encoder, refinement network, propagation network.

    rotoline train fast --data DATA --output runs/fast

Time: .98 s for an episode in batches of four, on two CPU cores on which a pass of ResNet-101 takes
1.8 s (`benchmarks/training.py`). Memory: 8.5 GB for DAVIS-2016 train with 3,600 stills.
Several processes: `torchrun --nproc-per-node 2 -m rotoline -- train fast ...`.

What its weights reach is in docs/results.md.

The losses of a batch are the mean of those of `rotoline.systems.fast.episode_loss`, and the loss
of the objectness.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from rotoline.data.episode_batch import EpisodeBatch
from rotoline.data.episode_maker import EpisodeMaker
from rotoline.data.training_clips import Clip
from rotoline.errors import WeightsError
from rotoline.runtime.device import fast_precision
from rotoline.systems.fast.network import FastNet
from rotoline.training.batch_losses import batch_losses
from rotoline.training.checkpoints import TrainingState
from rotoline.training.loop import TrainingRun
from rotoline.training.session import Exported
from rotoline.training.settings import Crop, Optimiser, TrainingSettings
from rotoline.weights.files import read_weights
from rotoline.weights.imagenet import load_imagenet_weights
from rotoline.weights.regions import shipped_region_numbers

FROZEN_BLOCKS = 3
"""First blocks of the backbone that keep their initial weights, together with the stem; 0 trains
all. The first three work at strides 2 and 4, where training takes two fifths of a step."""
EMA_DECAY = 0.998
"""The result is a running mean of the weights; this fraction of the mean stays in each step."""
WARM_UP = 0.05
"""Share of the training in which the learning rate rises to its peak."""
SHORT_SIDE = 384
"""Shorter side of the pictures in memory; a view reduces them further more often than not."""
CHECKPOINT_EVERY = 200
"""Number of steps between two checkpoints: two minutes on two CPU cores."""


class FastOptimiser(Optimiser):
    """AdamW with betas .9 and .99; biases and single numbers have no weight decay."""

    backbone_learning_rate: float = Field(gt=0)
    """Peak learning rate of the pretrained backbone; `learning_rate` is that of all other
    layers."""


class FastTraining(TrainingSettings):
    """Train the networks of the preset `fast`."""

    steps: int = Field(default=6000, ge=1)
    """Number of optimiser steps."""
    batch: int = Field(default=1, ge=1)
    """Number of episodes in a step, in each process."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of the initial weights and of every episode."""
    stroke_share: float = Field(default=0.0, ge=0, le=1)
    """Share of the episodes that teach from a few strokes in place of whole masks."""
    crop: Crop = Crop(height=240, width=432)
    """The size of the frames that the network is trained on."""
    optimiser: FastOptimiser = FastOptimiser(
        learning_rate=2e-3, backbone_learning_rate=1e-4, weight_decay=1e-2, max_gradient_norm=1.0
    )
    """The optimiser: how far the weights move in a step."""


@dataclass(frozen=True, slots=True)
class FastRecipe:
    """How the networks of the preset `fast` are trained; see `training.session.Recipe`."""

    settings: FastTraining
    start: Path | None = None
    """Weights to start from, possibly of a version with fewer layers; None starts from the
    ImageNet weights of the backbone."""
    file_name: str = "fast.safetensors"
    short_side: int = SHORT_SIDE

    def initialise(self) -> tuple[FastNet, str]:
        """The network before its first step, and which pretrained weights are in it."""
        # The seed is for the initial weights alone; every episode has a generator of its own.
        with torch.random.fork_rng():
            torch.manual_seed(self.settings.seed)
            net = FastNet()
        # `rotoline train regions` learns numbers for these weights once they are trained.
        net.load_state_dict(shipped_region_numbers(), strict=False)
        if self.start is not None:
            return net, warm_start(net, self.start)
        load_imagenet_weights(net.encoder.backbone)
        return net, "EfficientNet-Lite0, ImageNet"

    def prepare(self, net: FastNet, clips: list[Clip]) -> TrainingRun[EpisodeBatch]:
        """AdamW, one cycle of the learning rate, episodes, a running mean of the weights."""
        settings = self.settings
        # Channels last is a tenth quicker on a CPU.
        net.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]  # stubs
        backbone = net.encoder.backbone
        for part in (backbone._conv_stem, backbone._bn0, *backbone._blocks[:FROZEN_BLOCKS]):
            part.requires_grad_(FROZEN_BLOCKS == 0)
        net.upsampler.requires_grad_(requires_grad=False)  # learned by `rotoline train upsampler`
        average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(EMA_DECAY))
        device = net.log_ridge.device
        size = (settings.crop.height, settings.crop.width)
        episodes = EpisodeMaker.of(
            clips, settings.seed, size, device, stroke_share=settings.stroke_share
        )
        count, precision = settings.batch, fast_precision(device)
        return TrainingRun(
            TrainingState(net, average, _make_optimizer(net, settings.optimiser)),
            settings,
            sample=lambda number, progress: episodes.make(
                range(number * count, (number + 1) * count), progress
            ),
            loss=lambda episodes: batch_losses(net, episodes, precision),
            lr_factor=lambda step: one_cycle(step / settings.steps),
            checkpoint_every=CHECKPOINT_EVERY,
        )

    def export(self, net: FastNet) -> Exported:
        """The whole network."""
        return Exported(net, {})


def warm_start(net: FastNet, path: Path) -> str:
    """Take over every tensor of a weights file, and say which weights they are.

    Layers that the file does not have keep their initial weights.

    Raises:
        WeightsError: The file has a tensor that the network does not have in that shape.
    """
    record, state = read_weights(path)
    ours = net.state_dict()
    foreign = [k for k, v in state.items() if k not in ours or ours[k].shape != v.shape]
    if foreign:
        raise WeightsError(
            f"{path} holds {foreign[0]}, which does not fit this version of rotoline; "
            "start from weights of the preset fast, of this version or of an earlier one"
        )
    net.load_state_dict(state, strict=False)
    return f"weights {record.sha256[:16]} ({record.steps} steps on {record.data})"


def _make_optimizer(net: FastNet, settings: FastOptimiser) -> torch.optim.AdamW:
    """AdamW with a slower group for the backbone, and no decay of biases and single numbers."""
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in net.named_parameters():
        if not parameter.requires_grad:
            continue
        is_pretrained = ".backbone." in name
        rate = settings.backbone_learning_rate if is_pretrained else settings.learning_rate
        decay = settings.weight_decay if parameter.dim() > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "peak_lr": rate, "weight_decay": decay}
            for (rate, decay), parameters in groups.items()
        ],
        betas=(0.9, 0.99),
    )


def one_cycle(progress: float) -> float:
    """The learning rate at `progress` in [0, 1] as a fraction of its peak.

    It rises linearly until `WARM_UP`, and falls along half a cosine to 0.
    """
    if progress < WARM_UP:
        return (progress + 0.02 * WARM_UP) / WARM_UP
    return 0.5 + 0.5 * math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))
