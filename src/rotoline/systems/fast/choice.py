"""Whether a clip goes on with a network that was fine-tuned on it.

The tuned network is kept only if it is at least as good, in the mean over the objects, on clips
that it has not learned and on the annotated frames, and no object gets much worse.

All objects of a clip are segmented by one network: maps of different networks are not on one scale,
and where two objects touch, the one with the surer network takes pixels from the other, more in
every frame (bundled clip, one of three objects with the untuned network: J&F .645; all tuned .945,
none .938).
"""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from rotoline.annotations import Annotations
from rotoline.learning.recomposition import AnnotatedPicture
from rotoline.metrics.region import region_similarity
from rotoline.runtime.progress import Report
from rotoline.stages.foreground import limit_again, limit_to_foreground
from rotoline.stages.fuse import fuse
from rotoline.stages.preprocess import to_tensor
from rotoline.systems.fast.encoder import Features
from rotoline.systems.fast.online_ridge import MEMORY_FRAMES, choose_memory_frames
from rotoline.systems.fast.tuning import held_out_iou, tune
from rotoline.types import SATURATED_LOGIT, Frame, upsample_in_turn

if TYPE_CHECKING:
    from rotoline.systems.fast.system import FittedFastSystem

HELD_OUT_LOSS, READ_BACK_LOSS = 0.02, 0.01
"""How much IoU a single object may lose, on clips that were not learned and in the annotated
frames, if the mean over all objects is not lower. Not fitted to anything: on 30 clips of one
object, where no loss is allowed, allowing up to .05 would change the mean J&F by .002."""


def tune_if_better(
    current: "FittedFastSystem",
    frames: Mapping[int, Frame],
    annotations: Annotations,
    report: Report,
    is_cancelled: Callable[[], bool],
) -> "FittedFastSystem | None":
    """Tune the network of a system, and choose; see `FittedSystem.tune`.

    Returns:
        The tuned system, or `current` itself if it is better; None if nothing was tuned.
    """
    config, count = current.config.tuning, len(annotations.object_ids)
    steps = config.steps_for(count)
    if steps == 0:
        return None
    pictures = [
        _annotated_picture(frame, annotations.masks_at(index, current.size))
        for index, frame in frames.items()
    ]
    net = tune(
        current.net,
        pictures,
        steps=steps,
        learning_rate=config.learning_rate,
        report=report,
        is_cancelled=is_cancelled,
    )
    if net is None:
        return None
    before, after = held_out_iou([current.net, net], pictures, count)
    found = current
    if is_not_worse(before, after, HELD_OUT_LOSS):
        with torch.inference_mode():
            tuned = current.with_network(net, frames, annotations)
            before, after = _read_back([current, tuned], frames, annotations)
        if is_not_worse(before, after, READ_BACK_LOSS):
            found = tuned
    return None if is_cancelled() else found


def is_not_worse(before: Tensor, after: Tensor, allowed: float) -> bool:
    """Compare the IoU of K objects: the mean is not lower, nor a single one by more than allowed.

    Args:
        before: float `(K,)`; nan for objects that were not measured, which do not count.
        after: The same with another network.
        allowed: The largest loss of a single object.

    Returns:
        False if no object was measured.
    """
    gains = after - before
    gains = gains[~gains.isnan()]
    return len(gains) > 0 and bool(gains.mean() >= 0) and bool(gains.min() >= -allowed)


def _annotated_picture(frame: Frame, masks: Tensor) -> AnnotatedPicture:
    """A frame with masks `(K, H, W)` in [0, 1] at the working size."""
    share, label = masks.max(0)
    pixels = to_tensor(frame, (masks.shape[1], masks.shape[2]))[0]
    labels = torch.where(share > 0.5, label + 1, 0)
    return AnnotatedPicture(pixels.round().clamp(0, 255).byte().contiguous(), labels.byte())


def _read_back(
    systems: "list[FittedFastSystem]", frames: Mapping[int, Frame], annotations: Annotations
) -> Tensor:
    """IoU `(N, K)` in the annotated frames, segmented once more by systems with one backbone.

    With the default settings of all stages, whatever the stages of this run are, but without the
    region filter.
    """
    config = systems[0].config
    judged = type(config)(working_pixels=config.working_pixels)
    systems = [one.with_config(judged) for one in systems]
    shown = {index: annotations.annotated_in(index) for index in frames}
    found = []
    for index in sorted(choose_memory_frames(shown, MEMORY_FRAMES)):
        maps = systems[0].encode_annotated(index, frames[index])
        iou = [
            _read_back_frame(one, one.net.encoder.from_backbone(maps), annotations, index)
            for one in systems
        ]
        found.append(torch.stack(iou))
    return torch.stack(found).nanmean(0)


def _read_back_frame(
    system: "FittedFastSystem", features: Features, annotations: Annotations, index: int
) -> Tensor:
    """IoU `(K,)` in an annotated frame that follows its own annotation.

    That of an object that is not annotated in the frame is nan.
    """
    config, ids = system.config, annotations.object_ids
    shown = annotations.annotated_in(index)
    share = annotations.masks_at(index, system.map_size)
    saturated = (SATURATED_LOGIT * (2 * share - 1)).sigmoid()
    system.reset_to_annotation(index)
    scores = torch.where(shown[:, None, None], saturated, 0.0)
    logits, foreground = system.score(features, scores)
    logits = limit_to_foreground(logits, foreground, config.foreground)
    logits = system.propagate(logits, features)
    logits = torch.where(shown[:, None, None], logits, -SATURATED_LOGIT)
    logits = limit_again(logits, foreground, config.foreground)
    maps = upsample_in_turn(logits, annotations.size)
    labels = fuse(maps, ids, config.fuse.background_threshold)
    truth = annotations.labels[index]
    labels[annotations.void.get(index, np.zeros_like(truth, bool))] = 0  # nothing is known there
    iou = [
        region_similarity(labels == one, truth == one) if is_shown else math.nan
        for one, is_shown in zip(ids, shown.tolist(), strict=True)
    ]
    return torch.tensor(iou, dtype=torch.float64)
