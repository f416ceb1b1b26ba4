"""Fine-tuning the network of the preset `fast` on the marked frames.

All objects of a clip share one tuned network. It learns short clips that are recomposed from the
marked frames (`rotoline.learning.recomposition`), with the losses of training
(`rotoline.systems.fast.episode_loss`). The backbone stays as it is, so its maps of a clip are
computed once. See docs/method/fast.md#tune.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from rotoline.errors import ConfigError
from rotoline.learning.episode import Episode
from rotoline.learning.recomposition import AnnotatedPicture, Recomposed, recompose
from rotoline.learning.sgd import gradient_step
from rotoline.runtime.prefetch import prefetch
from rotoline.runtime.progress import Report
from rotoline.systems.fast.episode_loss import episode_losses, predict_targets, upsample4x
from rotoline.systems.fast.network import FastNet, copy_but_backbone

CLIP_SIZE = (128, 224)
"""Height and width of the recomposed clips, half of those in training. Larger ones were no better
for the same seconds."""
FROZEN = ("encoder.backbone.", "encoder.gate.")
"""Parts that stay as they are. The gates would take 7 % of a step."""
STEPS_PER_CLIP, MIN_CLIPS = 2, 10
"""How often a clip is learned, and the number of clips below which each is learned more seldom."""
HELD_OUT_CLIPS = (4, 8)
"""Fewest and most clips that are not learned but measure what tuning has brought; one for each
object in between."""
SEED, HELD_OUT_SEED = 0, 1
WEIGHT_DECAY, MAX_GRADIENT_NORM, BETAS = 1e-2, 1.0, (0.9, 0.99)
EMA_DECAY = 0.9
"""The result is a running mean of the weights; this fraction of the mean stays in each step."""


DEFAULT_STEPS = 40
"""Number of steps for a clip with one object, if the settings do not say another one."""
STEPS_PER_SECOND = 8
"""Optimiser steps that a second of tuning stands for, on every machine. With one object at 480p two
cores take one to two seconds for them."""


class TuningConfig(BaseModel):
    """Fine-tuning of the network on the marked frames."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int | None = Field(default=None, ge=0)
    """Number of optimiser steps; 0 for no fine-tuning. By default 40 for a clip with one object,
    and none for one with several. `--tune SECONDS` sets it to 8 for each second; with one object at
    480p two cores take one to two seconds for them. `Tracker.step` never tunes by itself."""
    learning_rate: float = Field(default=1e-3, gt=0, le=1)
    """Learning rate of AdamW."""

    def steps_for(self, objects: int) -> int:
        """Number of steps for a clip with so many objects.

        With several, tuning costs accuracy: J&F .664 in place of .723 on schoolgirls and three
        composites (`rotoline experiment ablation` with the weights of two halves, 2026-11-26).
        """
        if self.steps is not None:
            return self.steps
        return DEFAULT_STEPS if objects == 1 else 0


def steps_of(seconds: float) -> int:
    """Number of steps that stands for so many seconds of tuning; 0 for 0, else at least 1.

    Raises:
        ConfigError: The seconds are negative or infinite.
    """
    if not 0 <= seconds < math.inf:
        raise ConfigError(
            f"{seconds} seconds of tuning are impossible; give a number of seconds, or 0 for none"
        )
    return math.ceil(seconds * STEPS_PER_SECOND)


class _Encoded(NamedTuple):
    """A clip, and what the backbone makes of its frames."""

    episode: Episode
    objects: list[int]
    maps: list[Tensor]


def tune(
    net: FastNet,
    annotated: Sequence[AnnotatedPicture],
    *,
    steps: int,
    learning_rate: float,
    report: Report,
    is_cancelled: Callable[[], bool],
) -> FastNet | None:
    """Tune all layers but the backbone and the gates of the propagation.

    Args:
        net: The network to start from; not changed.
        annotated: The annotated frames.
        steps: Number of optimiser steps.
        learning_rate: Learning rate of AdamW.
        report: Called after every step with the steps done and in all.
        is_cancelled: Asked before every step; True ends the tuning.

    Returns:
        The running mean of the tuned networks, with the backbone of `net` itself; None if tuning
        was cancelled, or if there is nothing to learn, because every object is too small.

    Source:
        The paper's second step fine-tunes a network per object, for 30,000 steps of SGD on affine
        views of the first frame. Deviations: one network for all objects, 40 steps of AdamW, clips
        whose objects move by themselves, a frozen backbone.
    """
    # Tensors that were made in inference mode have no gradients.
    with torch.inference_mode(mode=False), torch.enable_grad():
        tuned = _copy_with_gradients(net)
        clips = recompose(annotated, CLIP_SIZE, count=_clip_count(steps), seed=SEED)
        many = _repeated(_encoded(tuned, prefetch(clips)), steps)
        is_done = _optimise(tuned, many, learning_rate, lambda n: report(n, steps), is_cancelled)
    return tuned.requires_grad_(requires_grad=False) if is_done else None


def held_out_iou(
    nets: Sequence[FastNet], annotated: Sequence[AnnotatedPicture], count: int
) -> Tensor:
    """Measure networks with one backbone on clips that were not learned.

    Args:
        nets: N networks.
        annotated: The annotated frames.
        count: Number of objects, K.

    Returns:
        float `(N, K)`: mean IoU of each object over the clips; nan if no clip has it.
    """
    fewest, most = HELD_OUT_CLIPS
    clips = recompose(annotated, CLIP_SIZE, count=min(max(fewest, count), most), seed=HELD_OUT_SEED)
    total, seen = torch.zeros(len(nets), count, dtype=torch.float32), torch.zeros(count)
    with torch.inference_mode():
        for clip in _encoded(nets[0], prefetch(clips)):
            seen[clip.objects] += 1
            for row, net in enumerate(nets):
                total[row, clip.objects] += _mean_iou(net, clip)
    return total / seen


def _clip_count(steps: int) -> int:
    return min(steps, max(MIN_CLIPS, steps // STEPS_PER_CLIP))


def _copy_with_gradients(net: FastNet) -> FastNet:
    """A copy whose tuned parameters have gradients."""
    copied = copy_but_backbone(net)
    for parameter in _tuned_parameters(copied):
        parameter.requires_grad = True
    return copied


def _tuned_parameters(net: FastNet) -> list[nn.Parameter]:
    return [p for name, p in net.named_parameters() if not name.startswith(FROZEN)]


def _optimise(
    net: FastNet,
    clips: Iterable[_Encoded],
    learning_rate: float,
    report: Callable[[int], None],
    is_cancelled: Callable[[], bool],
) -> bool:
    """Tune a network in place, a step a clip; False if cancelled, or if there are no clips."""
    parameters = _tuned_parameters(net)
    optimizer = torch.optim.AdamW(
        parameters, lr=learning_rate, betas=BETAS, weight_decay=WEIGHT_DECAY
    )
    mean = [parameter.detach().clone() for parameter in parameters]

    def clip_gradients() -> None:
        nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)

    done = 0
    for clip in clips:
        if is_cancelled():
            return False
        losses = episode_losses(net, clip.episode, clip.maps, is_quick=True)
        loss = torch.stack(list(losses.values())).sum()
        gradient_step(optimizer, loss, before_update=clip_gradients)
        share = 1 - min(EMA_DECAY, (1 + done) / (10 + done))
        for average, parameter in zip(mean, parameters, strict=True):
            average.lerp_(parameter.detach(), share)
        done += 1
        report(done)
    for parameter, average in zip(parameters, mean, strict=True):
        parameter.detach().copy_(average)
    return done > 0


def _encoded(net: FastNet, clips: Iterable[Recomposed]) -> Iterator[_Encoded]:
    """Run the backbone on clips, when each is asked for."""
    for clip in clips:
        with torch.no_grad():
            maps = net.encoder.backbone_maps(clip.episode.frames)
        yield _Encoded(clip.episode, clip.objects, maps)


def _repeated(clips: Iterable[_Encoded], count: int) -> Iterator[_Encoded]:
    """Yield `count` clips: all of them in turn, then from the first one again."""
    pool = []
    for clip in clips:
        pool.append(clip)
        yield clip
    for index in range(len(pool), count if pool else 0):
        yield pool[index % len(pool)]


def _mean_iou(net: FastNet, clip: _Encoded) -> Tensor:
    """IoU of each object of a clip, in the mean over the targets."""
    iou = []
    for index, maps in enumerate(predict_targets(net, clip.episode, clip.maps), start=2):
        logits, truth = upsample4x(maps.propagated), clip.episode.masks[:, index] > 0.5
        found = (logits > 0) & (logits == logits.amax(0, keepdim=True))
        both, either = ((one.flatten(1).sum(1) + 1) for one in (found & truth, found | truth))
        iou.append(both.float() / either)
    return torch.stack(iou).mean(0)
