"""The data flow: frames and masks in, a label map per frame out, six stages in order.

    frames ─► foreground ─► adapt ─► score ─► propagate ─► regions ─► fuse ─► labels

`Track.step` is the picture. Everything that depends on a frame alone (features, gates) is computed
once, however many objects there are. Another preset brings other nets and another learner to the
same stages.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from rotoline.clock import Clock
from rotoline.marks import Marks, by_index, check_marks
from rotoline.nets.fast import FastNet
from rotoline.stages.adapt import (
    AdaptConfig,
    ObjectRules,
    adapt_to_objects,
    is_due,
    with_union,
)
from rotoline.stages.foreground import (
    ForegroundConfig,
    limit_to_foreground,
    look,
    to_tensor,
    working_size,
)
from rotoline.stages.fuse import confidences, fuse, wins
from rotoline.stages.propagate import PropagateConfig, sharpen
from rotoline.stages.regions import RegionsConfig, Seen, remove_regions
from rotoline.stages.score import Past, ScoreConfig, score_objects
from rotoline.stream import FrameStream
from rotoline.types import Frame, FrameResult, LabelMap

CERTAIN = 8.0
"""Logit of what is known: inside a user's mask; its negative outside, and for hidden objects."""


class PipelineConfig(BaseModel):
    """The settings of all stages; each is defined beside the stage it belongs to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    foreground: ForegroundConfig = ForegroundConfig()
    adapt: AdaptConfig = AdaptConfig()
    score: ScoreConfig = ScoreConfig()
    propagate: PropagateConfig = PropagateConfig()
    regions: RegionsConfig = RegionsConfig()
    seed: int = Field(0, ge=0)
    """Decides whatever is random. Nothing in the closed-form learner is."""


def segment(
    frames: Iterable[Frame],
    masks: LabelMap | Mapping[int, LabelMap],
    net: FastNet,
    config: PipelineConfig,
    clock: Clock,
) -> Iterator[FrameResult]:
    """Segment every marked object in every frame; `rotoline.segment` describes it for users."""
    stream = FrameStream(frames)
    marked = stream.read(by_index(masks))
    marks = check_marks(masks, marked)
    with clock.stage("adapt"):
        rules = learn(marked, marks, net, config)
    first, last = int(marks.starts.min()), int(marks.starts.max())

    # Backwards from where the last object starts. Where others run forwards, its maps wait.
    waiting: dict[int, bytes] = {}
    track = Track(marks, rules, net, config, clock)
    track.place_marks(last)
    for index, frame in stream.backwards(last):
        logits = track.step(frame, active=marks.starts > index)
        if index < first:
            yield track.result(index, logits)
        else:
            waiting[index] = _pack(logits)
            track.place_marks(index, logits)

    track = Track(marks, rules.fresh(), net, config, clock)
    for index, frame in stream.forwards(first):
        is_late = marks.starts > index
        logits = track.step(frame, active=~is_late & ~marks.shows(index))
        if index in waiting:
            was_late = torch.from_numpy(is_late)[:, None, None]
            logits = torch.where(was_late, _unpack(waiting.pop(index), logits.shape), logits)
        logits = track.place_marks(index, logits)
        yield track.result(index, logits)


@torch.inference_mode()
def learn(
    marked: Mapping[int, Frame], marks: Marks, net: FastNet, config: PipelineConfig
) -> ObjectRules:
    """Stage 2 on all marked frames."""
    size = working_size(marks.size, config.foreground.pixels)
    views = {i: (to_tensor(frame, size), marks.masks_at(i, size)) for i, frame in marked.items()}
    return adapt_to_objects(net, views, config.adapt)


class Track:
    """All objects on their way through the frames in one direction."""

    def __init__(
        self, marks: Marks, rules: ObjectRules, net: FastNet, config: PipelineConfig, clock: Clock
    ):
        self.marks, self.rules, self.net, self.config, self.clock = marks, rules, net, config, clock
        self.size = working_size(marks.size, config.foreground.pixels)
        shape = (len(marks.object_ids), self.size[0] // 4, self.size[1] // 4)
        self.scores = torch.zeros(shape)
        """Score maps of the frame before: the priors of the next."""
        self.keys = next(iter(rules.keys.values()))
        """`Features.keys` of the frame before."""
        self.last_seen = np.zeros(shape, dtype=bool)
        """Each object's last visible mask."""
        self.largest = np.zeros(shape[0], dtype=int)
        """How many pixels each object has covered at most."""
        self.hidden = np.zeros(shape[0], dtype=int)
        """For how many frames each object has not been visible."""
        self.steps = 0

    @torch.inference_mode()
    def step(self, frame: Frame, active: np.ndarray) -> Tensor:
        """Take the active objects, bool `(K,)`, one frame further: the six stages.

        Returns:
            `(K, h, w)`: logits; objects that are not active are hidden.
        """
        if not active.any():
            return torch.full_like(self.scores, -CERTAIN)
        net, config, stage = self.net, self.config, self.clock.stage
        with stage("foreground"):
            features = look(net.embedding, frame, self.size)
        with stage("score"):
            past = Past(with_union(self.scores), self.keys, self.rules.memory)
            scored = score_objects(net, self.rules.rules, features, past, config.score)
            self.keys = features.keys
        with stage("foreground"):
            logits = limit_to_foreground(scored[: len(active)], scored[-1:], config.foreground)
        with stage("propagate"):
            logits = sharpen(net.propagation, logits, features, config.propagate)[:, 0]
        with stage("regions"):
            logits[torch.from_numpy(~active)] = -CERTAIN
            seen = Seen(self.last_seen, self.largest, self.hidden)
            logits = remove_regions(logits, seen, config.regions)
        with stage("adapt"):
            self._keep_state(logits, active)
            self.steps += 1
            if is_due(config.adapt, self.steps, len(active)):
                masks, is_whole = wins(logits).float(), bool(active.all())
                self.rules.update(features.embedding[0], logits, masks, is_whole=is_whole)
        return logits

    def result(self, index: int, logits: Tensor) -> FrameResult:
        """Stage 6, and the user's own pixels where there are any."""
        ids = self.marks.object_ids
        with self.clock.stage("fuse"):
            labels = fuse(logits, ids, self.marks.size)
            given = self.marks.labels.get(index)
            if given is not None:
                labels[np.isin(labels, given)] = 0
                labels = np.where(given > 0, given, labels)
        return FrameResult(
            index=index, labels=labels, confidence=confidences(logits, ids), logits=logits
        )

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
            self.keys = self.rules.keys[index]
        return logits

    def _keep_state(self, logits: Tensor, which: np.ndarray) -> None:
        """Remember where the objects `which`, bool `(K,)`, are now."""
        self.scores[torch.from_numpy(which)] = logits[torch.from_numpy(which)].sigmoid()
        visible = wins(logits).numpy()
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
