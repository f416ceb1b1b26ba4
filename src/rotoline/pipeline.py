"""A whole clip: every annotated object in every frame, in both directions."""

import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rotoline.annotations import by_index, check_annotations
from rotoline.frames import FrameStream
from rotoline.tracker import Tracker
from rotoline.types import Frame, FrameResult, LabelMap


def segment(
    frames: Iterable[Frame],
    masks: LabelMap | Mapping[int, LabelMap],
    tracker: Tracker,
    *,
    complete: bool | Collection[int] = False,
) -> Iterator[FrameResult]:
    """Segment every annotated object in every frame; `rotoline.segment` documents it for users.

    The networks are fine-tuned on the annotated frames first, if the settings say so. Then each
    object is tracked forwards from the frame in which it is first annotated, and backwards
    from there to frame 0. The backward pass comes first. In frames in which other objects are
    tracked forwards, its maps are kept in compressed form until the forward pass fuses them.
    """
    stream = FrameStream(frames)
    annotated = stream.read(by_index(masks))
    annotations = check_annotations(masks, annotated, complete=complete)
    tracker.fit(annotated, annotations)
    tracker.use(tracker.tune())
    starts = annotations.first_annotated
    first, last = int(starts.min()), int(starts.max())

    waiting: dict[int, bytes] = {}
    tracker.apply_annotation(last)
    for index, frame in stream.backwards(last):
        logits = tracker.track(frame, index, active=starts > index)
        if index < first:
            # Before the first object is marked, an annotation can only say that none is there.
            yield tracker.result(index, tracker.apply_annotation(index, logits), frame)
        else:
            waiting[index] = compress_logits(logits)
            tracker.apply_annotation(index, logits)

    tracker.new_pass()
    for index, frame in stream.forwards(first):
        is_late = starts > index
        logits = tracker.track(frame, index, active=~is_late & ~annotations.annotated_in(index))
        if index in waiting:
            backwards = decompress_logits(waiting.pop(index), logits)
            logits = torch.where(is_late.to(logits.device)[:, None, None], backwards, logits)
        logits = tracker.apply_annotation(index, logits)
        yield tracker.result(index, logits, frame)


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
