"""Train the spatial propagation network of the `paper` preset, on coarse masks.

    rotoline train propagation --data DATA --output runs/propagation \
        --foreground runs/foreground/foreground.safetensors --start vgg16-imagenet

One network for all objects and videos. What it learns to sharpen are the coarse masks of a
segmentation network: of each picture one class is drawn and set against the rest, as in the paper.
The paper has the 20 classes of PASCAL VOC and an FCN for them; here a class is whatever the data
names (a person, a garment, an instance, the foreground of a video), and its coarse mask is that of
a linear rule on the 128 features of the foreground network, solved on another view of the picture.

The result holds both networks: what `rotoline segment --preset paper --weights` takes.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

from rotoline.runtime.allocator import keep_freed_memory
from rotoline.runtime.device import Precision, autocast, choose_device
from rotoline.errors import WeightsError
from rotoline.io.run_record import current_commit
from rotoline.weights.files import load_paper_weights, read_weights, save_weights
from rotoline.learning.augmentation import Ranges, sample_affine, generator_for, warp_together
from rotoline.learning.ridge import predict, accumulate, solve
from rotoline.systems.paper.spn import GuidedPropagationNet
from rotoline.systems.paper.network import PaperNet
from rotoline.systems.paper.segmentation import SegmentationNet, project, upsample_logits
from rotoline.training.checkpoints import TrainingState
from rotoline.data.training_clips import Clip, describe, sample_clip, load_clips
from rotoline.data.sampler import Sampler
from rotoline.training.paper_foreground import LICENCE, cover
from rotoline.training.loop import TrainingRun, run
from rotoline.training.distributed import process_rank, start_processes, stop_processes

SHARPNESS = 4.0
"""From the raw score of a rule, about -1 to 1, to a logit."""
DAMPING = 1e-2
"""Strength of the ridge of the rules that make coarse masks."""
LEAST_SHARE = 0.01
"""Share of a crop that a class must cover to be drawn."""


class PropagationTraining(BaseModel):
    """The settings of one training. The defaults are those of the released solver for VOC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(60_000, ge=1)
    """Optimiser steps."""
    batch: int = Field(10, ge=1)
    """Crops a step and process."""
    seed: int = Field(0, ge=0)
    """Decides first weights and every sample."""
    height: int = Field(256, ge=32, multiple_of=32)
    """Height of the crops, in pixels; the paper's."""
    width: int = Field(256, ge=32, multiple_of=32)
    """Width of the crops, in pixels."""
    short_side: int = Field(320, ge=32)
    """Pictures are reduced to it, so that a crop shows most of an object."""
    rate: float = Field(1e-4, gt=0)
    """Learning rate at the start; it falls as a root of what is left."""
    power: float = Field(0.5, ge=0)
    """Of the fall: rate * (1 - progress) ** power."""
    encoder_share: float = Field(0.1, ge=0)
    """Share of the rate for the pretrained encoder."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Of plain SGD."""
    weight_decay: float = Field(5e-3, ge=0)
    """Of the released solver."""
    clip: float = Field(1000.0, gt=0)
    """Largest norm of the gradient."""
    scale: float = Field(0.1, ge=0, lt=1)
    """Largest change of size of the augmentation."""
    rotation: float = Field(15.0, ge=0)
    """Largest angle of it, in degrees."""
    shift: float = Field(0.1, ge=0)
    """Largest shift of it, as a share of width and height."""
    signed: bool = False
    """Whether gates are the paper's, signed, and not a softmax (`nets.guidance`)."""
    precision: Precision = "auto"
    """Of the activations: `auto` is bfloat16 on a GPU, float32 elsewhere."""
    save_every: int = Field(500, ge=1)
    """Steps between checkpoints."""

    @property
    def ranges(self) -> Ranges:
        """How far augmented views go."""
        return Ranges(self.scale, self.rotation, self.shift)


class Start(NamedTuple):
    """What a training begins with."""

    foreground: Path
    """Weights of the foreground network."""
    encoder: Path | None
    """A published VGG-16, or weights of the preset to go on from; None starts from nothing."""


def train_to_folder(
    data: Path,
    folder: Path,
    config: PropagationTraining,
    *,
    leave_out: Collection[str],
    start: Start,
    command: str,
) -> Iterator[dict]:
    """Train and write both networks, `paper.safetensors`, with their record.

    Several processes, where `torchrun` started them, train together; the first one writes.

    Args:
        data: The folder of training data.
        folder: For log, checkpoint and weights.
        config: Settings.
        leave_out: Sequences not to learn from.
        start: The foreground network, and what the encoder starts from.
        command: What the user typed, for the record.

    Raises:
        InputError: There is nothing to learn from.
        WeightsError: Weights do not fit.
    """
    keep_freed_memory()
    device = choose_device()
    start_processes(device)
    try:
        net, record = load_paper_weights(start.foreground)
        net.propagation, origin = begin(config, start.encoder)
        clips = load_clips(data, leave_out, config.short_side)
        yield from train_propagation(net.to(device), clips, config, folder)
        if process_rank() == 0:
            about = {
                "licence": LICENCE,
                "data": f"{describe(clips)}; start: {origin}; foreground: {record.name}, "
                f"{record.sha256[:16]} ({record.data})",
                "command": command,
                "commit": current_commit(),
                "seed": config.seed,
                "steps": config.steps,
            }
            save_weights(folder / "paper.safetensors", net, about)
    finally:
        stop_processes()


def begin(config: PropagationTraining, start: Path | None) -> tuple[GuidedPropagationNet, str]:
    """The network before its first step, and where it comes from.

    Raises:
        WeightsError: The file holds neither a VGG-16 nor a propagation network.
    """
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        net = GuidedPropagationNet(signed=config.signed)
    if start is None:
        return net, "nothing"
    record, state = read_weights(start)
    prefix = "propagation."
    ours = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    try:
        if ours:
            net.load_state_dict(ours)
        else:
            net.guidance.encoder.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(
            f"{start} holds neither a VGG-16 nor a propagation network with the same kind of "
            "gates; start from vgg16-imagenet, vgg16-hed, from the weights of a former training, "
            "or from nothing"
        ) from error
    return net, f"{record.name}, {record.sha256[:16]}"


def train_propagation(
    net: PaperNet, clips: list[Clip], config: PropagationTraining, folder: Path
) -> Iterator[dict]:
    """Train `net.propagation` in place; `training.loop.run` says what is written and yielded."""
    spn = net.propagation.requires_grad_(True).train()
    encoder = list(spn.guidance.encoder.parameters())
    ids = {id(parameter) for parameter in encoder}
    rest = [parameter for parameter in spn.parameters() if id(parameter) not in ids]
    optimizer = torch.optim.SGD(
        [
            {"params": encoder, "peak": config.rate * config.encoder_share},
            {"params": rest, "peak": config.rate},
        ],
        lr=config.rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
    device = rest[0].device

    def losses(crops: Crops) -> dict[str, Tensor]:
        views, masks = crops.views.to(device), crops.masks.to(device)
        with autocast(device, config.precision):
            scores = coarse_scores(net.foreground, views, masks[:, 0])
            logits = spn(scores, spn.gates(views[:, 1]))
        return {"loss": functional.cross_entropy(logits.float(), masks[:, 1].long())}

    job = TrainingRun(
        TrainingState(spn, None, optimizer),
        config,
        make=CropSamples(clips, config).make,
        losses=losses,
        scale=lambda step: (1 - step / config.steps) ** config.power,
    )
    yield from run(job, folder)


@torch.no_grad()
def coarse_scores(net: SegmentationNet, views: Tensor, masks: Tensor) -> Tensor:
    """Coarse masks of a class, as a segmentation network at 1/8 gives them.

    Args:
        net: The foreground network; its 128 features are read.
        views: `(B, 2, 3, H, W)` in [0, 255]: a rule is solved on the first view, and applied to the
            second.
        masks: `(B, H, W)`, 0 or 1, of the first views.

    Returns:
        `(B, 1, H, W)` in [0, 1], of the second views.
    """
    maps = net.maps(views.flatten(0, 1))
    features = project(maps, net.feat.weight.flatten(1), net.feat.bias).float()
    features = features / (features.square().mean(1, keepdim=True) + 1e-6).sqrt()
    shares = functional.avg_pool2d(masks[:, None], 8)
    damping = torch.tensor(DAMPING, device=views.device)
    logits = [
        SHARPNESS * predict(solve(accumulate(first, share), damping), second)
        for (first, second), share in zip(features.unflatten(0, (-1, 2)), shares, strict=True)
    ]
    return upsample_logits(torch.stack(logits)).sigmoid()


class Crops(NamedTuple):
    """Two views of each of B pictures."""

    views: Tensor
    """`(B, 2, 3, H, W)` in [0, 255]."""
    masks: Tensor
    """`(B, 2, H, W)`, 0 or 1: the drawn class in both."""


@dataclass(frozen=True, slots=True)
class CropSamples:
    """Crops of pictures with one of their classes."""

    clips: list[Clip]
    config: PropagationTraining

    def make(self, number: int, progress: float) -> Crops:
        """The crops of step `number`."""
        del progress  # the samples do not change along the training
        first = number * self.config.batch
        pairs = [self._make_one(first + index) for index in range(self.config.batch)]
        return Crops(*(torch.stack(parts) for parts in zip(*pairs, strict=True)))

    def _make_one(self, number: int) -> tuple[Tensor, Tensor]:
        generator = generator_for(self.config.seed, number)
        sampler, size = Sampler(generator), (self.config.height, self.config.width)
        clip = sample_clip(self.clips, sampler)
        at = sampler.integer(0, len(clip.frames) - 1)
        frame, labels = clip.frames[at][None].float(), clip.labels[at][None].float()
        place = cover(tuple(frame.shape[-2:]), size, sampler)
        views = [
            warp_together(
                frame, labels, place @ sample_affine(generator, size, self.config.ranges), size
            )
            for _ in range(2)
        ]
        classes = torch.cat([shown for _, shown in views])
        chosen = sample_class(classes[1], sampler)
        return torch.cat([view for view, _ in views]), (classes == chosen).float()


def sample_class(labels: Tensor, sampler: Sampler) -> int:
    """One class of a crop `(H, W)`, the larger ones only; 1 where there is none."""
    ids, counts = labels[labels > 0].unique(return_counts=True)
    large = ids[counts > LEAST_SHARE * labels.numel()].tolist()
    return int(sampler.one_of(large)) if large else 1
