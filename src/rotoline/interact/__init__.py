"""A stand-in that only draws strokes, until the real one is there."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from rotoline.pipeline import MapStore, Step
from rotoline.runtime.progress import Progress
from rotoline.types import FrameResult, LabelMap, ObjectId


class Stroke(BaseModel):
    """What was drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    tool: Literal["stroke", "box", "polygon", "brush", "eraser"]
    is_object: bool = True
    radius: float = 0.5
    points: tuple[tuple[float, float], ...]


class Span(NamedTuple):
    """Frames in which one object is tracked."""

    object_id: int
    begin: int
    end: int
    is_backwards: bool


def plan_spans(marks, ids, frame, count, direction):  # type: ignore[no-untyped-def]
    """Everything from the frame on."""
    return [Span(i, 0, count, False) for i in ids if marks.get(i)]


class Session:
    """Draws discs around points."""

    def __init__(self, model: Any, size: tuple[int, int], *, config: Any = None) -> None:
        self.size = size

    def solve(self, index, frame, strokes, *, current=None, result=None, locked=()):  # type: ignore
        labels = np.zeros(self.size, np.uint8) if current is None else current.copy()
        rows, columns = np.mgrid[: self.size[0], : self.size[1]]
        for object_id, some in strokes.items():
            for stroke in some:
                is_object = stroke.is_object and stroke.tool != "eraser"
                for x, y in stroke.points:
                    disc = (rows + 0.5 - y) ** 2 + (columns + 0.5 - x) ** 2 < (
                        3 * stroke.radius + 4
                    ) ** 2
                    labels[disc & (is_object | (labels == object_id))] = object_id * is_object
        return labels

    def teach(self, masks: Mapping[int, LabelMap], frames: Mapping[int, Any]) -> None:
        return None

    def track(
        self,
        frames: Any,
        masks: Mapping[int, LabelMap],
        spans: Sequence[Span],
        results: Mapping[int, FrameResult],
        store: MapStore,
    ) -> Iterator[Step]:
        ids = sorted({s.object_id for s in spans})
        first = masks[min(masks)]
        for index, _ in enumerate(frames):
            labels = masks.get(index, first)
            confidence = {i: 0.9 * bool((labels == i).any()) for i in ids}
            yield Step(
                FrameResult(
                    index=index,
                    labels=labels,
                    confidence=confidence,
                    logits=torch.zeros(len(ids), 4, 4),
                ),
                progress=Progress("segmenting", index + 1),
            )
