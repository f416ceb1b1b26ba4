"""A whole clip: every annotated object in every frame, in both directions."""

import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from rotoline.annotations import GivenMasks, by_index, check_annotations
from rotoline.frames import FrameStream
from rotoline.runtime.progress import Progress
from rotoline.state import TrackerState
from rotoline.tracker import Tracker
from rotoline.types import Frame, FrameResult, LabelMap

BACKWARDS = "tracking backwards"
"""The stage in which objects that are marked late are tracked back to the first marked frame."""


class Checkpoint(NamedTuple):
    """How far a clip was tracked, and what is needed to go on from there."""

    direction: Literal["backwards", "forwards"]
    """The pass."""
    frame: int
    """Index of the frame that was tracked last in this pass; where it has not begun, of the frame
    that it begins from."""
    tracker: TrackerState
    """The tracker after this frame."""


class Step(NamedTuple):
    """A frame that was tracked."""

    result: FrameResult | None = None
    """Its result; None where the forward pass will complete it, or if this is no frame."""
    checkpoint: Checkpoint | None = None
    """The state after this frame, if it was asked for."""
    progress: Progress | None = None
    """How far the backward pass is, if there is no result."""


class MapStore(Protocol):
    """Keeps the compressed maps of the backward pass, by frame index."""

    def __getitem__(self, index: int) -> bytes:
        """The maps of a frame."""
        ...

    def __setitem__(self, index: int, maps: bytes) -> None:
        """Keep the maps of a frame."""


def segment(
    frames: Iterable[Frame],
    masks: LabelMap | Mapping[int, LabelMap],
    tracker: Tracker,
    waiting: MapStore | None = None,
    *,
    complete: bool | Collection[int] = False,
) -> Iterator[FrameResult]:
    """Segment every annotated object in every frame; `rotoline.segment` documents it for users.

    Args:
        frames: As for `rotoline.segment`.
        masks: As for `rotoline.segment`.
        tracker: A new tracker.
        waiting: As for `track_clip`.
        complete: As for `rotoline.segment`.
    """
    labels = by_index(masks)
    given = GivenMasks(labels, labels if complete is True else complete or ())
    for step in track_clip(frames, given, tracker, waiting):
        if step.progress is not None:
            tracker.report(step.progress)
        if step.result is not None:
            yield step.result


def track_clip(
    frames: Iterable[Frame],
    given: GivenMasks,
    tracker: Tracker,
    waiting: MapStore | None = None,
    *,
    resumed: Checkpoint | None = None,
    is_due: Callable[[], bool] = lambda: False,
) -> Iterator[Step]:
    """Segment every annotated object in every frame, and report the state now and then.

    The networks are fine-tuned on the annotated frames first, if the settings say so. Then each
    object is tracked forwards from the frame in which it is first annotated, and backwards
    from there to frame 0. The backward pass comes first. In frames in which other objects are
    tracked forwards, its maps are kept in compressed form until the forward pass fuses them.

    Args:
        frames: As for `rotoline.segment`.
        given: The masks.
        tracker: A new tracker.
        waiting: Keeps the maps of the backward pass; in memory if None. To go on from a checkpoint
            it must hold what it held then.
        resumed: The state to go on from, of the same clip, masks, settings and network. The steps
            after it are bit-identical on a CPU to those of a run that was not interrupted.
        is_due: Asked after every frame, and after learning, whether a checkpoint is wanted.
    """
    stream = FrameStream(frames)
    annotated = stream.read(given.masks)
    annotations = check_annotations(given.masks, annotated, complete=given.complete)
    starts = annotations.first_annotated
    first, last = int(starts.min()), int(starts.max())
    waiting = {} if waiting is None else waiting
    if resumed is None:
        tracker.fit(annotated, annotations)
        tracker.use(tracker.tune())
        tracker.apply_annotation(last)
        if is_due():
            yield Step(None, Checkpoint("backwards", last, tracker.save()))
    else:
        tracker.restore(annotated, annotations, resumed.tracker)

    def checkpoint(direction: Literal["backwards", "forwards"], index: int) -> Checkpoint | None:
        return Checkpoint(direction, index, tracker.save()) if is_due() else None

    if resumed is None or resumed.direction == "backwards":
        for index, frame in stream.backwards(last if resumed is None else resumed.frame):
            is_late = (starts > index) & ~annotations.annotated_in(index)
            logits = tracker.track(frame, index, active=is_late)
            result, progress = None, None
            if index < first:
                # Before the first object is marked, an annotation can only say that none is there.
                result = tracker.result(index, tracker.apply_annotation(index, logits), frame)
            else:
                waiting[index] = compress_logits(logits)
                tracker.apply_annotation(index, logits)
                progress = Progress(BACKWARDS, last - index, last - first)
            yield Step(result, checkpoint("backwards", index), progress)
        tracker.new_pass()

    begin = resumed.frame + 1 if resumed and resumed.direction == "forwards" else first
    for index, frame in stream.forwards(begin):
        is_late = starts > index
        logits = tracker.track(frame, index, active=~is_late & ~annotations.annotated_in(index))
        if is_late.any():
            backwards = decompress_logits(waiting[index], logits)
            logits = torch.where(is_late.to(logits.device)[:, None, None], backwards, logits)
        logits = tracker.apply_annotation(index, logits)
        yield Step(tracker.result(index, logits, frame), checkpoint("forwards", index))


def compress_logits(logits: Tensor) -> bytes:
    """Quantise logits to int8, in steps of 1/15 from -8.5 to 8.5, and compress them."""
    quantised = (logits * 15).round().clamp(-127, 127).to(torch.int8)
    return zlib.compress(quantised.cpu().numpy().tobytes(), 1)


def decompress_logits(compressed: bytes, like: Tensor) -> Tensor:
    """Undo `compress_logits`: float32 of the shape and on the device of `like`."""
    values: np.ndarray[Any, np.dtype[np.int8]] = np.frombuffer(
        zlib.decompress(compressed), dtype=np.int8
    )
    return torch.from_numpy(values / np.float32(15)).reshape(like.shape).to(like.device)
