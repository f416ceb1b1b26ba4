"""Stage 2 of 6: learn each object from the frames in which it was marked.

    frames ─► foreground ─► [adapt] ─► score ─► propagate ─► regions ─► fuse ─► labels

The paper fine-tunes a whole network per object for 30,000 steps. Here an object is a linear rule on
the shared embedding, solved in closed form (learning/ridge.py), from a few views of every marked
frame. While the video runs, filtered masks of recent frames join with a small weight.
See docs/method.md#adapt.
"""

from collections import deque
from dataclasses import dataclass, field

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

from rotoline.learning.ridge import Evidence, gather_evidence, mix_evidence, solve
from rotoline.nets.embedding import Embedding, fitting_size
from rotoline.nets.fast import FastNet


class AdaptConfig(BaseModel):
    """How objects are learned and relearned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scales: tuple[float, ...] = (0.8, 1.25)
    """Further views of a marked frame, by size, beside the frame itself and its mirror image."""
    rival_share: float = Field(0.2, ge=0, lt=1)
    """Further share of the background's weight for the other objects, however small they are."""
    update_every: int = Field(5, ge=0)
    """Frames between two updates from the results; 0 for none."""
    memory: int = Field(8, ge=1)
    """How many updates are remembered; older ones are forgotten, marked frames never."""
    memory_weight: float = Field(0.15, ge=0, le=1)
    """Weight of one update, where a marked frame has weight 1."""


@dataclass
class ObjectRules:
    """The learned rules of all objects, and of their union where there are several.

    Rows are the objects in the order of their ids; with two or more objects the last row is the
    foreground, their union.
    """

    taught: Evidence
    """From the marked frames; total weight 1."""
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
        return ObjectRules(self.taught, self.config, self.damping)

    def update(self, embedding: Tensor, masks: Tensor, *, is_whole: bool) -> None:
        """Learn from a result.

        Args:
            embedding: `(D, h, w)` of the frame.
            masks: `(K, h, w)` in [0, 1], filtered; an object that is not visible teaches nothing.
            is_whole: Whether all objects were looked for, so that the union is known.
        """
        evidence = _gather(embedding, masks, self.config)
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
    net: FastNet, marked: list[tuple[Tensor, Tensor]], config: AdaptConfig
) -> ObjectRules:
    """Learn all objects from all frames in which any is marked.

    Args:
        net: Gives the embedding and the strength of the ridge.
        marked: Per frame its pixels `(1, 3, H, W)` and the masks `(K, H, W)`, 0 or 1, of all
            objects; an object that is not marked there has an empty mask, and the frame then
            teaches nothing about it.
        config: Which views are made.
    """
    parts, weights = [], []
    for frame, masks in marked:
        is_marked = masks.flatten(1).any(1)
        # A frame in which some object is not marked would teach that it is no foreground.
        counts = is_marked if len(masks) == 1 else torch.cat((is_marked, is_marked.all()[None]))
        for pixels, view_masks in make_views(frame, masks, config.scales):
            parts.append(_gather_view(net.embedding, pixels, view_masks, config))
            weights.append(counts.float())
    table = torch.stack(weights)
    # Where no frame shows all objects, every frame has to teach the foreground.
    table[:, table.sum(0) == 0] = 1.0
    return ObjectRules(mix_evidence(parts, table), config, net.damping)


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


def _gather_view(
    embedding: Embedding, pixels: Tensor, masks: Tensor, config: AdaptConfig
) -> Evidence:
    features = embedding(pixels)
    shares = functional.interpolate(masks[None], size=features.embedding.shape[-2:], mode="area")[0]
    return _gather(features.embedding[0], shares, config)


def _gather(embedding: Tensor, masks: Tensor, config: AdaptConfig) -> Evidence:
    """Evidence on the objects and their union, which has no rivals."""
    objects = with_union(masks)
    rivals = torch.zeros_like(objects)
    rivals[: len(masks)] = (masks.sum(0) - masks).clamp(0, 1)
    return gather_evidence(embedding, objects, rivals, config.rival_share)
