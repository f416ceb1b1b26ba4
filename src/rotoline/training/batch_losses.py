"""The losses of many episodes at once, so that a GPU, or a processor with wide units, is kept busy.

`rotoline.systems.fast.episode_loss.episode_losses` gives the losses of one episode, step by step as
the system works; this module gives the mean of these over a batch, and adds the loss of the
objectness. They agree to rounding where both compute in float32
(tests/training/test_batch_losses.py).
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.data.episode_batch import EpisodeBatch, other_objects
from rotoline.learning.losses import mask_losses
from rotoline.learning.ridge import NormalEquations, solve, weighted_sum
from rotoline.learning.targets import known_shares
from rotoline.runtime.device import Precision, autocast
from rotoline.systems.fast.encoder import Features, TopDown
from rotoline.systems.fast.episode_loss import LOSS_WEIGHTS, StageMaps, upsample4x
from rotoline.systems.fast.memory_readout import RADIUS
from rotoline.systems.fast.network import FastNet
from rotoline.systems.fast.online_ridge import OTHER_OBJECT_WEIGHT

OBJECTNESS_WEIGHT = 0.3
"""Weight of the loss of the objectness, where that of the propagated maps has 1."""
ABSENT = -1e4
"""Logit of the places of a batch where there is no object; its share in a softmax is 0."""


def batch_losses(
    net: FastNet, batch: EpisodeBatch, precision: Precision = "float32"
) -> dict[str, Tensor]:
    """The mean over a batch of what `episode_losses` gives for each episode.

    Args:
        net: The network; gradients reach all parameters that require them.
        batch: B episodes on the device of the network. An object without a known pixel in the
            reference counts in no loss: nobody could know what it is.
        precision: In what the encoder computes; all that is computed for each object is in float32.

    Returns:
        A scalar for the map of each stage, and `competing`, as `episode_losses` names them; and
        `objectness`, the loss of the objectness against all objects that have a label.
    """
    counts = batch.object_counts
    rows = _Rows(batch.episode_of, batch.place, (len(counts), max(counts)))
    weights = rows.share(_shown(batch, 0, rows))
    several = torch.tensor([count > 1 for count in counts], device=weights.device)
    names = (*LOSS_WEIGHTS, "competing", "objectness")
    losses = dict.fromkeys(names, weights.new_zeros(()))
    predicted = _predict_targets(net, batch, rows, precision)
    for index, (maps, objectness) in enumerate(predicted, start=2):
        truth, known = batch.masks[:, index], batch.known[:, index]
        share = _share_of_target(batch, index)
        for name, logits in maps._asdict().items():
            each = mask_losses(upsample4x(logits), truth, known[rows.episode])
            loss = (each * weights * share[rows.episode]).sum()
            losses[name] = losses[name] + LOSS_WEIGHTS[name] * loss
        if max(counts) > 1:
            loss = _competition(maps.propagated[:, 0], truth, known, rows)
            losses["competing"] = losses["competing"] + (loss * several * share).mean()
        each = mask_losses(upsample4x(objectness), batch.things[:, index], known)
        losses["objectness"] = losses["objectness"] + OBJECTNESS_WEIGHT * (each * share).mean()
    return losses


def _share_of_target(batch: EpisodeBatch, index: int) -> Tensor:
    """`(B,)`: the weight of the loss of frame `index`; 1 in all for the targets of an episode."""
    length = batch.frames.shape[1]
    counts = [length - 2 - marked for marked in batch.marked_targets]
    shares = [1 / count if index < 2 + count else 0.0 for count in counts]
    return torch.tensor(shares, device=batch.frames.device, dtype=batch.frames.dtype)


def _is_marked(batch: EpisodeBatch, index: int) -> Tensor:
    """`(B,)`: 1 where frame `index` of an episode is the reference or a marked target, else 0."""
    first = batch.frames.shape[1] - index
    marked = [float(index == 0 or first <= count) for count in batch.marked_targets]
    return torch.tensor(marked, device=batch.frames.device, dtype=batch.frames.dtype)


def _shown(batch: EpisodeBatch, index: int, rows: "_Rows") -> Tensor:
    """`(M,)`: 1 for the objects of which frame `index` has a known pixel, else 0."""
    seen = batch.masks[:, index] * batch.known[:, index][rows.episode]
    return (seen.flatten(1).amax(1) > 0).to(batch.frames.dtype)


class _Rows(NamedTuple):
    """Which object belongs to which episode: maps `(M, ...)` as `(B, K, ...)` and back."""

    episode: Tensor
    """int64 `(M,)`."""
    place: Tensor
    """int64 `(M,)`: number of the object within its episode."""
    size: tuple[int, int]
    """B, and K: the largest number of objects of an episode."""

    def spread(self, maps: Tensor, value: float) -> Tensor:
        """Maps `(M, ...)` as `(B, K, ...)`; `value` where there is no object."""
        table = maps.new_full((*self.size, *maps.shape[1:]), value)
        return table.index_put((self.episode, self.place), maps)

    def gather(self, table: Tensor) -> Tensor:
        """The inverse of `spread`: `(B, K, ...)` as `(M, ...)`."""
        return table[self.episode, self.place]

    def share(self, shown: Tensor) -> Tensor:
        """`(M,)`: weights that sum to 1 / B over the objects of an episode that are shown."""
        totals = shown.new_zeros(self.size[0]).index_add(0, self.episode, shown)
        return shown / (totals.clamp(min=1) * self.size[0])[self.episode]


class _Memory(NamedTuple):
    """The marked frames at stride 16, as `MemoryFrames` of each of B episodes."""

    keys: Tensor
    """`(B, C, P)`."""
    values: Tensor
    """`(B, K, P)` in [0, 1]."""
    known: Tensor
    """`(B, K, P)` in [0, 1]."""


def _predict_targets(
    net: FastNet, batch: EpisodeBatch, rows: _Rows, precision: Precision
) -> Iterator[tuple[StageMaps, Tensor]]:
    """Predict all objects in one target frame after the other, and its objectness."""
    reference, keys, targets = _encode(net, batch, precision)
    marked = {0: (net.encoder.embedding(reference.fine), net.encoder.global_keys(reference.far))}
    for index in range(batch.frames.shape[1] - max(batch.marked_targets), batch.frames.shape[1]):
        view = targets[index - 2]
        marked[index] = view.embedding, view.global_keys
    classifiers, memory = _learn(net, batch, rows, marked)
    uses_memory = torch.tensor(batch.uses_memory, device=keys.device)[rows.episode]
    is_alone = torch.tensor([n == 1 for n in batch.object_counts], device=keys.device)[rows.episode]
    scores = functional.avg_pool2d(batch.previous_masks, 4)
    for view in targets:
        seen = Features(*(part[rows.episode] for part in view))
        outputs = torch.einsum("md,mdhw->mhw", classifiers[:, :-1], seen.embedding)
        outputs = outputs + classifiers[:, -1, None, None]
        logits = (net.logit_scale * outputs + net.logit_shift)[:, None]
        carried = _from_previous(net, view.local_keys, keys, rows.spread(scores, 0.0))
        looked_up = _from_memory(net, view.global_keys, memory)
        readout = torch.stack((rows.gather(carried), rows.gather(looked_up)), dim=1)
        # The layers for the readouts and for the other objects have no bias, and these inputs give
        # 0 after their scaling, so they are as if they were left out.
        readout = torch.where(uses_memory[:, None, None, None], readout, 0.5)
        rivals = torch.stack(
            [_best_other(rows, maps) for maps in (logits[:, 0], scores)], dim=1
        ).masked_fill(is_alone[:, None, None, None], 0.0)
        refined = net.refinement(logits, scores[:, None], readout, rivals, seen)
        coarse = _coarsened(refined, batch)
        maps = StageMaps(logits, refined, net.propagation(coarse, seen))
        yield maps, view.objectness
        scores, keys = maps.propagated[:, 0].detach().sigmoid(), view.local_keys


def _encode(
    net: FastNet, batch: EpisodeBatch, precision: Precision
) -> tuple[TopDown, Tensor, list[Features]]:
    """The reference, the local keys of the frame before the targets, and the targets."""
    encoder, (count, length) = net.encoder, batch.frames.shape[:2]
    with autocast(batch.frames.device, precision):
        # Frame by frame, the episodes of one frame together: (N * B, 3, H, W).
        frames = batch.frames.transpose(0, 1).flatten(0, 1)
        frames = frames.contiguous(memory_format=torch.channels_last)
        maps = [
            one.split((count, count, count * (length - 2))) for one in encoder.backbone_maps(frames)
        ]
        first, second, rest = zip(*maps, strict=True)
        coarse = encoder.coarse_top_down(second)
        path = encoder.top_down([torch.cat(parts) for parts in zip(first, rest, strict=True)])
    path = TopDown(*(level.to(batch.frames.dtype) for level in path))
    levels = [level.split((count, count * (length - 2))) for level in path]
    reference, targets = (TopDown(*parts) for parts in zip(*levels, strict=True))
    features = [part.split(count) for part in encoder.features(targets)]
    views = [Features(*parts) for parts in zip(*features, strict=True)]
    return reference, encoder.local_keys(coarse.to(batch.frames.dtype)), views


def _learn(
    net: FastNet,
    batch: EpisodeBatch,
    rows: _Rows,
    marked: Mapping[int, tuple[Tensor, Tensor]],
) -> tuple[Tensor, _Memory]:
    """The classifiers of all objects `(M, D1)` and the memory, from all marked frames.

    Args:
        net: The network.
        batch: Episodes.
        rows: Which object belongs to which episode.
        marked: Embedding and global keys of the frames, by index, that are marked in one episode at
            least.
    """
    equations, weights, stored = [], [], []
    for index, (embedding, keys) in marked.items():
        is_marked = _is_marked(batch, index)
        masks, known = batch.masks[:, index], batch.known[:, index][rows.episode]
        # As the system does, which learns nothing of an object from a frame without it.
        weights.append(_shown(batch, index, rows) * is_marked[rows.episode])
        shares, counted = known_shares(masks, known, 4)
        others, _ = known_shares(other_objects(masks, batch.object_counts), known, 4)
        equations.append(_accumulate(embedding, rows, shares, others, counted))
        values, counted = known_shares(masks, known, 16)
        counted = counted * weights[-1][:, None, None]
        stored.append(
            (
                keys.flatten(2),
                rows.spread(values.flatten(1), 0.0),
                rows.spread(counted.flatten(1), 0.0),
            )
        )
    table = torch.stack(weights)
    table[0] = torch.where(table.sum(0) > 0, table[0], 1.0)  # an object that counts in no loss
    classifiers = solve(weighted_sum(equations, table), net.ridge)
    return classifiers, _Memory(*(torch.cat(parts, dim=2) for parts in zip(*stored, strict=True)))


def _accumulate(
    embedding: Tensor, rows: _Rows, masks: Tensor, others: Tensor, counted: Tensor
) -> NormalEquations:
    """`ridge.accumulate` of M objects; masks, others and counted are `(M, h, w)`."""
    pixels = embedding.flatten(2).transpose(1, 2)
    pixels = functional.pad(pixels, (0, 1), value=1.0)[rows.episode]
    share, known = masks.flatten(1), counted.flatten(1)
    other = others.flatten(1) * known
    part = OTHER_OBJECT_WEIGHT * (other.sum(1, keepdim=True) >= 1)
    inside, outside, beside = (
        one / one.sum(1, keepdim=True).clamp(min=1.0)
        for one in (share * known, (1 - share) * known, other)
    )
    weights = 0.5 * (inside + (1 - part) * outside + part * beside)
    gram = (pixels * weights[..., None]).transpose(1, 2) @ pixels
    moment = (weights * (2 * share - 1))[:, None] @ pixels
    return NormalEquations(gram, moment[:, 0])


def _from_previous(net: FastNet, keys: Tensor, previous: Tensor, scores: Tensor) -> Tensor:
    """`MemoryReadout.from_previous` of `(B, K, h, w)`."""
    readout, values = net.memory_readout, functional.avg_pool2d(scores, 2)
    width = keys.shape[-1]
    steps = torch.arange(-RADIUS, RADIUS + 1, device=keys.device).square()
    columns = torch.arange(width, device=keys.device)
    distance = steps[None, :, None] + (columns[:, None, None] - columns[None, None]).square()
    bias = -readout.log_distance_penalty.exp() * (distance.to(keys) / RADIUS**2).flatten(1)
    asked = (keys * readout.log_local_sharpness.exp()).permute(0, 2, 3, 1)
    weights = (asked @ _band(previous) + bias).softmax(-1)
    return (weights @ _band(values).transpose(2, 3)).permute(0, 3, 1, 2)


def _band(maps: Tensor) -> Tensor:
    """For every row of `(B, C, h, w)` the rows around it: `(B, h, C, (2 RADIUS + 1) w)`."""
    padded = functional.pad(maps, (0, 0, RADIUS, RADIUS), mode="replicate")
    return padded.unfold(2, 2 * RADIUS + 1, 1).permute(0, 2, 1, 4, 3).flatten(3)


def _from_memory(net: FastNet, keys: Tensor, memory: _Memory) -> Tensor:
    """`MemoryReadout.from_memory` of `(B, K, h / 2, w / 2)`."""
    stored, values, known = memory
    asked = keys.flatten(2).transpose(1, 2) * net.memory_readout.log_memory_sharpness.exp()
    weights = (asked @ stored).softmax(-1).transpose(1, 2)
    present, read = known @ weights, (values * known) @ weights
    found = torch.where(present < 1e-3, 0.5, read / present.clamp(min=1e-3))
    return functional.interpolate(
        found.unflatten(2, keys.shape[2:]), scale_factor=2, mode="bilinear", align_corners=False
    )


def _best_other(rows: _Rows, maps: Tensor) -> Tensor:
    """For each of M objects `(M, h, w)` the highest value among the others of its episode."""
    table = rows.spread(maps, ABSENT)
    best, at = table.max(1, keepdim=True)
    second = table.scatter(1, at, ABSENT).amax(1, keepdim=True)
    is_best = at == torch.arange(table.shape[1], device=maps.device)[:, None, None]
    return rows.gather(torch.where(is_best, second, best))


def _coarsened(refined: Tensor, batch: EpisodeBatch) -> Tensor:
    """Logits `(M, 1, h, w)`, reduced and enlarged again by the factor of each episode."""
    factors = [
        factor
        for factor, count in zip(batch.coarseness, batch.object_counts, strict=True)
        for _ in range(count)
    ]
    parts = list(refined.split(1))
    for row, factor in enumerate(factors):
        if factor > 1:
            reduced = functional.avg_pool2d(parts[row], factor, ceil_mode=True)
            parts[row] = functional.interpolate(
                reduced, size=refined.shape[-2:], mode="bilinear", align_corners=False
            )
    return torch.cat(parts)


def _competition(logits: Tensor, truth: Tensor, known: Tensor, rows: _Rows) -> Tensor:
    """`(B,)`: cross entropy between the objects `(M, h, w)` and the background, whose logit is 0.

    The mean over the known pixels; also of episodes with one object, where nothing competes.
    """
    table = functional.pad(rows.spread(logits, ABSENT), (0, 0, 0, 0, 1, 0))
    enlarged = functional.interpolate(table, scale_factor=4, mode="bilinear", align_corners=False)
    numbers = (rows.place + 1)[:, None, None]
    classes = rows.spread(truth * numbers, 0.0).amax(1).long()
    entropies = functional.cross_entropy(enlarged, classes, reduction="none")
    return (entropies * known).flatten(1).sum(1) / known.flatten(1).sum(1).clamp(min=1)
