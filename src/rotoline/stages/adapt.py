"""Stage 2 of 6: learn each object from the frames in which it was marked.

    frames ─► foreground ─► [adapt] ─► score ─► propagate ─► regions ─► fuse ─► labels

The paper fine-tunes a whole network per object for 30,000 steps. Here an object is a linear rule on
the shared embedding, solved in closed form (learning/ridge.py), from a few views of every marked
frame. While the video runs, filtered masks of recent frames join with a small weight.
See docs/method.md#adapt.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

from rotoline.learning.ridge import Evidence, gather_evidence, mix_evidence, solve
from rotoline.nets.embedding import Features, fitting_size
from rotoline.nets.fast import FastNet
from rotoline.nets.recall import Memory


class AdaptConfig(BaseModel):
    """How objects are learned and relearned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scales: tuple[float, ...] = (0.8, 1.25)
    """Further views of a marked frame, by size, beside the frame itself and its mirror image."""
    rival_share: float = Field(0.2, ge=0, lt=1)
    """Further share of the background's weight for the other objects, however small they are."""
    update_every: int = Field(5, ge=0)
    """Frames between two updates from the results; 0 for none."""
    update_lone: bool = False
    """Whether an object with no other beside it is updated too. Its results teach it little but its
    own drift; between objects that compete they teach the difference."""
    memory: int = Field(8, ge=1)
    """How many updates are remembered; older ones are forgotten, marked frames never."""
    memory_weight: float = Field(0.15, ge=0, le=1)
    """Weight of one update, where a marked frame has weight 1."""
    trust: float = Field(0.7, ge=0.5, lt=1)
    """Score from which a pixel of a result is believed to be the object, and below 1 minus it not
    to be; what lies between teaches nothing."""
    recalled: int = Field(4, ge=1)
    """How many marked frames are searched pixel by pixel; more only where an object needs it."""


def is_due(config: AdaptConfig, steps: int, objects: int) -> bool:
    """Whether the rules of so many objects are updated after so many frames."""
    every = config.update_every
    return every > 0 and steps % every == 0 and (objects > 1 or config.update_lone)


@dataclass
class ObjectRules:
    """The learned rules of all objects, and of their union where there are several.

    Rows are the objects in the order of their ids; with two or more objects the last row is the
    foreground, their union.
    """

    taught: Evidence
    """From the marked frames; total weight 1."""
    memory: Memory
    """The marked frames themselves, for looking objects up."""
    keys: dict[int, Tensor]
    """`Features.keys` of the marked frames, by index."""
    config: AdaptConfig
    damping: Tensor
    remembered: deque[tuple[Evidence, Tensor]] = field(init=False)
    rules: Tensor = field(init=False)
    """`(R, D1)`."""

    def __post_init__(self) -> None:
        self.remembered = deque(maxlen=self.config.memory)
        self._solve()

    def fresh(self) -> "ObjectRules":
        """The same teaching, with nothing remembered: for a pass in the other direction."""
        return ObjectRules(self.taught, self.memory, self.keys, self.config, self.damping)

    def update(self, embedding: Tensor, logits: Tensor, masks: Tensor, *, is_whole: bool) -> None:
        """Learn from a result.

        Args:
            embedding: `(D, h, w)` of the frame.
            logits: `(K, h, w)`, filtered: they say which pixels are believed.
            masks: `(K, h, w)`, 0 or 1: where each object is visible; an object that is not visible
                teaches nothing.
            is_whole: Whether all objects were looked for, so that the union is known.
        """
        believed = ((2 * logits.sigmoid() - 1).abs() >= 2 * self.config.trust - 1).float()
        evidence = _gather(embedding, masks, self.config, believed)
        masks = with_union(masks)
        weight = self.config.memory_weight * (masks.flatten(1).sum(1) >= 1).float()
        if len(masks) > 1 and not is_whole:
            weight[-1] = 0.0
        self.remembered.append((evidence, weight))
        self._solve()

    def _solve(self) -> None:
        parts = [self.taught, *(part for part, _ in self.remembered)]
        weights = [torch.ones(len(self.taught.moment)), *(weight for _, weight in self.remembered)]
        self.rules = solve(mix_evidence(parts, torch.stack(weights)), self.damping)


def with_union(masks: Tensor) -> Tensor:
    """Append the union to masks `(K, h, w)`; one object is its own union."""
    return masks if len(masks) == 1 else torch.cat((masks, masks.amax(0, keepdim=True)))


def adapt_to_objects(
    net: FastNet, marked: Mapping[int, tuple[Tensor, Tensor]], config: AdaptConfig
) -> ObjectRules:
    """Learn all objects from all frames in which any is marked.

    Args:
        net: Gives the embedding and the strength of the ridge.
        marked: Per frame its pixels `(1, 3, H, W)` and the masks `(K, H, W)`, 0 or 1, of all
            objects; an object that is not marked there has an empty mask, and the frame then
            teaches nothing about it.
        config: Which views are made.
    """
    # A frame in which some object is not marked would teach that it is no foreground.
    counts = _which_count({index: masks.flatten(1).any(1) for index, (_, masks) in marked.items()})
    parts, weights, keys, memories = [], [], {}, []
    chosen = choose_frames(counts, config.recalled)
    for index, (frame, masks) in marked.items():
        for number, (pixels, view_masks) in enumerate(make_views(frame, masks, config.scales)):
            features = net.embedding(pixels)
            parts.append(_gather(features.embedding[0], _shrink(view_masks, 4), config))
            weights.append(counts[index].float())
            if number == 0:
                keys[index] = features.keys
                if index in chosen:
                    memories.append(_remember(features, masks, counts[index]))
    memory = Memory(*(torch.cat(columns, dim=1) for columns in zip(*memories, strict=True)))
    taught = mix_evidence(parts, torch.stack(weights))
    return ObjectRules(taught, memory, keys, config, net.damping)


def _which_count(shows: Mapping[int, Tensor]) -> dict[int, Tensor]:
    """For every frame, which rules it teaches, bool `(R,)`, from which objects it shows."""
    if len(next(iter(shows.values()))) == 1:
        return dict(shows)
    # Where no frame shows all objects, every frame has to teach the foreground.
    none_whole = not any(bool(shown.all()) for shown in shows.values())
    return {
        index: torch.cat((shown, (shown.all() | none_whole)[None]))
        for index, shown in shows.items()
    }


def choose_frames(counts: Mapping[int, Tensor], limit: int) -> set[int]:
    """Choose marked frames to be searched: each rule's first, then evenly up to `limit`.

    Args:
        counts: Per frame bool `(R,)`, which rules it teaches.
        limit: As long as every rule has a frame.

    Example:
        >>> shown = torch.tensor([True])
        >>> sorted(choose_frames({3: shown, 5: shown, 7: shown, 9: shown, 11: shown}, 3))
        [3, 7, 11]
    """
    frames = sorted(counts)
    rules = torch.stack([counts[index] for index in frames]).int().argmax(0)
    chosen = {frames[row] for row in rules.tolist()}
    spread = torch.linspace(0, len(frames) - 1, min(limit, len(frames))).round().int().tolist()
    for row in reversed(spread):
        if len(chosen) < limit:
            chosen.add(frames[row])
    return chosen


def _remember(features: Features, masks: Tensor, counts: Tensor) -> Memory:
    """One marked frame at stride 16, as part of the memory."""
    values = _shrink(with_union(masks), 16).flatten(1)
    present = counts.float()[:, None].expand_as(values)
    return Memory(features.far_keys[0].flatten(1), values, present)


def _shrink(masks: Tensor, stride: int) -> Tensor:
    """Share of each pixel of `stride` that masks `(K, H, W)` cover."""
    return functional.avg_pool2d(masks, stride)


def make_views(
    frame: Tensor, masks: Tensor, scales: tuple[float, ...]
) -> list[tuple[Tensor, Tensor]]:
    """The frame, its mirror image and rescaled versions, each with its masks `(K, H, W)`."""
    views = [(frame, masks), (frame.flip(-1), masks.flip(-1))]
    for scale in scales:
        height, width = fitting_size(masks.shape[-2] * scale, masks.shape[-1] * scale)
        pixels = functional.interpolate(
            frame, size=(height, width), mode="bilinear", align_corners=False, antialias=True
        )
        view_masks = functional.interpolate(masks[None], size=(height, width), mode="area")[0]
        views.append((pixels.contiguous(memory_format=torch.channels_last), view_masks))
    return views


def _gather(
    embedding: Tensor, masks: Tensor, config: AdaptConfig, trust: Tensor | None = None
) -> Evidence:
    """Evidence on the objects and their union, which has no rivals."""
    objects = with_union(masks)
    rivals = torch.zeros_like(objects)
    rivals[: len(masks)] = (masks.sum(0) - masks).clamp(0, 1)
    if trust is not None and len(masks) > 1:  # of the union only what is sure of all of them
        trust = torch.cat((trust, trust.amin(0, keepdim=True)))
    return gather_evidence(embedding, objects, rivals, config.rival_share, trust)
