"""Record the maps of every stage in chosen frames.

    trace = StageTrace(frames={68})
    results = list(model.segment(frames, masks, trace=trace))
    trace.maps[68]["propagate"]     # float (K, h, w)

A tracker without a trace computes nothing extra. `rotoline inspect` draws a trace as one sheet
(`rotoline.inspection`).
"""

from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rotoline.errors import InputError
from rotoline.stages.regions import Judgement
from rotoline.state import ObjectState
from rotoline.systems.protocol import FittedSystem
from rotoline.types import described

STAGES = ("score", "limit", "propagate", "filter")
"""The stages whose result is one map per object."""


class StageTrace:
    """Keeps copies of the maps of some frames.

    Args:
        frames: Indices of the frames to keep.

    Raises:
        InputError: `frames` is no collection of indices.
    """

    maps: dict[int, dict[str, Tensor]]
    """By frame index and name: float `(K, h, w)` on the CPU. `previous` is the score map of the
    previous frame, in [0, 1]; names that start with `score: ` are maps inside the stage score, in
    [0, 1], which may be smaller; `foreground` `(1, h, w)` and the names in `STAGES` are logits."""

    regions: dict[int, list[list[Judgement]]]
    """By frame index and object: the decision of the region filter `evidence` about each region."""

    def __init__(self, frames: Collection[int]) -> None:
        if not isinstance(frames, Collection) or not all(
            isinstance(index, (int, np.integer)) for index in frames
        ):
            raise InputError(
                f"frames is {described(frames)}; give the indices of the frames to keep, such as "
                "frames={0, 68}"
            )
        self._wanted, self._index = frozenset(frames), -1
        self._current: dict[str, Tensor] | None = None
        self.maps, self.regions = {}, {}
        self._inside: tuple[FittedSystem[Any], Tensor] | None = None

    def begin(self, index: int, system: FittedSystem[Any], state: ObjectState) -> None:
        """Start a frame; its stages are recorded if it is one of the chosen frames."""
        self._current, self._inside, self._index = None, None, index
        if index in self._wanted:
            # A clip with objects annotated late visits some frames twice; the later pass stays.
            self._current = self.maps[index] = {"previous": state.scores.clone().cpu()}
            self._inside = system, state.scores.clone()

    def judge(self, judgements: list[list[Judgement]]) -> None:
        """Keep the decisions of the region filter."""
        if self._current is not None:
            self.regions[self._index] = judgements

    def record(self, stage: str, output: Any) -> None:
        """Keep the result of a stage, if it has maps."""
        if self._current is None:
            return
        if stage == "encode" and self._inside is not None:
            system, scores = self._inside
            with torch.inference_mode():
                inside = system.intermediate_maps(output, scores)
            self._current |= {f"score: {name}": maps.cpu() for name, maps in inside.items()}
        elif stage == "score":
            logits, foreground = output
            self._current["score"] = logits.clone().cpu()
            self._current["foreground"] = foreground.clone().cpu()
        elif stage in STAGES:
            self._current[stage] = output.clone().cpu()
        elif stage == "update":
            self._current, self._inside = None, None
