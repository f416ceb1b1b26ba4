"""Masks that come after a clip was segmented: they correct their objects, and only around them.

A mask of frame c corrects the objects that it shows, or all objects if it shows none. Such an
object is learned again from all of its masks and tracked again between its neighbouring marks: from
the one before c, which starts it, to the frame before the one after c. Where there is no mark
before or after c, it is tracked to that end of the clip. All other objects keep their maps.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rotoline.annotations import Annotations, GivenMasks, check_annotations
from rotoline.errors import InputError
from rotoline.frames import FrameStream
from rotoline.pipeline import BACKWARDS, MapStore, Step, compress_logits, decompress_logits
from rotoline.runtime.progress import Progress
from rotoline.stages.fuse import visible_masks
from rotoline.tracker import Tracker
from rotoline.types import SATURATED_LOGIT, Frame, FrameResult, LabelMap

CORRECTING = "correcting"
"""The stage in which objects are tracked again."""


class Span(NamedTuple):
    """Frames in which one object is tracked again."""

    row: int
    """The object's channel."""
    begin: int
    """The first of them."""
    end: int
    """The frame after the last; beyond the clip if there is no mark after it."""


class Segmented(NamedTuple):
    """A clip that was segmented."""

    given: GivenMasks
    """The masks that it was segmented with."""
    results: Mapping[int, FrameResult]
    """The results, by index; each is read on access. Logits are those of `object_ids`."""


def find_spans(before: Annotations, after: Annotations, corrected: Iterable[int]) -> list[Span]:
    """Find what has to be tracked again.

    Args:
        before: The annotations that a clip was segmented with.
        after: Those with the corrections.
        corrected: The frames of which the masks are new or were changed.
    """
    spans = []
    shown = {index: after.annotated_in(index).numpy() for index in after.labels}
    for row, object_id in enumerate(after.object_ids):
        marks = [index for index in shown if shown[index][row]]
        for frame in corrected:
            was = object_id in before.object_ids and bool(
                before.annotated_in(frame)[before.object_ids.index(object_id)]
            )
            if shown[frame][row] or was:
                begin = max((mark + 1 for mark in marks if mark < frame), default=0)
                end = min((mark for mark in marks if mark > frame), default=2**62)
                spans.append(Span(row, begin, end))
    return spans


def correct_clip(
    frames: Iterable[Frame],
    given: GivenMasks,
    segmented: Segmented,
    tracker: Tracker,
    found: MapStore,
) -> Iterator[Step]:
    """Track the corrected objects again, and yield the results of the frames that change.

    A result differs from the earlier one only in pixels that a corrected object takes or gives up:
    the former go to the corrected object where its map wins against those of the others, the
    latter to whichever map is best there without it. The confidence of other objects stays.

    Args:
        frames: The clip.
        given: The masks that it was segmented with, and the new or changed ones.
        segmented: What there is.
        tracker: A new tracker.
        found: Keeps the new maps.

    Raises:
        InputError: The masks cannot be used, or an object has none any more.
    """
    stream = FrameStream(frames)
    annotated = stream.read(given.masks)
    after = check_annotations(given.masks, annotated, complete=given.complete)
    known, known_complete = segmented.given
    frames_known = {index: annotated[index] for index in known}
    before = check_annotations(known, frames_known, complete=known_complete)
    lost = set(before.object_ids) - set(after.object_ids)
    if lost:
        raise InputError(f"object {min(lost)} has no mask any more; keep one of its masks")
    tracker.fit(annotated, after)
    tracker.use(tracker.tune())
    spans = find_spans(before, after, changed_masks(known, given.masks))
    again = _Again(tracker, segmented.results, spans, found)
    count, starts = len(segmented.results), after.first_annotated
    last = max((int(starts[one.row]) for one in spans if one.begin < starts[one.row]), default=0)
    if last:
        again.visit(last)
        for index, frame in stream.backwards(last):
            is_tracked, is_next = again.rows(index), again.rows(index - 1)
            again.go_on(index, frame, is_tracked & (starts > index), is_next & (starts == index))
            yield Step(progress=Progress(BACKWARDS, last - index, last))
        tracker.new_pass()
    end = min(count, max(one.end for one in spans))
    for index, frame in stream.forwards(0):
        if index >= end:
            break
        is_tracked = again.rows(index) & (starts < index) & ~after.annotated_in(index)
        is_next = again.rows(index + 1) & (starts <= index)
        is_shown = again.rows(index) & (starts <= index)
        again.go_on(index, frame, is_tracked, is_next | is_shown)
        progress = Progress(CORRECTING, index + 1, end)
        is_redone = bool(again.rows(index).any())
        yield Step(again.result(index, frame) if is_redone else None, progress=progress)


def changed_masks(before: Mapping[int, LabelMap], after: Mapping[int, LabelMap]) -> list[int]:
    """The frames of which the masks are new or differ."""
    return [
        index
        for index, mask in after.items()
        if index not in before or not np.array_equal(mask, before[index])
    ]


class _Again:
    """Tracks some objects again, while the others are where their maps say.

    Args:
        tracker: Has learned all objects.
        results: Those before the correction.
        spans: What is tracked again.
        found: The new maps, of all objects, by frame index.
    """

    def __init__(
        self,
        tracker: Tracker,
        results: Mapping[int, FrameResult],
        spans: Sequence[Span],
        found: MapStore,
    ) -> None:
        self._tracker, self._results, self._spans, self._found = tracker, results, spans, found
        self._has: set[int] = set()

    def rows(self, index: int) -> Tensor:
        """The objects that are tracked again in a frame, bool `(K,)`."""
        rows = torch.zeros(len(self._tracker.annotations.object_ids), dtype=torch.bool)
        for span in self._spans:
            rows[span.row] |= span.begin <= index < span.end
        return rows

    def go_on(self, index: int, frame: Frame, active: Tensor, is_needed: Tensor) -> None:
        """Track the active objects into a frame; without any, visit it if it is needed."""
        if active.any():
            known = self._known(index)
            self._keep(index, self._tracker.track(frame, index, active, known))
        elif is_needed.any():
            self.visit(index)

    @torch.inference_mode()
    def visit(self, index: int) -> None:
        """Begin at an annotated frame, with all objects where their maps say."""
        logits = self._known(index)
        tracker = self._tracker
        visible = visible_masks(logits, tracker.config.fuse.background_threshold)
        everything = torch.ones(len(logits), dtype=torch.bool, device=logits.device)
        tracker.state.update(logits, visible, everything)
        self._keep(index, logits)

    def result(self, index: int, frame: Frame) -> FrameResult:
        """The result of a frame that was tracked again."""
        old, new = self._results[index], self._tracker.result(index, self._known(index), frame)
        ids = np.array(new.object_ids)[self.rows(index).numpy()]
        takes, gives_up = np.isin(new.labels, ids), np.isin(old.labels, ids)
        labels = np.where(takes | gives_up, new.labels, old.labels)
        confidence = {i: new.confidence[i] for i in new.confidence} | {
            i: value for i, value in old.confidence.items() if i not in ids
        }
        return replace(new, labels=labels, confidence=confidence)

    def _keep(self, index: int, logits: Tensor) -> None:
        logits = self._tracker.apply_annotation(index, logits)
        if self.rows(index).any():
            self._found[index] = compress_logits(logits)
            self._has.add(index)

    def _known(self, index: int) -> Tensor:
        """The maps of a frame so far, float `(K, h, w)`; an object that is new is hidden."""
        like = self._tracker.state.scores
        if index in self._has:
            return decompress_logits(self._found[index], like)
        old = self._results[index]
        known = torch.full_like(like, -SATURATED_LOGIT)
        for row, object_id in enumerate(self._tracker.annotations.object_ids):
            if object_id in old.object_ids:
                known[row] = old.logits[old.object_ids.index(object_id)].to(like.device)
        return known
