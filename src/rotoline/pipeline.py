"""The data flow: frames and masks in, a label map per frame out, six stages in order.

    frames ─► foreground ─► adapt ─► score ─► propagate ─► regions ─► fuse ─► labels

`Track.step` is the picture. Everything that depends on a frame alone (features, gates) is computed
once, however many objects there are. A preset brings its nets and its learner to the same stages:
`rotoline.parts`.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from rotoline.clock import Clock
from rotoline.marks import Marks, by_index, check_marks
from rotoline.stages.foreground import ForegroundConfig, limit_to_foreground, working_size
from rotoline.stages.fuse import FuseConfig, confidences, fuse, wins
from rotoline.stages.propagate import PropagateConfig
from rotoline.stages.regions import RegionsConfig, Seen, remove_regions
from rotoline.stream import FrameStream
from rotoline.types import Frame, FrameResult, LabelMap

CERTAIN = 8.0
"""Logit of what is known: inside a user's mask; its negative outside, and for hidden objects."""


class PipelineConfig(BaseModel):
    """The settings that every preset has; each is defined beside the stage it belongs to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: str
    """Whose settings these are."""
    foreground: ForegroundConfig = ForegroundConfig()
    propagate: PropagateConfig = PropagateConfig()
    regions: RegionsConfig = RegionsConfig()
    fuse: FuseConfig = FuseConfig()
    seed: int = Field(0, ge=0)
    """Decides whatever is random: the augmented views that networks are fine-tuned on. Nothing in
    the closed-form learner is."""


class Parts(Protocol):
    """What a preset puts into the boxes, after it has learned K objects (`rotoline.parts`)."""

    stride: int
    """Pixels of the working frame for a pixel of the maps: h, w = H / stride, W / stride."""

    def fresh(self) -> "Parts":
        """The same, with nothing remembered: for a pass in the other direction."""
        ...

    def look(self, frame: Frame) -> Any:
        """Everything about a frame that is computed once for all objects."""
        ...

    def score(self, view: Any, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the objects `(K, 1, h, w)` and of the foreground `(1, 1, h, w)`.

        `scores`, `(K, h, w)` in [0, 1], are the objects' maps of the frame before.
        """
        ...

    def sharpen(self, logits: Tensor, view: Any) -> Tensor:
        """Logits `(K, 1, h, w)`, propagated."""
        ...

    def update(self, view: Any, logits: Tensor, active: np.ndarray) -> None:
        """Learn from a result, filtered logits `(K, h, w)`; or do not."""
        ...

    def stand_at(self, index: int) -> None:
        """Go on from a marked frame."""
        ...


Learn = Callable[[Mapping[int, Frame], Marks], Parts]
"""Stage 2: learns all objects from the marked frames by index."""


def segment(
    frames: Iterable[Frame],
    masks: LabelMap | Mapping[int, LabelMap],
    learn: Learn,
    config: PipelineConfig,
    clock: Clock,
) -> Iterator[FrameResult]:
    """Segment every marked object in every frame; `rotoline.segment` describes it for users."""
    stream = FrameStream(frames)
    marked = stream.read(by_index(masks))
    marks = check_marks(masks, marked)
    with clock.stage("adapt"):
        parts = learn(marked, marks)
    first, last = int(marks.starts.min()), int(marks.starts.max())

    # Backwards from where the last object starts. Where others run forwards, its maps wait.
    waiting: dict[int, bytes] = {}
    track = Track(marks, parts, config, clock)
    track.place_marks(last)
    for index, frame in stream.backwards(last):
        logits = track.step(frame, active=marks.starts > index)
        if index < first:
            yield track.result(index, logits)
        else:
            waiting[index] = _pack(logits)
            track.place_marks(index, logits)

    track = Track(marks, parts.fresh(), config, clock)
    for index, frame in stream.forwards(first):
        is_late = marks.starts > index
        logits = track.step(frame, active=~is_late & ~marks.shows(index))
        if index in waiting:
            was_late = torch.from_numpy(is_late)[:, None, None]
            logits = torch.where(was_late, _unpack(waiting.pop(index), logits.shape), logits)
        logits = track.place_marks(index, logits)
        yield track.result(index, logits)


class Track:
    """All objects on their way through the frames in one direction."""

    def __init__(self, marks: Marks, parts: Parts, config: PipelineConfig, clock: Clock):
        self.marks, self.parts, self.config, self.clock = marks, parts, config, clock
        size = working_size(marks.size, config.foreground.pixels)
        shape = (len(marks.object_ids), size[0] // parts.stride, size[1] // parts.stride)
        self.scores = torch.zeros(shape)
        """Score maps of the frame before: the priors of the next."""
        self.previous = np.zeros(shape, dtype=bool)
        """Each object's mask in the frame before."""
        self.last_seen = np.zeros(shape, dtype=bool)
        """Each object's last visible mask."""
        self.largest = np.zeros(shape[0], dtype=int)
        """How many pixels each object has covered at most."""
        self.hidden = np.zeros(shape[0], dtype=int)
        """For how many frames each object has not been visible."""
        self.background = config.fuse.background if config.propagate.enabled else 0.5
        """Score below which a pixel is no object's."""

    @torch.inference_mode()
    def step(self, frame: Frame, active: np.ndarray) -> Tensor:
        """Take the active objects, bool `(K,)`, one frame further: the six stages.

        Returns:
            `(K, h, w)`: logits; objects that are not active are hidden.
        """
        if not active.any():
            return torch.full_like(self.scores, -CERTAIN)
        parts, config, stage = self.parts, self.config, self.clock.stage
        with stage("foreground"):
            view = parts.look(frame)
        with stage("score"):
            logits, foreground = parts.score(view, self.scores)
        with stage("foreground"):
            logits = limit_to_foreground(logits, foreground, config.foreground)
        with stage("propagate"):
            logits = parts.sharpen(logits, view)[:, 0]
        with stage("regions"):
            logits[torch.from_numpy(~active)] = -CERTAIN
            is_foreground = foreground[0, 0].numpy() > 0 if config.foreground.limit else None
            past = (self.last_seen, self.largest, self.hidden, self.previous)
            logits = remove_regions(logits, Seen(*past, is_foreground), config.regions)
            if config.foreground.rule == "mask":  # propagation may have left it
                logits = limit_to_foreground(logits[:, None], foreground, config.foreground)[:, 0]
        with stage("adapt"):
            self._keep_state(logits, active)
            parts.update(view, logits, active)
        return logits

    def result(self, index: int, logits: Tensor) -> FrameResult:
        """Stage 6, and the user's own pixels where there are any."""
        ids = self.marks.object_ids
        with self.clock.stage("fuse"):
            labels = fuse(logits, ids, self.marks.size, self.background)
            given = self.marks.labels.get(index)
            if given is not None:
                labels[np.isin(labels, given)] = 0
                labels = np.where(given > 0, given, labels)
        confidence = confidences(logits, ids, self.background)
        return FrameResult(index=index, labels=labels, confidence=confidence, logits=logits)

    @torch.inference_mode()
    def place_marks(self, index: int, logits: Tensor | None = None) -> Tensor:
        """Believe the user: marked objects are where the mask of this frame says.

        Args:
            index: A frame; without a mask nothing changes.
            logits: `(K, h, w)` of the same frame, for the objects not marked in it.

        Returns:
            The logits with the marked objects put in.
        """
        logits = torch.full_like(self.scores, -CERTAIN) if logits is None else logits
        if index in self.marks.labels:
            shown = self.marks.shows(index)
            share = self.marks.masks_at(index, tuple(logits.shape[1:]))
            is_shown = torch.from_numpy(shown)[:, None, None]
            logits = torch.where(is_shown, CERTAIN * (2 * share - 1), logits)
            self._keep_state(logits, shown)
            self.parts.stand_at(index)
        return logits

    def _keep_state(self, logits: Tensor, which: np.ndarray) -> None:
        """Remember where the objects `which`, bool `(K,)`, are now."""
        self.scores[torch.from_numpy(which)] = logits[torch.from_numpy(which)].sigmoid()
        visible = wins(logits, self.background).numpy()
        self.previous[which] = visible[which]
        seen = visible.any((1, 2)) & which
        self.last_seen[seen] = visible[seen]
        self.largest[seen] = np.maximum(self.largest, visible.sum((1, 2)))[seen]
        self.hidden[which] += 1
        self.hidden[seen] = 0


def _pack(logits: Tensor) -> bytes:
    """Logits in a few kilobytes, to a thirtieth: enough to wait for the other direction."""
    return zlib.compress((logits * 15).round().clamp(-127, 127).to(torch.int8).numpy().tobytes(), 1)


def _unpack(packed: bytes, shape: tuple[int, ...]) -> Tensor:
    values = np.frombuffer(zlib.decompress(packed), dtype=np.int8).reshape(shape)
    return torch.from_numpy(values / np.float32(15))
