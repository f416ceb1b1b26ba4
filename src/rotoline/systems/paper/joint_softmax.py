"""What the paper compares its networks with: one network and one softmax for all objects.

The network has an output for the background and one for every object, and is fine-tuned like those
of single objects. The paper drops it (Table 1). See docs/method/paper.md.
"""

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from rotoline.learning.losses import class_balanced_loss
from rotoline.nets.layers import highest_other
from rotoline.runtime.device import Precision
from rotoline.runtime.progress import Report
from rotoline.systems.paper.fine_tuning import AnnotatedFrame, FineTuning, descend
from rotoline.systems.paper.segmentation import SegmentationNet


def tune_jointly(
    net: SegmentationNet,
    annotated: list[AnnotatedFrame],
    config: FineTuning,
    *,
    precision: Precision,
    seed: int,
    report: Report,
) -> SegmentationNet:
    """Fine-tune one network that tells K objects and the background apart.

    Args:
        net: The generic network, with outputs for background and foreground; it is not changed.
        annotated: The frames to learn from, with a mask for each of K objects, on the device of the
            net.
        config: The schedule.
        precision: Precision of the activations.
        seed: Decides the augmented views.
        report: Called after every step with the steps done and in all.

    Returns:
        A network with K + 1 outputs, the background first.

    Raises:
        ConfigError: A loss is infinite or not a number.

    Source:
        Paper, Table 1. It does not say how the outputs start, nor how classes are balanced: see
        `widened` and `class_balanced_loss`.
    """
    joint = widened(net, annotated[0].masks.shape[0])
    descend(
        joint,
        annotated,
        config,
        loss=lambda logits, masks: class_balanced_loss(logits, to_labels(masks)[None]),
        precision=precision,
        seed=seed,
        done=lambda step: report(step, config.steps),
        share=1.0,
    )
    return joint


@torch.no_grad()
def widened(net: SegmentationNet, objects: int) -> SegmentationNet:
    """A copy of a network with outputs for background and foreground, with K + 1 outputs.

    Every object starts with the foreground's weights and the K-th part of its probability, so that
    the objects together are as probable as the foreground was.
    """
    joint = copy.deepcopy(net)
    joint.score = nn.Conv2d(net.score.in_channels, objects + 1, 1).to(net.score.weight)
    rows = torch.tensor([0] + [1] * objects)
    assert net.score.bias is not None
    assert joint.score.bias is not None
    joint.score.weight.copy_(net.score.weight[rows])
    joint.score.bias.copy_(net.score.bias[rows])
    joint.score.bias[1:] -= math.log(objects)
    return joint


def to_labels(masks: Tensor) -> Tensor:
    """Masks `(K, H, W)`, 0 or 1, as labels `(H, W)` from 0 to K; of several the first counts."""
    highest, first = masks.max(0)
    return torch.where(highest > 0, first + 1, 0)


def margins(logits: Tensor) -> tuple[Tensor, Tensor]:
    """What a softmax says of every object and of all together, as logits.

    Args:
        logits: float `(K + 1, H, W)`, the background first.

    Returns:
        `(K, H, W)`: how much more likely an object is than the likeliest of the others and of the
        background, as the log of the ratio: above 0 for the class that the softmax gives the pixel,
        and for no other. `(1, H, W)`: the log-odds that the pixel is any of the objects.
    """
    foreground = logits[1:].logsumexp(0) - logits[0]
    return (logits - highest_other(logits))[1:], foreground[None]


def frames_to_learn_from(
    masks: Mapping[int, Tensor], told: Mapping[int, Tensor]
) -> dict[int, Tensor]:
    """The masks of the frames that one softmax is learned from.

    In a frame that does not tell of all objects, what is called background may be an object that
    was not marked there. So these frames are used only if the others do not show every object.

    Args:
        masks: By frame, `(K, H, W)`, 0 or 1.
        told: By frame, bool `(K,)`: the objects of which it says where they are, or that they are
            hidden.

    Returns:
        Those of `masks` that are learned from: frames without any object only if all are so.
    """
    shown = {index: part.flatten(1).any(1) for index, part in masks.items()}
    visible = [index for index in masks if shown[index].any()]
    whole = [index for index in visible if told[index].all()]
    everything = torch.stack(list(shown.values())).any(0)
    is_enough = whole and bool(
        (torch.stack([shown[index] for index in whole]).any(0) == everything).all()
    )
    chosen = whole if is_enough else visible or list(masks)
    return {index: masks[index] for index in chosen}
