"""Stage 2 of 6 in the `paper` preset: learn each object by fine-tuning a network.

    frames ─► foreground ─► [adapt] ─► score ─► propagate ─► regions ─► fuse ─► labels

Every object gets the generic foreground network, fine-tuned on augmented views of the frames in
which it was marked; so does the foreground, the union of the objects. As a faster alternative the
backbone stays as it is and the heads are solved (learning/logistic.py). See docs/method.md#paper.
"""

import copy
import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from rotoline.beside import one_ahead
from rotoline.device import Precision, autocast
from rotoline.errors import ConfigError
from rotoline.learning import schedule
from rotoline.learning.augment import Ranges, draw_affine, generator_for, warp_together
from rotoline.learning.logistic import Heads, solve_heads
from rotoline.learning.losses import class_balanced_loss
from rotoline.nets.segmentation import SegmentationNet
from rotoline.progress import Report

CHECK_EVERY = 50
"""Steps whose mean loss decides on stopping early."""
LEAST_GAIN = 0.01
"""Share by which that mean has to fall."""


class FineTuneConfig(BaseModel):
    """How objects are learned. The defaults are the paper's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    foreground: bool = True
    """Whether the foreground is fine-tuned too; the generic network limits the objects if not."""
    whole: bool = True
    """Whether whole networks are fine-tuned; if not, the backbone stays and heads are solved."""
    steps: int = Field(schedule.STEPS, ge=1)
    """Steps per object."""
    budget: float = Field(0.0, ge=0)
    """Seconds for learning, all objects together; steps are left out to keep to it. 0 for no
    limit. How many steps that is depends on the machine, so results do too."""
    patience: int = Field(0, ge=0)
    """Stop an object once its loss has not fallen by 1 % for so many times 50 steps; 0 never."""
    rate: float = Field(schedule.RATE, gt=0)
    """Learning rate for a loss that is a mean over pixels."""
    halvings: int = Field(schedule.STEPS // schedule.HALVE_EVERY - 1, ge=0)
    """How often the rate is halved, at equal distances: every 10,000 of 30,000 steps."""
    momentum: float = Field(schedule.MOMENTUM, ge=0, lt=1)
    """Of plain SGD."""
    weight_decay: float = Field(5e-4, ge=0)
    """Of the released solver."""
    together: int = Field(1, ge=1)
    """How many objects are fine-tuned in one batch; results do not depend on it."""
    scale: float = Field(0.05, ge=0, lt=1)
    """Largest change of size of the augmentation."""
    rotation: float = Field(5.0, ge=0)
    """Largest angle of it, in degrees."""
    shift: float = Field(0.1, ge=0)
    """Largest shift of it, as a share of width and height."""
    precision: Precision = "auto"
    """Of the activations: `auto` is bfloat16 on a GPU, float32 elsewhere."""
    compile: bool = False
    """Whether `torch.compile` makes the steps faster, objects one by one: on two cores .8 of the
    time after 70 s of compiling, so from about a thousand steps on. Needs a C++ compiler."""
    views: int = Field(12, ge=1)
    """Views of every marked frame that heads are solved on; the first is the frame itself."""
    damping: float = Field(1e-4, ge=0)
    """Strength of the ridge on solved heads."""
    iterations: int = Field(30, ge=1)
    """Newton steps at most, for solved heads."""

    @property
    def ranges(self) -> Ranges:
        """How far augmented views go."""
        return Ranges(self.scale, self.rotation, self.shift)


class Marked(NamedTuple):
    """A marked frame."""

    frame: Tensor
    """`(1, 3, H, W)` in [0, 255]."""
    masks: Tensor
    """`(R, H, W)`, 0 or 1: what each of R networks or heads is to find."""


def fine_tune(
    net: SegmentationNet, marked: list[Marked], config: FineTuneConfig, seed: int, report: Report
) -> list[SegmentationNet]:
    """Fine-tune one network for each mask.

    Args:
        net: Where all start from; stays as it is.
        marked: The frames to learn from, on the device of the net.
        config: The schedule.
        seed: Decides the augmented views, the same ones for all masks that the same frames show.
        report: Is told of every step.

    Returns:
        R networks.

    Raises:
        ConfigError: A loss became infinite, or the networks could not be compiled.

    Source:
        Paper, section on the segmentation network: 30,000 steps of batch 1, the rate halved every
        10,000, views made by affine maps. Deviations: views are made on the fly and not drawn from
        1,000 made before; a mean loss and the step size that goes with it (learning/schedule.py).
    """
    rows = marked[0].masks.shape[0]
    nets = [copy.deepcopy(net).requires_grad_(True).train() for _ in range(rows)]
    shown = [frames_of(row, marked) for row in range(rows)]
    done = 0
    for first in range(0, rows, config.together):
        some = slice(first, first + config.together)
        group = nets[some]

        def make(step: int, some: slice = some) -> list[Marked]:
            return [sample(frames, config.ranges, seed, step) for frames in shown[some]]

        seconds = config.budget * len(group) / rows
        for _ in tune_together(group, make, config, seconds):
            done += len(group)
            report(min(done, rows * config.steps), rows * config.steps)
        done = (first + len(group)) * config.steps
    return [one.requires_grad_(False).eval() for one in nets]


def frames_of(row: int, marked: list[Marked]) -> list[Marked]:
    """The frames that show one mask, with that mask `(1, H, W)` alone: it learns from no other.

    All frames, which teach nothing, if none shows it.
    """
    alone = [Marked(frame, masks[row : row + 1]) for frame, masks in marked]
    return [one for one in alone if one.masks.any()] or alone


def sample(marked: list[Marked], ranges: Ranges, seed: int, step: int) -> Marked:
    """The augmented view of a step: it depends on seed and step alone."""
    generator = generator_for(seed, step)
    at = int(torch.randint(len(marked), (), generator=generator))
    frame, masks = marked[at]
    affine = draw_affine(generator, tuple(frame.shape[-2:]), ranges)
    return Marked(*warp_together(frame, masks, affine))


def tune_together(
    nets: list[SegmentationNet],
    make: Callable[[int], list[Marked]],
    config: FineTuneConfig,
    seconds: float,
) -> Iterator[float]:
    """Fine-tune some networks in place, in one batch.

    Args:
        nets: N networks.
        make: The views of a step, one for each network.
        config: The schedule.
        seconds: What it may take; 0 for no limit.

    Yields:
        The mean loss of every step.
    """
    forward, parameters, finish = _as_one(nets, compiled=config.compile)
    optimizer = torch.optim.SGD(
        parameters, lr=config.rate, momentum=config.momentum, weight_decay=config.weight_decay
    )
    device = parameters[0].device
    steps, began, losses = config.steps, time.perf_counter(), []
    for step, views in enumerate(one_ahead(map(make, itertools.count()))):
        every = math.ceil(steps / (config.halvings + 1))
        optimizer.param_groups[0]["lr"] = schedule.halved(config.rate, step, every)
        with autocast(device, config.precision):
            frames = torch.stack([view.frame for view in views])
            logits = _forward(forward, frames, compiled=config.compile)
        loss = sum(
            class_balanced_loss(one, view.masks) for one, view in zip(logits, views, strict=True)
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()) / len(nets))
        if not math.isfinite(losses[-1]):
            raise ConfigError(f"the loss is {losses[-1]} in step {step}; lower adapt.rate")
        yield losses[-1]
        if step == 0:
            warm = time.perf_counter()  # the first step may have to compile
        if seconds and step == 2:
            now = time.perf_counter()
            fitting = int((began + seconds - now) / ((now - warm) / 2))
            steps = min(steps, 3 + max(0, fitting))
        if step + 1 >= steps or _has_settled(losses, config.patience):
            break
    finish()


def _as_one(
    nets: list[SegmentationNet], *, compiled: bool
) -> tuple[Callable[[Tensor], Tensor], list[Tensor], Callable[[], None]]:
    """N networks as one function of N frames, its parameters, and a last step.

    One network runs as it is; several run side by side on stacked parameters.
    """
    if len(nets) == 1:
        run = torch.compile(nets[0]) if compiled else nets[0]
        return lambda frames: run(frames[0])[None], list(nets[0].parameters()), lambda: None
    stacked, buffers = torch.func.stack_module_state(nets)
    skeleton = copy.deepcopy(nets[0]).to("meta")

    def forward(frames: Tensor) -> Tensor:
        def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], frame: Tensor) -> Tensor:
            return torch.func.functional_call(skeleton, (parameters, buffers), (frame,))

        with (
            _HalfConvolutions() if torch.is_autocast_enabled(frames.device.type) else nullcontext()
        ):
            return torch.func.vmap(one)(stacked, buffers, frames)

    @torch.no_grad()
    def finish() -> None:
        for index, net in enumerate(nets):
            for name, parameter in net.named_parameters():
                parameter.copy_(stacked[name][index])

    return forward, list(stacked.values()), finish


class _HalfConvolutions(TorchFunctionMode):
    """What autocast does with convolutions and batch norms, and cannot do inside `vmap`."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        del types
        kwargs = kwargs or {}
        if func is torch.conv2d:
            args = [x.bfloat16() if isinstance(x, Tensor) else x for x in args]
        elif func is functional.batch_norm:
            return func(args[0].float(), *args[1:], **kwargs).bfloat16()
        return func(*args, **kwargs)


def _forward(forward: Callable[[Tensor], Tensor], frame: Tensor, *, compiled: bool) -> Tensor:
    try:
        return forward(frame)
    except RuntimeError as error:
        if not compiled:
            raise
        raise ConfigError(
            f"the network could not be compiled ({str(error).splitlines()[0]}); torch.compile "
            "needs a C++ compiler: install one, or leave out adapt.compile"
        ) from error


def _has_settled(losses: list[float], patience: int) -> bool:
    """Whether the mean of the last blocks of 50 steps was never clearly below those before."""
    if not patience or len(losses) % CHECK_EVERY or len(losses) <= patience * CHECK_EVERY:
        return False
    means = [
        sum(losses[at : at + CHECK_EVERY]) / CHECK_EVERY
        for at in range(0, len(losses), CHECK_EVERY)
    ]
    return min(means[-patience:]) > (1 - LEAST_GAIN) * min(means[:-patience])


@torch.no_grad()
def solve_objects(
    net: SegmentationNet, marked: list[Marked], config: FineTuneConfig, seed: int
) -> Heads:
    """Solve one linear head for each mask, on the features of the net as it is.

    Args:
        net: Gives the features.
        marked: The frames to learn from, on the device of the net.
        config: How many views, and how strong the ridge is.
        seed: Decides the augmented views.

    Returns:
        R heads, solved in one batch.
    """
    views = []
    for number, (frame, masks) in enumerate(marked):
        for at in range(config.views):
            generator = generator_for(seed, number * config.views + at)
            affine = draw_affine(generator, tuple(frame.shape[-2:]), config.ranges)
            shown, targets = (frame, masks) if at == 0 else warp_together(frame, masks, affine)
            with autocast(frame.device, config.precision):
                maps = net.maps(shown)
            views.append((tuple(part.float() for part in maps), targets))
    return solve_heads(views, damping=config.damping, iterations=config.iterations)


def rows_of(masks: Mapping[int, Tensor], *, foreground: bool) -> dict[int, Tensor]:
    """Masks `(K, H, W)` by frame with their union as the last row where that is wanted.

    One object is its own union, so that nothing is learned twice. The union of a frame that does
    not show all objects is not known, and empty, unless that is so in every frame.
    """
    if not foreground or len(next(iter(masks.values()))) == 1:
        return dict(masks)
    whole = {i: bool(part.flatten(1).any(1).all()) for i, part in masks.items()}
    known = {i: is_whole or not any(whole.values()) for i, is_whole in whole.items()}
    return {
        i: torch.cat((part, part.amax(0, keepdim=True) * known[i])) for i, part in masks.items()
    }
