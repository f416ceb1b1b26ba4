"""The paper's learner: networks are fine-tuned on the annotated frames.

By default every object gets the generic foreground network, fine-tuned on augmented views of the
frames in which it is annotated; so does the foreground, the union of the objects. See
docs/method/paper.md.
"""

import copy
import math
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from rotoline.errors import ConfigError
from rotoline.learning import schedule
from rotoline.learning.augmentation import (
    Augmentation,
    generator_for,
    sample_affine,
    warp_together,
)
from rotoline.learning.losses import class_balanced_loss
from rotoline.learning.sgd import minimise
from rotoline.runtime.device import Precision, autocast
from rotoline.runtime.progress import Report
from rotoline.systems.paper.segmentation import SegmentationNet


class FineTuning(BaseModel):
    """Fine-tune networks on the annotated frames. The defaults are the paper's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["fine_tuning"] = "fine_tuning"
    """The whole network is fine-tuned on the annotated frames, as in the paper."""
    networks: Literal["per_object", "joint"] = "per_object"
    """Whether every object has a network of its own, or one network has a softmax over all objects
    and the background. The paper compares the two (Table 1) and takes `per_object`."""
    tune_foreground: bool = True
    """Whether the foreground network is fine-tuned on the union of the objects (with `joint`, the
    foreground is all that is not background); if not, the generic network limits the objects."""
    steps: int = Field(default=schedule.STEPS, ge=1)
    """Number of SGD steps of a network."""
    budget: float = Field(default=0.0, ge=0)
    """Seconds for learning all objects together; steps are left out to stay within it. 0 for no
    limit. The number of steps then depends on the machine, and so do the results."""
    learning_rate: float = Field(default=schedule.LEARNING_RATE, gt=0, le=1e12)
    """Learning rate for a loss that is a mean over pixels."""
    lr_halvings: int = Field(default=schedule.STEPS // schedule.HALVE_EVERY - 1, ge=0)
    """How often the learning rate is halved, at equal distances; 2 is every 10,000 of 30,000
    steps."""
    momentum: float = Field(default=schedule.MOMENTUM, ge=0, lt=1)
    """Momentum of SGD."""
    weight_decay: float = Field(default=5e-4, ge=0, le=1)
    """Weight decay of SGD; the value of the authors' released solver."""
    augmentation: Augmentation = Augmentation()
    """How far augmented views of an annotated frame differ from it."""


class AnnotatedFrame(NamedTuple):
    """An annotated frame at the working size."""

    frame: Tensor
    """float `(1, 3, H, W)` in [0, 255]."""
    masks: Tensor
    """float `(R, H, W)`, 0 or 1: the targets of R networks or heads."""


def fine_tune(
    net: SegmentationNet,
    annotated: list[AnnotatedFrame],
    config: FineTuning,
    *,
    precision: Precision,
    seed: int,
    report: Report,
) -> list[SegmentationNet]:
    """Fine-tune one network for each row of the masks.

    Args:
        net: The network that every row starts from; it is not changed.
        annotated: The frames to learn from, on the device of the net.
        config: The schedule.
        precision: Precision of the activations.
        seed: Decides the augmented views; rows that the same frames show get the same views.
        report: Called after every step with the steps done and in all.

    Returns:
        R networks.

    Raises:
        ConfigError: A loss is infinite or not a number.

    Source:
        Paper, section on the segmentation network: 30,000 steps of batch 1, the rate halved every
        10,000, views made by affine maps. Deviations: views are made on the fly and not drawn from
        1,000 made before; a mean loss and the step size that goes with it (learning/schedule.py).
    """
    rows = annotated[0].masks.shape[0]
    nets = [copy.deepcopy(net) for _ in range(rows)]
    for row, one in enumerate(nets):
        frames = frames_showing(row, annotated)

        def done(step: int, row: int = row) -> None:
            report(row * config.steps + step, rows * config.steps)

        descend(
            one,
            frames,
            config,
            loss=class_balanced_loss,
            precision=precision,
            seed=seed,
            done=done,
            share=1 / rows,
        )
    return nets


def frames_showing(row: int, annotated: list[AnnotatedFrame]) -> list[AnnotatedFrame]:
    """The frames in which one row has pixels, with the mask `(1, H, W)` of that row alone.

    All frames if none shows it: the loss of an empty mask is 0, so nothing is learned from them.
    """
    alone = [AnnotatedFrame(frame, masks[row : row + 1]) for frame, masks in annotated]
    return [one for one in alone if one.masks.any()] or alone


def sample_view(
    annotated: list[AnnotatedFrame], augmentation: Augmentation, seed: int, step: int
) -> AnnotatedFrame:
    """The augmented view of a step; it depends on seed and step alone."""
    generator = generator_for(seed, step)
    at = int(torch.randint(len(annotated), (), generator=generator))
    frame, masks = annotated[at]
    height, width = frame.shape[-2:]
    affine = sample_affine(generator, (height, width), augmentation)
    return AnnotatedFrame(*warp_together(frame, masks, affine))


def descend(  # noqa: PLR0913
    net: SegmentationNet,
    annotated: list[AnnotatedFrame],
    config: FineTuning,
    *,
    loss: Callable[[Tensor, Tensor], Tensor],
    precision: Precision,
    seed: int,
    done: Callable[[int], None],
    share: float,
) -> None:
    """Fine-tune one network in place, within its share of the budget.

    Args:
        net: The network; afterwards it is in the mode of evaluation, without gradients.
        annotated: The frames to learn from, on the device of the net.
        config: The schedule.
        loss: The loss of logits `(1, C, H, W)` and masks `(R, H, W)`, a scalar.
        precision: Precision of the activations.
        seed: Decides the augmented views.
        done: Called after every step with the steps done.
        share: Share of `config.budget` that is for this network.

    Raises:
        ConfigError: A loss is infinite or not a number.
    """
    net.requires_grad_(requires_grad=True).train()
    optimizer = torch.optim.SGD(
        net.parameters(),
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
    device = annotated[0].frame.device
    steps, began = config.steps, time.perf_counter()
    warm = began

    def learning_rate(step: int) -> float:
        # `steps` falls where the budget is short; the halvings move with it.
        every = math.ceil(steps / (config.lr_halvings + 1))
        return schedule.halved(config.learning_rate, step, every)

    def loss_of(view: AnnotatedFrame) -> Tensor:
        with autocast(device, precision):
            logits = net(view.frame)
        return loss(logits, view.masks)

    for step, value in minimise(
        optimizer,
        sample=lambda step: sample_view(annotated, config.augmentation, seed, step),
        loss=loss_of,
        learning_rate=learning_rate,
    ):
        if not math.isfinite(value):
            raise ConfigError(f"the loss is {value} in step {step}; lower learner.learning_rate")
        done(step + 1)
        if step == 0:
            warm = time.perf_counter()  # the first step is slower: buffers and kernels are set up
        if config.budget and step == 2:
            now = time.perf_counter()
            fitting = int((began + share * config.budget - now) / ((now - warm) / 2))
            steps = min(steps, 3 + max(0, fitting))
        if step + 1 >= steps:
            break
    net.requires_grad_(requires_grad=False).eval()
