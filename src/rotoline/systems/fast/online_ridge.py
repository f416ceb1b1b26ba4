"""The learner of the `fast` preset: a ridge classifier per object, fitted once and updated online.

The paper fine-tunes a network per object for 30,000 steps. Here an object is a linear classifier on
the shared embedding, solved in closed form (`rotoline.learning.ridge`) from a few views of every
annotated frame. While the video runs, filtered results of recent frames are added with a small
weight. See docs/method/fast.md#fit.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

from rotoline.learning.ridge import NormalEquations, accumulate, solve, weighted_sum
from rotoline.learning.targets import rows_learned_from, with_union
from rotoline.stages.preprocess import fitting_size
from rotoline.systems.fast.encoder import Features
from rotoline.systems.fast.memory_readout import MemoryFrames
from rotoline.systems.fast.network import FastNet
from rotoline.systems.protocol import Tensors, tensors_under

VIEW_SCALES = (0.8, 1.25)
"""Sizes of the further views of an annotated frame, besides the frame and its mirror image."""
OTHER_OBJECT_WEIGHT = 0.2
"""Fraction of the background's weight that goes to the other objects, however small they are."""
MEMORY_FRAMES = 4
"""Number of annotated frames that are searched pixel by pixel; more only if objects are first
annotated in more frames."""
UPDATE_WEIGHT = 0.15
"""Weight of the result of one frame, where an annotated frame has weight 1."""
CONFIDENCE_THRESHOLD = 0.7
"""A pixel of a result is a sample of the object if its score is above this, and of the background
if it is below 1 minus this. Measured on schoolgirls: J&F .606 with all pixels, .612 with .7, .601
with .9 (docs/log/2026-11-25-results.md)."""


class PeriodicUpdates(BaseModel):
    """Update the classifiers from the result of every few frames.

    Updates take place only in clips with several objects. A lone object learns little from its own
    results except its own drift: J&F .766 on the development split with updates, .823 without.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["periodic"] = "periodic"
    """Update the classifiers from the result of every few frames, if there are several objects."""
    update_every: int = Field(default=5, ge=1)
    """Number of frames between two updates."""
    update_window: int = Field(default=8, ge=1, le=2**16)
    """Number of most recent updates that are used; annotated frames are always used."""


class NoUpdates(BaseModel):
    """The classifiers stay as they were learned from the annotated frames."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["off"] = "off"
    """No updates."""


OnlineConfig = Annotated[PeriodicUpdates | NoUpdates, Field(discriminator="method")]


@dataclass
class RidgeClassifiers:
    """The classifiers of K objects and, if K > 1, of their union, the foreground, as the last row.

    R is the number of rows: K if K is 1, else K + 1.
    """

    from_annotations: NormalEquations
    """Normal equations of the annotated frames, with total weight 1."""
    memory: MemoryFrames
    """The annotated frames that the memory readout searches."""
    local_keys: dict[int, Tensor]
    """`Features.local_keys` of the annotated frames, by index."""
    config: PeriodicUpdates | NoUpdates
    ridge: Tensor
    view_maps: dict[tuple[int, int], list[Tensor]] = field(default_factory=dict)
    """What the backbone made of the annotated frames, by index and number of the view; of some or
    none of them. Tuned networks have the same backbone."""
    updates: deque[tuple[NormalEquations, Tensor]] = field(init=False)
    """Normal equations of recent results, and the weight of each row `(R,)` in them."""
    weights: Tensor = field(init=False)
    """float `(R, D1)`: the classifiers."""

    def __post_init__(self) -> None:
        window = 0 if isinstance(self.config, NoUpdates) else self.config.update_window
        self.updates = deque(maxlen=window)
        self._solve()

    def reset(self, config: PeriodicUpdates | NoUpdates | None = None) -> "RidgeClassifiers":
        """The classifiers as learned from the annotations alone, without any updates."""
        return RidgeClassifiers(
            self.from_annotations,
            self.memory,
            self.local_keys,
            config or self.config,
            self.ridge,
            self.view_maps,
        )

    @classmethod
    def from_learned(
        cls, learned: Tensors, config: PeriodicUpdates | NoUpdates, ridge: Tensor
    ) -> "RidgeClassifiers":
        """The classifiers that gave `learned`, without any updates."""
        keys = tensors_under("keys.", learned)
        return cls(
            NormalEquations(**tensors_under("annotations.", learned)),
            MemoryFrames(**tensors_under("memory.", learned)),
            {int(index): keys[index] for index in sorted(keys, key=int)},
            config,
            ridge,
        )

    def learned(self) -> Tensors:
        """What was learned from the annotations; not copied."""
        annotations, memory = self.from_annotations._asdict(), self.memory._asdict()
        return {
            **{f"annotations.{name}": value for name, value in annotations.items()},
            **{f"memory.{name}": value for name, value in memory.items()},
            **{f"keys.{index}": value for index, value in self.local_keys.items()},
        }

    def learned_online(self) -> Tensors:
        """What was learned from results, for `continue_from`; not copied."""
        found = {"weights": self.weights}
        for number, (equations, weight) in enumerate(self.updates):
            found |= {f"{number}.{name}": value for name, value in equations._asdict().items()}
            found[f"{number}.weight"] = weight
        return found

    def continue_from(self, online: Tensors) -> None:
        """Go on exactly as the classifiers that gave `online`."""
        self.updates.clear()
        for number in range(sum(name.endswith(".weight") for name in online)):
            update = tensors_under(f"{number}.", online)
            weight = update.pop("weight")
            self.updates.append((NormalEquations(**update), weight))
        self.weights = online["weights"]

    def is_due(self, frames: int) -> bool:
        """Whether the classifiers are to be updated after so many tracked frames."""
        if isinstance(self.config, NoUpdates) or len(self.weights) == 1:
            return False
        return frames % self.config.update_every == 0

    def update(self, embedding: Tensor, logits: Tensor, masks: Tensor, *, is_whole: bool) -> None:
        """Learn from the result of a frame.

        Args:
            embedding: float `(D, h, w)` of the frame.
            logits: float `(K, h, w)`, filtered: pixels with uncertain scores are left out.
            masks: float `(K, h, w)`, 0 or 1: the objects' masks. An object without pixels learns
                nothing.
            is_whole: Whether all objects were tracked into the frame, so that their union is known.
        """
        margin = 2 * CONFIDENCE_THRESHOLD - 1
        confident = ((2 * logits.sigmoid() - 1).abs() >= margin).float()
        equations = _accumulate_with_union(embedding, masks, confident)
        masks = with_union(masks)
        weight = UPDATE_WEIGHT * (masks.flatten(1).sum(1) >= 1).float()
        if len(masks) > 1 and not is_whole:
            weight[-1] = 0.0
        self.updates.append((equations, weight))
        self._solve()

    def _solve(self) -> None:
        views = [self.from_annotations, *(equations for equations, _ in self.updates)]
        first = torch.ones(len(self.from_annotations.moment), dtype=torch.float32)
        weights = torch.stack([first, *(weight for _, weight in self.updates)])
        self.weights = solve(weighted_sum(views, weights), self.ridge)


def fit_ridge_classifiers(  # noqa: PLR0913 (what is known of the frames)
    net: FastNet,
    annotated: Mapping[int, tuple[Tensor, Tensor]],
    config: OnlineConfig,
    *,
    told: Mapping[int, Tensor] | None = None,
    unknown: Mapping[int, Tensor] | None = None,
    known: Mapping[tuple[int, int], list[Tensor]] | None = None,
    kept_frames: int = 0,
) -> RidgeClassifiers:
    """Learn all objects from all annotated frames.

    Args:
        net: Gives the embedding and the strength of the regularisation.
        annotated: By frame index the pixels `(1, 3, H, W)` in [0, 255] and the masks `(K, H, W)` in
            [0, 1] of all objects. An object that is not annotated in a frame has an empty mask
            there, and learns nothing from that frame; if all masks are empty, no object is there,
            and all learn that the frame is background.
        config: Whether and how results are added online.
        told: By frame index the objects of which the frame says where they are, or that they are
            not there, bool `(K,)`; None for what the masks alone say.
        unknown: The share of each pixel that is not void, `(H, W)` in [0, 1], by the index of the
            frames that have void pixels: nothing is learned from these.
        known: `RidgeClassifiers.view_maps` of a network with the same backbone; not computed again.
        kept_frames: Number of annotated frames whose `view_maps` are kept.
    """
    shown = {index: masks.flatten(1).any(1) for index, (_, masks) in annotated.items()}
    told = told or {index: objects | ~objects.any() for index, objects in shown.items()}
    # The union of all objects is not known in a frame in which some object is not annotated.
    learned_from = rows_learned_from(told)
    equations, weights, keys, memories = [], [], {}, []
    # Objects are looked up in frames that show them.
    showing = {
        index: learned_from[index] & with_union(objects[:, None])[:, 0]
        for index, objects in shown.items()
        if objects.any()
    }
    chosen = choose_memory_frames(showing, MEMORY_FRAMES)
    view_maps = dict(known or {})
    kept = list(annotated)[:kept_frames]
    for index, (frame, masks) in annotated.items():
        layers = _with_known(masks, (unknown or {}).get(index))
        for number, (pixels, view) in enumerate(make_views(frame, layers, VIEW_SCALES)):
            maps = view_maps.get((index, number))
            if maps is None:
                maps = net.encoder.backbone_maps(pixels)
            if index in kept:
                view_maps[index, number] = maps
            features = net.encoder.from_backbone(maps)
            shares = _known_shares(view, len(masks), 4)
            equations.append(_accumulate_with_union(features.embedding[0], *shares))
            weights.append(learned_from[index].float())
            if number == 0:
                keys[index] = features.local_keys
                if index in chosen:
                    objects = with_union(masks)
                    layers = _with_known(objects, (unknown or {}).get(index))
                    shares = _known_shares(layers, len(objects), 16)
                    memories.append(_memory_frame(features, *shares, learned_from[index]))
    memory = MemoryFrames(*(torch.cat(columns, dim=1) for columns in zip(*memories, strict=True)))
    from_annotations = weighted_sum(equations, torch.stack(weights))
    return RidgeClassifiers(from_annotations, memory, keys, config, net.ridge, view_maps)


def choose_memory_frames(learned_from: Mapping[int, Tensor], limit: int) -> set[int]:
    """Choose the annotated frames to be searched pixel by pixel.

    The first frame of each row, then frames spread evenly, up to `limit`.

    Args:
        learned_from: By frame index the rows that learn from it, bool `(R,)`.
        limit: Number of frames; exceeded only if the rows have more first frames than that.

    Example:
        >>> row = torch.tensor([True])
        >>> sorted(choose_memory_frames({3: row, 5: row, 7: row, 9: row, 11: row}, 3))
        [3, 7, 11]
    """
    frames = sorted(learned_from)
    first_of_row = torch.stack([learned_from[index] for index in frames]).int().argmax(0)
    chosen = {frames[position] for position in first_of_row.tolist()}
    spread = torch.linspace(0, len(frames) - 1, min(limit, len(frames)), dtype=torch.float32)
    for position in reversed(spread.round().int().tolist()):
        if len(chosen) < limit:
            chosen.add(frames[position])
    return chosen


def _memory_frame(
    features: Features, shares: Tensor, known_shares: Tensor | None, learned_from: Tensor
) -> MemoryFrames:
    """One annotated frame at stride 16, as part of the memory."""
    values = shares.flatten(1)
    known = learned_from.float()[:, None].expand_as(values)
    if known_shares is not None:
        known = known * known_shares[0].flatten()
    return MemoryFrames(features.global_keys[0].flatten(1), values, known)


def _with_known(masks: Tensor, known: Tensor | None) -> Tensor:
    """Masks `(K, H, W)` with the share of each pixel that is known as the last, if not all is."""
    return masks if known is None else torch.cat((masks, known[None]))


def _known_shares(layers: Tensor, count: int, stride: int) -> tuple[Tensor, Tensor | None]:
    """Shares at `stride` of the known part of each pixel that objects cover, and of that part.

    Args:
        layers: `(K, H, W)`: masks; or `(K + 1, H, W)`, with the share that is known in the last.
        count: K.
        stride: Side of the blocks.

    Returns:
        `(K, h, w)` each; None if everything is known.
    """
    shares = _coverage(layers, stride)
    if len(layers) == count:
        return shares, None
    known = shares[-1:]
    return shares[:-1] / known.clamp(min=1 / stride**2), known.expand(count, -1, -1)


def _coverage(masks: Tensor, stride: int) -> Tensor:
    """Share of each pixel at `stride` that masks `(K, H, W)` cover."""
    return functional.avg_pool2d(masks, stride)


def make_views(
    frame: Tensor, masks: Tensor, scales: tuple[float, ...]
) -> list[tuple[Tensor, Tensor]]:
    """The frame, its mirror image and rescaled versions, each with its masks `(K, H, W)`."""
    views = [(frame, masks), (frame.flip(-1), masks.flip(-1))]
    for scale in scales:
        size = fitting_size(masks.shape[-2] * scale, masks.shape[-1] * scale)
        pixels = functional.interpolate(
            frame, size=size, mode="bilinear", align_corners=False, antialias=True
        )
        view_masks = functional.interpolate(masks[None], size=size, mode="area")[0]
        views.append((pixels.contiguous(memory_format=torch.channels_last), view_masks))
    return views


def _accumulate_with_union(
    embedding: Tensor, masks: Tensor, confident: Tensor | None = None
) -> NormalEquations:
    """Normal equations of the objects and of their union, for which there are no other objects."""
    objects = with_union(masks)
    others = torch.zeros_like(objects)
    others[: len(masks)] = (masks.sum(0) - masks).clamp(0, 1)
    # The union is as certain as its least certain object.
    if confident is not None and len(masks) > 1:
        confident = torch.cat((confident, confident.amin(0, keepdim=True)))
    return accumulate(embedding, objects, others, OTHER_OBJECT_WEIGHT, confident)
