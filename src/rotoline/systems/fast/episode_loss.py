"""The losses of an episode: what training and fine-tuning on the marked frames have in common.

Classifiers are solved on the reference frame and applied to consecutive target frames, as the
system does, so gradients reach the encoder through the closed-form solver. Each target starts from
the prediction of the previous one, so the refinement network learns to correct its own errors.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.learning.episode import Episode
from rotoline.learning.losses import mask_loss
from rotoline.learning.ridge import accumulate, solve, weighted_sum
from rotoline.learning.targets import known_shares
from rotoline.systems.fast.encoder import Features, TopDown
from rotoline.systems.fast.memory_readout import MemoryFrames
from rotoline.systems.fast.network import FastNet
from rotoline.systems.fast.online_ridge import OTHER_OBJECT_WEIGHT
from rotoline.systems.fast.scoring import (
    TemporalContext,
    best_other_object,
    classifier_logits,
    readout_maps,
)

LOSS_WEIGHTS = {"classifier": 0.5, "refined": 0.3, "propagated": 1.0}
"""Weight of the loss of each stage's map. The first two keep each stage useful by itself."""


class StageMaps(NamedTuple):
    """Logits of K objects in one frame after each stage, float `(K, 1, h, w)` at stride 4."""

    classifier: Tensor
    """After the ridge classifiers."""
    refined: Tensor
    """After the refinement network."""
    propagated: Tensor
    """After the propagation network."""


def episode_losses(
    net: FastNet,
    episode: Episode,
    backbone_maps: Sequence[Tensor] | None = None,
    *,
    is_quick: bool = False,
) -> dict[str, Tensor]:
    """The weighted losses of one episode.

    Args:
        net: The network; gradients reach all parameters that require them.
        episode: K objects.
        backbone_maps: What `Encoder.backbone_maps` gives for the frames, if it is known.
        is_quick: Whether the maps before propagation are compared at stride 4, which takes a tenth
            less time for all of a step; all pixels must be known then.

    Returns:
        A scalar for the map of each stage (`StageMaps`), the mean over objects and targets, and
        `competing`: the cross entropy between the objects and the background, 0 for one object.
        Unknown pixels are in none of them, and nothing is learned from them in the reference frame.
    """
    losses = dict.fromkeys((*LOSS_WEIGHTS, "competing"), torch.zeros((), dtype=torch.float32))
    count = len(episode.frames) - 2 - episode.marked_targets
    predicted = islice(predict_targets(net, episode, backbone_maps), count)
    for index, maps in enumerate(predicted, start=2):
        truth = episode.masks[:, index]
        known = None if episode.known is None else episode.known[index]
        for name, logits in maps._asdict().items():
            if is_quick and name != "propagated":
                loss = mask_loss(logits[:, 0], functional.avg_pool2d(truth, 4), block=1)
            else:
                loss = mask_loss(upsample4x(logits), truth, known)
            losses[name] = losses[name] + LOSS_WEIGHTS[name] / count * loss
        if len(truth) > 1:
            losses["competing"] = losses["competing"] + _competition(maps, truth, known) / count
    return losses


def predict_targets(
    net: FastNet, episode: Episode, backbone_maps: Sequence[Tensor] | None = None
) -> Iterator[StageMaps]:
    """Predict the objects in one target frame after the other; see `episode_losses`."""
    encoder, count = net.encoder, len(episode.frames) - 2
    if backbone_maps is None:
        backbone_maps = encoder.backbone_maps(episode.frames)
    # The reference, the frame before the targets, the targets. Only what is used is computed.
    first, second, rest = zip(*(maps.split((1, 1, count)) for maps in backbone_maps), strict=True)
    keys = encoder.local_keys(encoder.coarse_top_down(second))
    path = encoder.top_down([torch.cat(maps) for maps in zip(first, rest, strict=True)])
    levels = (level.split((1, count)) for level in path)
    reference, targets = (TopDown(*parts) for parts in zip(*levels, strict=True))
    features = encoder.features(targets)
    marked = {0: (encoder.embedding(reference.fine), encoder.global_keys(reference.far))}
    for index in range(count - episode.marked_targets, count):
        marked[index + 2] = features.embedding[index, None], features.global_keys[index, None]
    classifiers, memory = _learn(net, episode, marked)
    scores = functional.avg_pool2d(episode.previous_masks, 4)
    for parts in zip(*(part.split(1) for part in features), strict=True):
        view = Features(*parts)
        context = TemporalContext(scores, keys, memory)
        maps = _predict(net, classifiers, view, context, episode)
        yield maps
        scores, keys = maps.propagated[:, 0].detach().sigmoid(), view.local_keys


def _learn(
    net: FastNet, episode: Episode, marked: Mapping[int, tuple[Tensor, Tensor]]
) -> tuple[Tensor, MemoryFrames]:
    """The classifiers of all objects `(K, D1)`, and the memory, from all marked frames.

    Args:
        net: The network.
        episode: K objects.
        marked: Embedding `(1, D, h, w)` and global keys of the marked frames by index.
    """
    equations, weights, memories = [], [], []
    for index, (embedding, keys) in marked.items():
        masks = episode.masks[:, index]
        known = None if episode.known is None else episode.known[index]
        seen = masks if known is None else masks * known
        # As the system does, which learns nothing of an object from a frame without it.
        shown = (seen.flatten(1).amax(1) > 0).to(masks)
        shares, counted = _shares(masks, known, 4)
        others, _ = _shares(_others(episode, index), known, 4)
        equations.append(
            accumulate(embedding.squeeze(0), shares, others, OTHER_OBJECT_WEIGHT, counted)
        )
        weights.append(shown)
        values, counted = _shares(masks, known, 16)
        counted = torch.ones_like(values) if counted is None else counted
        counted = counted * shown[:, None, None]
        memories.append(
            MemoryFrames(keys.squeeze(0).flatten(1), values.flatten(1), counted.flatten(1))
        )
    table = torch.stack(weights)
    table[0] = torch.where(table.sum(0) > 0, table[0], 1.0)  # shown in none: background alone
    memory = MemoryFrames(*(torch.cat(parts, dim=1) for parts in zip(*memories, strict=True)))
    return solve(weighted_sum(equations, table), net.ridge), memory


def _others(episode: Episode, index: int) -> Tensor:
    """The other annotated objects in a marked frame, `(K, H, W)`."""
    if index == 0:
        return episode.others
    masks = episode.masks[:, index]
    return masks.sum(0) - masks


def _shares(masks: Tensor, known: Tensor | None, stride: int) -> tuple[Tensor, Tensor | None]:
    """`known_shares`; all pixels are known if `known` is None, and so is the second result then."""
    if known is None:
        return functional.avg_pool2d(masks, stride), None
    return known_shares(masks, known, stride)


def _predict(
    net: FastNet, classifiers: Tensor, view: Features, context: TemporalContext, episode: Episode
) -> StageMaps:
    """Score and propagate all objects in one frame, as the system does."""
    logits = classifier_logits(net, classifiers, view.embedding.squeeze(0))[:, None]
    readout = others = None
    if episode.uses_memory:
        readout = torch.stack(readout_maps(net, view, context), dim=1)
    if len(logits) > 1:
        others = best_other_object(logits[:, 0], context.scores)
    refined = net.refinement(logits, context.scores[:, None], readout, others, view)
    coarse = refined
    if episode.coarseness > 1:
        coarse = functional.avg_pool2d(refined, episode.coarseness, ceil_mode=True)
        coarse = functional.interpolate(
            coarse, size=refined.shape[-2:], mode="bilinear", align_corners=False
        )
    return StageMaps(logits, refined, net.propagation(coarse, view))


def _competition(maps: StageMaps, truth: Tensor, known: Tensor | None) -> Tensor:
    """Cross entropy between background, whose logit is 0, and K objects `(K, H, W)`.

    The mean over the pixels where `known` `(H, W)` is 1.
    """
    background_first = functional.pad(maps.propagated[:, 0], (0, 0, 0, 0, 1, 0))
    logits = upsample4x(background_first[:, None])
    numbers = torch.arange(1, len(truth) + 1)[:, None, None]
    classes = (truth * numbers).amax(0).long()
    if known is None:
        return functional.cross_entropy(logits[None], classes[None])
    entropies = functional.cross_entropy(logits[None], classes[None], reduction="none")[0]
    return (entropies * known).sum() / known.sum().clamp(min=1)


def upsample4x(logits: Tensor) -> Tensor:
    """Maps `(K, 1, h, w)` at stride 4 as `(K, H, W)`."""
    enlarged = functional.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False)
    return enlarged[:, 0]
