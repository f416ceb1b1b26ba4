"""Train the generic foreground network of the `paper` preset.

    rotoline train foreground --data DATA --output runs/foreground --start resnet101-imagenet

`torchrun --nproc-per-node N -m rotoline -- train foreground ...` runs the same on N GPUs, or on N
processes of the CPU. The defaults are the paper's schedule; what to change where there is less
time, and how long it takes, is in docs/training.md.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from rotoline.runtime.allocator import keep_freed_memory
from rotoline.runtime.device import Precision, autocast, choose_device
from rotoline.errors import WeightsError
from rotoline.io.run_record import current_commit
from rotoline.weights.files import read_weights, save_weights
from rotoline.learning import schedule
from rotoline.learning.augmentation import (
    Ranges,
    sample_affine,
    generator_for,
    translation,
    warp_together,
)
from rotoline.learning.losses import class_balanced_loss
from rotoline.nets.resnet import Bottleneck
from rotoline.systems.paper.segmentation import SegmentationNet
from rotoline.training.checkpoints import TrainingState
from rotoline.data.training_clips import Clip, describe, sample_clip, load_clips
from rotoline.data.sampler import Sampler
from rotoline.training.loop import TrainingRun, run
from rotoline.training.distributed import process_rank, start_processes, stop_processes

LICENCE = "CC BY-NC 4.0 (inherited from the DAVIS training data: no commercial use)"

PREFIX = "foreground."
"""Of the names of this network's tensors in a weights file."""


class ForegroundTraining(BaseModel):
    """The settings of one training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(100_000, ge=1)
    """Optimiser steps."""
    batch: int = Field(1, ge=1)
    """Frames a step and process."""
    seed: int = Field(0, ge=0)
    """Decides first weights and every sample."""
    height: int = Field(480, ge=32, multiple_of=32)
    """Height of the frames as they are trained on, in pixels."""
    width: int = Field(864, ge=32, multiple_of=32)
    """Width, in pixels."""
    rate: float = Field(schedule.RATE, gt=0)
    """Learning rate for a loss that is a mean over pixels."""
    halve_every: int = Field(0, ge=0)
    """Steps after which the rate is halved; 0 keeps it, as the paper does for this network."""
    momentum: float = Field(schedule.MOMENTUM, ge=0, lt=1)
    """Of plain SGD."""
    weight_decay: float = Field(5e-4, ge=0)
    """Of the released solver."""
    clip: float = Field(10.0, gt=0)
    """Largest norm of the gradient; the paper has none."""
    scale: float = Field(0.05, ge=0, lt=1)
    """Largest change of size of the augmentation."""
    rotation: float = Field(5.0, ge=0)
    """Largest angle of it, in degrees."""
    shift: float = Field(0.1, ge=0)
    """Largest shift of it, as a share of width and height."""
    measure_statistics: bool = False
    """Whether batch norms measure statistics; only for a start from nothing, with a large batch.
    Of several processes the first one's are kept."""
    precision: Precision = "auto"
    """Of the activations: `auto` is bfloat16 on a GPU, float32 elsewhere."""
    save_every: int = Field(500, ge=1)
    """Steps between checkpoints."""

    @property
    def ranges(self) -> Ranges:
        """How far augmented views go."""
        return Ranges(self.scale, self.rotation, self.shift)


def train_to_folder(
    data: Path,
    folder: Path,
    config: ForegroundTraining,
    *,
    leave_out: Collection[str],
    start: Path | None,
    command: str,
) -> Iterator[dict]:
    """Train and write the result, `foreground.safetensors`, with its record.

    Several processes, where `torchrun` started them, train together; the first one writes.

    Args:
        data: The folder of training data.
        folder: For log, checkpoint and weights.
        config: Settings.
        leave_out: Sequences not to learn from.
        start: Weights to go on from: a published backbone, or a foreground network; None starts
            from nothing.
        command: What the user typed, for the record.

    Raises:
        InputError: There is nothing to learn from.
        WeightsError: The weights to start from do not fit.
    """
    keep_freed_memory()
    device = choose_device()
    start_processes(device)
    try:
        net, origin = begin(config, start)
        clips = load_clips(data, leave_out, config.height)
        yield from train_foreground(net.to(device), clips, config, folder)
        if process_rank() == 0:
            about = {
                "licence": LICENCE,
                "data": f"{describe(clips)}; start: {origin}",
                "command": command,
                "commit": current_commit(),
                "seed": config.seed,
                "steps": config.steps,
            }
            named = nn.ModuleDict({"foreground": net})
            save_weights(folder / "foreground.safetensors", named, about)
    finally:
        stop_processes()


def begin(config: ForegroundTraining, start: Path | None) -> tuple[SegmentationNet, str]:
    """The network before its first step, and where it comes from.

    Raises:
        WeightsError: The file holds neither a ResNet-101 nor a segmentation network.
    """
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        net = SegmentationNet()
    if start is None:
        for module in net.backbone.modules():
            if isinstance(module, Bottleneck):
                # A block starts as its shortcut, or a hundred layers learn nothing for long.
                nn.init.zeros_(module.bn3.weight)
        return net, "nothing"
    record, state = read_weights(start)
    ours = {k.removeprefix(PREFIX): v for k, v in state.items() if k.startswith(PREFIX)}
    try:
        if ours:
            net.load_state_dict(ours)
        else:
            net.backbone.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(
            f"{start} holds neither a ResNet-101 nor a foreground network; start from "
            "resnet101-imagenet, from the weights of a former training, or from nothing"
        ) from error
    return net, f"{record.name}, {record.sha256[:16]} ({record.data})"


def train_foreground(
    net: SegmentationNet, clips: list[Clip], config: ForegroundTraining, folder: Path
) -> Iterator[dict]:
    """Train in place; `training.loop.run` says what is written and yielded."""
    device = net.score.weight.device
    net.measure_statistics = config.measure_statistics
    net.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(
        [{"params": list(net.parameters()), "peak": config.rate}],
        lr=config.rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
    samples = FrameSamples(clips, config)

    def losses(sample: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        frames, masks = (part.to(device) for part in sample)
        with autocast(device, config.precision):
            logits = net(frames.contiguous(memory_format=torch.channels_last))
        return {"loss": class_balanced_loss(logits, masks)}

    job = TrainingRun(
        TrainingState(net, None, optimizer),
        config,
        make=samples.make,
        losses=losses,
        scale=lambda step: schedule.halved(1.0, step, config.halve_every),
    )
    yield from run(job, folder)


@dataclass(frozen=True, slots=True)
class FrameSamples:
    """Augmented frames with the union of their objects."""

    clips: list[Clip]
    config: ForegroundTraining

    def make(self, number: int, progress: float) -> tuple[Tensor, Tensor]:
        """Frames `(B, 3, H, W)` in [0, 255] and masks `(B, H, W)`, 0 or 1, of step `number`."""
        del progress  # the paper's samples do not change along the training
        size = (self.config.height, self.config.width)
        frames, masks = [], []
        for index in range(self.config.batch):
            generator = generator_for(self.config.seed, number * self.config.batch + index)
            sampler = Sampler(generator)
            clip = sample_clip(self.clips, sampler)
            at = sampler.integer(0, len(clip.frames) - 1)
            view = cover(clip.frames[at].shape[-2:], size, sampler) @ sample_affine(
                generator, size, self.config.ranges
            )
            mask = (clip.labels[at] > 0).float()
            frame, warped = warp_together(clip.frames[at][None].float(), mask[None], view, size)
            frames.append(frame[0])
            masks.append(warped[0])
        return torch.stack(frames), torch.stack(masks)


def cover(source: tuple[int, int], size: tuple[int, int], sampler: Sampler) -> Tensor:
    """The part of a picture of size `source` that fills `size`: all of its shorter side.

    Returns:
        Output pixel to source pixel, `(3, 3)`; where along the longer side is drawn.
    """
    zoom = min(source[0] / size[0], source[1] / size[1])
    down, right = (
        (1 if rest < 1e-6 else sampler.uniform(0, 1)) * rest
        for rest in (source[0] - zoom * size[0], source[1] - zoom * size[1])
    )
    return translation(right, down) @ torch.diag(torch.tensor([zoom, zoom, 1.0]))
