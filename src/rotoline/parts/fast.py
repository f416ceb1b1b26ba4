"""The parts of the `fast` preset: closed-form rules on a shared embedding."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from rotoline.marks import Marks
from rotoline.nets.embedding import Features
from rotoline.nets.fast import FastNet
from rotoline.pipeline import PipelineConfig
from rotoline.progress import Report
from rotoline.stages.adapt import (
    AdaptConfig,
    ObjectRules,
    adapt_to_objects,
    is_due,
    with_union,
)
from rotoline.stages.foreground import look, to_tensor, working_size
from rotoline.stages.fuse import wins
from rotoline.stages.propagate import sharpen
from rotoline.stages.score import Past, ScoreConfig, score_objects
from rotoline.types import Frame


class FastConfig(PipelineConfig):
    """The settings of the default preset."""

    preset: Literal["fast"] = "fast"
    adapt: AdaptConfig = AdaptConfig()
    score: ScoreConfig = ScoreConfig()


class FastParts:
    """Rules of all objects, and the keys of the frame before."""

    stride = 4

    def __init__(self, net: FastNet, rules: ObjectRules, config: FastConfig, size: tuple[int, int]):
        self.net, self.rules, self.config, self.size = net, rules, config, size
        self.keys = next(iter(rules.keys.values()))
        """`Features.keys` of the frame before."""
        self.steps = 0

    def fresh(self) -> "FastParts":
        """The same teaching, with nothing remembered: for a pass in the other direction."""
        return FastParts(self.net, self.rules.fresh(), self.config, self.size)

    def look(self, frame: Frame) -> Features:
        """What depends on the frame alone."""
        return look(self.net.embedding, frame, self.size)

    def score(self, view: Features, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the objects, `(K, 1, h, w)`, and of their union, `(1, 1, h, w)`."""
        past = Past(with_union(scores), self.keys, self.rules.memory)
        scored = score_objects(self.net, self.rules.rules, view, past, self.config.score)
        self.keys = view.keys
        return scored[: len(scores)], scored[-1:]

    def sharpen(self, logits: Tensor, view: Features) -> Tensor:
        """Logits `(K, 1, h, w)`, propagated."""
        return sharpen(self.net.propagation, logits, view, self.config.propagate)

    def update(self, view: Features, logits: Tensor, active: np.ndarray) -> None:
        """Learn from the result of every few frames."""
        self.steps += 1
        if is_due(self.config.adapt, self.steps, len(active)):
            masks, is_whole = wins(logits).float(), bool(active.all())
            self.rules.update(view.embedding[0], logits, masks, is_whole=is_whole)

    def stand_at(self, index: int) -> None:
        """Go on from a marked frame."""
        self.keys = self.rules.keys[index]


@torch.inference_mode()
def learn(
    net: FastNet,
    marked: Mapping[int, Frame],
    marks: Marks,
    config: FastConfig,
    report: Report,
) -> FastParts:
    """Stage 2 on all marked frames; a matter of a second, so nothing is reported."""
    del report
    size = working_size(marks.size, config.foreground.pixels)
    views = {i: (to_tensor(frame, size), marks.masks_at(i, size)) for i, frame in marked.items()}
    return FastParts(net, adapt_to_objects(net, views, config.adapt), config, size)
