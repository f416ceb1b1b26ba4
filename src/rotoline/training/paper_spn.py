"""Train the spatial propagation network (SPN) of the `paper` preset, on coarse masks.

    rotoline train paper-spn --data DATA --output runs/spn \
        --foreground runs/foreground/foreground.safetensors

The result has both networks: it is what `rotoline segment --preset paper --weights` takes. The
defaults are the schedule of the authors' release, 60,000 steps of ten crops, with the encoder from
ImageNet weights (`rotoline weights fetch vgg16-imagenet`).

Time: about 9.5 s a step on two CPU cores with bfloat16 instructions (`--set precision=bfloat16`),
160 hours in all; 4 to 8 hours on a GPU, an estimate by arithmetic. N GPUs or processes:
`torchrun --nproc-per-node N -m rotoline -- train paper-spn ...`.

Expected: this schedule has not been run. runs/train_paper.sh has the one that was, in 39 minutes on
two CPU cores: the mean loss of the first tenth of the steps is .336, of the last .214. Without the
SPN, J&F of the preset on the development split is .094 lower (docs/results.md).

One network serves all objects and videos. It learns to refine the coarse masks of a segmentation
network. For each picture one class is chosen and set against the rest, as in the paper. The paper
has the 20 classes of PASCAL VOC and an FCN for them. Here a class is anything that the data names
(a person, a garment, an instance, the foreground of a video), and its coarse mask is the output of
a ridge classifier on the 128 features of the foreground network, solved on another view of the
picture.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from rotoline.data.training_clips import Clip, sample_clip
from rotoline.errors import WeightsError
from rotoline.learning.augmentation import (
    Augmentation,
    generator_for,
    sample_affine,
    warp_together,
)
from rotoline.learning.ridge import accumulate, predict, solve
from rotoline.learning.sampler import Sampler
from rotoline.runtime.device import Precision, autocast
from rotoline.systems.paper.network import PaperNet, network_from_state
from rotoline.systems.paper.segmentation import SegmentationNet, project, upsample_logits
from rotoline.systems.paper.spn import GuidedPropagationNet
from rotoline.training.checkpoints import TrainingState
from rotoline.training.crop import sample_crop
from rotoline.training.loop import TrainingRun
from rotoline.training.session import Exported
from rotoline.training.settings import PaperCrop, Sgd, TrainingSettings
from rotoline.weights.files import read_weights

PREFIX = "spn."
"""Start of the names of this network's tensors in a weights file."""
LR_POWER = 0.5
"""The learning rate falls with (1 - progress) to this power, as in the authors' solver."""
ENCODER_LR_FACTOR = 0.1
"""Learning rate of the pretrained encoder as a fraction of that of the other layers."""
LOGIT_SCALE = 4.0
"""Factor from the output of a ridge classifier, about -1 to 1, to a logit."""
RIDGE = 1e-2
"""Strength of the L2 regularisation of the ridge classifiers that make coarse masks."""
MIN_CLASS_FRACTION = 0.01
"""Smallest fraction of a crop that a class must cover to be chosen."""


class SpnTraining(TrainingSettings):
    """Train the spatial propagation network of the preset `paper`."""

    steps: int = Field(default=60_000, ge=1)
    """Number of optimiser steps."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of the initial weights and of every sample."""
    batch: int = Field(default=10, ge=1)
    """Number of crops in a step of one process."""
    crop: PaperCrop = PaperCrop(height=256, width=256)
    """The size of the frames that the network is trained on."""
    short_side: int = Field(default=320, ge=32)
    """Pictures are reduced until their shorter side has this size in pixels, so that a crop shows
    most of an object."""
    optimiser: Sgd = Sgd(
        learning_rate=1e-4, momentum=0.9, weight_decay=5e-3, max_gradient_norm=1000.0
    )
    """The optimiser: how far the weights move in a step."""
    augmentation: Augmentation = Augmentation(scale=0.1, rotation=15.0, shift=0.1)
    """How far both views of a picture differ from the original."""
    signed_gates: bool = False
    """Whether the gates may be negative, as in the paper; if not, they are a softmax."""
    precision: Precision = "auto"
    """Precision of the activations: `float32`, `bfloat16`, or `auto`, which is bfloat16 on a GPU
    and float32 on a CPU."""


class PretrainedWeights(NamedTuple):
    """The weights files that the training of the SPN starts from."""

    foreground: Path
    """Weights of the foreground network, which stays unchanged."""
    encoder: Path | None
    """A published VGG-16 for the encoder, or weights of the preset `paper`, whose whole SPN is
    taken over; None starts from random weights."""


@dataclass(frozen=True, slots=True)
class SpnRecipe:
    """How the SPN is trained; see `training.session.Recipe`."""

    settings: SpnTraining
    start: PretrainedWeights
    file_name: str = "paper.safetensors"

    @property
    def short_side(self) -> int:
        """Pictures are reduced as the settings say."""
        return self.settings.short_side

    def initialise(self) -> tuple[PaperNet, str]:
        """Both networks before the first step, and which pretrained weights are in them."""
        record, state = read_weights(self.start.foreground)
        net = network_from_state(state)
        net.spn, origin = self.initialise_spn()
        foreground = f"foreground: {record.name}, {record.sha256[:16]} ({record.data})"
        return net, f"{origin}; {foreground}"

    def initialise_spn(self) -> tuple[GuidedPropagationNet, str]:
        """The SPN before its first step, and which pretrained weights are in it."""
        with torch.random.fork_rng():
            torch.manual_seed(self.settings.seed)
            spn = GuidedPropagationNet(signed_gates=self.settings.signed_gates)
        if self.start.encoder is None:
            return spn, "nothing"
        return spn, warm_start(spn, self.start.encoder)

    def prepare(self, net: PaperNet, clips: list[Clip]) -> TrainingRun["Crops"]:
        """SGD on crops with coarse masks; only the SPN is trained."""
        settings = self.settings
        assert net.spn is not None
        spn = net.spn.requires_grad_().train()
        device = spn.lift.weight.device

        def loss(crops: Crops) -> dict[str, Tensor]:
            views, masks = crops.views.to(device), crops.masks.to(device)
            with autocast(device, settings.precision):
                scores = coarse_scores(net.foreground, views, masks[:, 0])
                logits = spn(scores, spn.gates(views[:, 1]))
            return {"loss": functional.cross_entropy(logits.float(), masks[:, 1].long())}

        return TrainingRun(
            TrainingState(spn, None, _make_optimizer(spn, settings.optimiser)),
            settings,
            sample=CropSamples(clips, settings).make,
            loss=loss,
            lr_factor=lambda step: (1 - step / settings.steps) ** LR_POWER,
        )

    def export(self, net: PaperNet) -> Exported:
        """Both networks; the tensors do not show signed gates, so the record states them."""
        return Exported(net, {"signed_gates": True} if self.settings.signed_gates else {})


def warm_start(spn: GuidedPropagationNet, path: Path) -> str:
    """Take over the weights of an encoder or of a whole SPN, and say which they are.

    Raises:
        WeightsError: The file has neither a VGG-16 nor an SPN, or an SPN with the other kind of
            gates.
    """
    record, state = read_weights(path)
    ours = {k.removeprefix(PREFIX): v for k, v in state.items() if k.startswith(PREFIX)}
    if ours and record.network_options.get("signed_gates", False) != spn.signed_gates:
        kinds = "a softmax; the SPN of {} has signed gates"
        if spn.signed_gates:
            kinds = "signed; the gates of the SPN of {} are a softmax"
        raise WeightsError(
            f"gates are {kinds.format(path)}: the weights fit only the same kind of gates; change "
            "signed_gates, or start from other weights"
        )
    try:
        if ours:
            spn.load_state_dict(ours)
        else:
            spn.guidance.encoder.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(
            f"{path} holds neither a VGG-16 nor a propagation network; start from vgg16-imagenet, "
            "vgg16-hed, from the weights of an earlier training, or from nothing"
        ) from error
    return f"{record.name}, {record.sha256[:16]}"


def _make_optimizer(spn: GuidedPropagationNet, settings: Sgd) -> torch.optim.SGD:
    """SGD with a slower group for the pretrained encoder."""
    encoder = list(spn.guidance.encoder.parameters())
    ids = {id(parameter) for parameter in encoder}
    rest = [parameter for parameter in spn.parameters() if id(parameter) not in ids]
    rate = settings.learning_rate
    return torch.optim.SGD(
        [
            {"params": encoder, "peak_lr": rate * ENCODER_LR_FACTOR},
            {"params": rest, "peak_lr": rate},
        ],
        lr=rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )


@torch.no_grad()
def coarse_scores(net: SegmentationNet, views: Tensor, masks: Tensor) -> Tensor:
    """Coarse masks of a class, as a segmentation network at stride 8 makes them.

    Args:
        net: The foreground network, of which the 128 features are used.
        views: float `(B, 2, 3, H, W)` in [0, 255]: a ridge classifier is solved on the first view
            of each picture and applied to the second.
        masks: float `(B, H, W)`, 0 or 1, of the first views.

    Returns:
        float `(B, 1, H, W)` in [0, 1], of the second views.
    """
    maps = net.maps(views.flatten(0, 1))
    assert net.feat.bias is not None
    features = project(maps, net.feat.weight.flatten(1), net.feat.bias).float()
    features = features / (features.square().mean(1, keepdim=True) + 1e-6).sqrt()
    shares = functional.avg_pool2d(masks[:, None], 8)
    ridge = torch.tensor(RIDGE, device=views.device)
    logits = [
        LOGIT_SCALE * predict(solve(accumulate(first, share), ridge), second)
        for first, second, share in zip(features[::2], features[1::2], shares, strict=True)
    ]
    return upsample_logits(torch.stack(logits)).sigmoid()


class Crops(NamedTuple):
    """Two views of each of B pictures."""

    views: Tensor
    """float `(B, 2, 3, H, W)` in [0, 255]."""
    masks: Tensor
    """float `(B, 2, H, W)`, 0 or 1: the chosen class in both views."""


@dataclass(frozen=True, slots=True)
class CropSamples:
    """Crops of pictures with one of their classes."""

    clips: list[Clip]
    settings: SpnTraining

    def make(self, number: int, progress: float) -> Crops:
        """The crops of sample `number`, the same at any progress of the training."""
        del progress  # as in the paper, samples do not change along the training
        first = number * self.settings.batch
        pairs = [self._make_one(first + index) for index in range(self.settings.batch)]
        return Crops(*(torch.stack(parts) for parts in zip(*pairs, strict=True)))

    def _make_one(self, number: int) -> tuple[Tensor, Tensor]:
        generator = generator_for(self.settings.seed, number)
        sampler, size = Sampler(generator), (self.settings.crop.height, self.settings.crop.width)
        clip = sample_clip(self.clips, sampler)
        at = sampler.integer(0, len(clip.frames) - 1)
        frame, labels = clip.frames[at][None].float(), clip.known_labels(at)[None].float()
        place = sample_crop((frame.shape[-2], frame.shape[-1]), size, sampler)
        views = [
            warp_together(
                frame,
                labels,
                place @ sample_affine(generator, size, self.settings.augmentation),
                size,
            )
            for _ in range(2)
        ]
        classes = torch.cat([shown for _, shown in views])
        chosen = sample_class(classes[1], sampler)
        return torch.cat([view for view, _ in views]), (classes == chosen).float()


def sample_class(labels: Tensor, sampler: Sampler) -> int:
    """Choose one of the larger classes of a crop `(H, W)`; 1 if there is none."""
    ids, counts = torch.unique(labels[labels > 0], return_counts=True)
    large = ids[counts > MIN_CLASS_FRACTION * labels.numel()].tolist()
    return int(sampler.one_of(large)) if large else 1
