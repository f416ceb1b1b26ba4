"""Train the generic foreground network of the `paper` preset.

    rotoline train paper-foreground --data DATA --output runs/foreground

Every object's network starts from this one. The defaults are the paper's schedule: 100,000 steps of
one frame of 480x864 pixels, from ImageNet weights (`rotoline weights fetch resnet101-imagenet`).

Time: 2.8 s a step on two CPU cores, 78 hours in all; on a CPU with bfloat16 instructions 1.6 s and
44 hours (`--set precision=bfloat16`); on a GPU 2 to 4 hours, an estimate by arithmetic. N GPUs or
processes: `torchrun --nproc-per-node N -m rotoline -- train paper-foreground ...`.

Expected: this schedule has not been run. runs/train_paper.sh has the one that was, in two hours on
two CPU cores from random weights: the mean loss of the first tenth of the steps is .119, of the
last .052.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor, nn

from rotoline.data.training_clips import Clip, sample_clip
from rotoline.errors import WeightsError
from rotoline.learning import schedule
from rotoline.learning.augmentation import (
    Augmentation,
    generator_for,
    sample_affine,
    warp_together,
)
from rotoline.learning.losses import class_balanced_loss
from rotoline.learning.sampler import Sampler
from rotoline.nets.resnet import Bottleneck
from rotoline.runtime.device import Precision, autocast
from rotoline.systems.paper.segmentation import SegmentationNet
from rotoline.training.checkpoints import TrainingState
from rotoline.training.crop import sample_crop
from rotoline.training.loop import TrainingRun
from rotoline.training.session import Exported
from rotoline.training.settings import PaperCrop, Sgd, TrainingSettings
from rotoline.weights.files import read_weights

PREFIX = "foreground."
"""Start of the names of this network's tensors in a weights file."""


class HalvingSgd(Sgd):
    """Stochastic gradient descent with momentum and a learning rate that is halved."""

    halve_every: int = Field(default=0, ge=0)
    """Number of steps after which the learning rate is halved; 0 keeps it constant, as the paper
    does for this network."""


class ForegroundTraining(TrainingSettings):
    """Train the generic foreground network of the preset `paper`."""

    steps: int = Field(default=100_000, ge=1)
    """Number of optimiser steps."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of the initial weights and of every sample."""
    batch: int = Field(default=1, ge=1)
    """Number of frames in a step of one process."""
    crop: PaperCrop = PaperCrop(height=480, width=864)
    """The size of the frames that the network is trained on."""
    optimiser: HalvingSgd = HalvingSgd(
        learning_rate=schedule.LEARNING_RATE,
        momentum=schedule.MOMENTUM,
        weight_decay=5e-4,  # of the authors' released solver
        max_gradient_norm=10.0,  # the paper has no limit
    )
    """The optimiser: how far the weights move in a step."""
    augmentation: Augmentation = Augmentation()
    """How far augmented frames differ from the original."""
    measure_batch_statistics: bool = False
    """Whether batch norms measure their statistics; if not, these stay unchanged. Needed only
    for a start from random weights, with a batch of at least 8. With several processes, the
    statistics of the first are written."""
    precision: Precision = "auto"
    """Precision of the activations: `float32`, `bfloat16`, or `auto`, which is bfloat16 on a GPU
    and float32 on a CPU."""


@dataclass(frozen=True, slots=True)
class ForegroundRecipe:
    """How the foreground network is trained; see `training.session.Recipe`."""

    settings: ForegroundTraining
    start: Path | None = None
    """Weights of a published ResNet-101, or of a foreground network; None starts from random
    weights."""
    file_name: str = "foreground.safetensors"

    @property
    def short_side(self) -> int:
        """Pictures are reduced to the height of the crops."""
        return self.settings.crop.height

    def initialise(self) -> tuple[SegmentationNet, str]:
        """The network before its first step, and which pretrained weights are in it."""
        with torch.random.fork_rng():
            torch.manual_seed(self.settings.seed)
            net = SegmentationNet()
        if self.start is not None:
            return net, warm_start(net, self.start)
        for module in net.backbone.modules():
            if isinstance(module, Bottleneck):
                # Each block starts as its shortcut; otherwise a hundred layers learn nothing for
                # hundreds of steps (docs/decisions/0004-a-resnet-from-nothing.md).
                nn.init.zeros_(module.bn3.weight)
        return net, "nothing"

    def prepare(self, net: SegmentationNet, clips: list[Clip]) -> TrainingRun["Frames"]:
        """SGD on augmented frames with the class-balanced loss of the paper's equation 1."""
        settings, optimiser = self.settings, self.settings.optimiser
        device = net.score.weight.device
        net.measure_statistics = settings.measure_batch_statistics
        net.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]  # stubs

        def loss(sample: Frames) -> dict[str, Tensor]:
            frames, masks = (part.to(device) for part in sample)
            with autocast(device, settings.precision):
                logits = net(frames.contiguous(memory_format=torch.channels_last))
            return {"loss": class_balanced_loss(logits, masks)}

        optimizer = torch.optim.SGD(
            [{"params": list(net.parameters()), "peak_lr": optimiser.learning_rate}],
            lr=optimiser.learning_rate,
            momentum=optimiser.momentum,
            weight_decay=optimiser.weight_decay,
        )
        return TrainingRun(
            TrainingState(net, None, optimizer),
            settings,
            sample=FrameSamples(clips, settings).make,
            loss=loss,
            lr_factor=lambda step: schedule.halved(1.0, step, optimiser.halve_every),
        )

    def export(self, net: SegmentationNet) -> Exported:
        """The network as the part `foreground` of the preset's networks."""
        return Exported(nn.ModuleDict({"foreground": net}), {})


def warm_start(net: SegmentationNet, path: Path) -> str:
    """Take over the weights of a backbone or of a whole network, and say which they are.

    Raises:
        WeightsError: The file has neither a ResNet-101 nor a foreground network.
    """
    record, state = read_weights(path)
    ours = {k.removeprefix(PREFIX): v for k, v in state.items() if k.startswith(PREFIX)}
    try:
        if ours:
            net.load_state_dict(ours)
        else:
            net.backbone.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(
            f"{path} holds neither a ResNet-101 nor a foreground network; start from "
            "resnet101-imagenet, from the weights of an earlier training, or from nothing"
        ) from error
    return f"{record.name}, {record.sha256[:16]} ({record.data})"


Frames = tuple[Tensor, Tensor]
"""A batch: frames, float `(B, 3, H, W)` in [0, 255], and masks, float `(B, H, W)`, 0 or 1."""


@dataclass(frozen=True, slots=True)
class FrameSamples:
    """Augmented frames with the union of their objects."""

    clips: list[Clip]
    settings: ForegroundTraining

    def make(self, number: int, progress: float) -> Frames:
        """The frames of sample `number`, the same at any progress of the training."""
        del progress  # as in the paper, samples do not change along the training
        crop, batch = self.settings.crop, self.settings.batch
        size = (crop.height, crop.width)
        frames, masks = [], []
        for index in range(batch):
            generator = generator_for(self.settings.seed, number * batch + index)
            sampler = Sampler(generator)
            clip = sample_clip(self.clips, sampler)
            at = sampler.integer(0, len(clip.frames) - 1)
            height, width = clip.frames[at].shape[-2:]
            view = sample_crop((height, width), size, sampler) @ sample_affine(
                generator, size, self.settings.augmentation
            )
            mask = (clip.known_labels(at) > 0).float()
            frame, warped = warp_together(clip.frames[at][None].float(), mask[None], view, size)
            frames.append(frame[0])
            masks.append(warped[0])
        return torch.stack(frames), torch.stack(masks)
