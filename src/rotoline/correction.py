"""Some objects tracked again, while the others stay where they are.

Masks that come after a clip was segmented correct their objects, and only around them: a mask of
frame c corrects the objects that it shows, or all objects if it shows none. Such an object is
learned again from all of its masks and tracked again between its neighbouring marks: from the one
before c, which starts it, to the frame before the one after c. Where there is no mark before or
after c, it is tracked to that end of the clip. All other objects keep their maps.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rotoline.annotations import Annotations, GivenMasks, check_annotations
from rotoline.errors import InputError
from rotoline.frames import FrameStream
from rotoline.pipeline import BACKWARDS, MapStore, Step, compress_logits, decompress_logits
from rotoline.runtime.progress import Progress
from rotoline.spans import Span, split_at_first_mark
from rotoline.stages.fuse import visible_masks
from rotoline.state import KnownMaps
from rotoline.tracker import Tracker
from rotoline.types import SATURATED_LOGIT, Frame, FrameResult, LabelMap

FORWARDS = "tracking"
"""The stage in which objects are tracked forwards again."""


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
                ranges = split_at_first_mark(begin, end, int(after.first_annotated[row]))
                spans += [Span(object_id, *one) for one in ranges if one[0] < one[1]]
    return spans


def correct_clip(
    frames: Iterable[Frame],
    given: GivenMasks,
    segmented: Segmented,
    tracker: Tracker,
    waiting: MapStore,
) -> Iterator[Step]:
    """Track the corrected objects again, and yield the results of the frames that change.

    Args:
        frames: The clip.
        given: The masks that it was segmented with, and the new or changed ones.
        segmented: What there is.
        tracker: A new tracker.
        waiting: As for `track_spans`.

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
    count = len(segmented.results)
    spans = [
        span._replace(end=min(span.end, count))
        for span in find_spans(before, after, changed_masks(known, given.masks))
    ]
    yield from track_spans(stream, tracker, spans, segmented.results, waiting)


def changed_masks(before: Mapping[int, LabelMap], after: Mapping[int, LabelMap]) -> list[int]:
    """The frames of which the masks are new or differ."""
    return [
        index
        for index, mask in after.items()
        if index not in before or not np.array_equal(mask, before[index])
    ]


def track_spans(
    stream: FrameStream,
    tracker: Tracker,
    spans: Sequence[Span],
    results: Mapping[int, FrameResult],
    waiting: MapStore,
) -> Iterator[Step]:
    """Track objects in spans, and yield the results of the frames of these.

    As in `rotoline.pipeline.track_clip`, the backward pass comes first, and its maps wait where an
    object is tracked forwards too. Objects that are not tracked in a frame are where their maps in
    `results` say; without one they are hidden.

    A result differs from the earlier one only in pixels that a tracked object takes or gives up:
    the former go to it where its map wins against those of the others, the latter to whichever map
    is best there without it. Maps and confidence of the other objects stay. Objects that have
    results and no mask any more lose no pixels.

    Args:
        stream: The clip.
        tracker: Has learned all objects.
        spans: Of objects that the tracker has learned; each begins at one of its masks.
        results: What is known of frames; each is read on access. May lack frames and objects.
        waiting: Keeps the maps of the backward pass, by frame index.

    Yields:
        A result once for each frame with a span, and the progress, of which a pass over a frame is
        a step.

    Raises:
        InputError: A span does not begin at a mask, or a result is of another working size.
    """
    check_spans(spans, tracker.annotations)
    again = _Again(tracker, results, spans, waiting)
    passes = [(True, BACKWARDS), (False, FORWARDS)]
    total = sum(len(again.frames_of(is_backwards)) for is_backwards, _ in passes)
    done = 0
    for is_backwards, stage in passes:
        wanted = again.frames_of(is_backwards)
        if not wanted:
            continue
        begin, end = min(wanted), max(wanted) + 1
        tracker.new_pass()
        again.is_backwards = is_backwards
        if is_backwards:
            again.go_to(end)
        ahead = stream.forwards(max(begin - 1, 0), end)
        pairs = stream.backwards(end) if is_backwards else ahead
        for index, frame in pairs:
            logits = again.go_on(index, frame)
            if index in wanted and logits is not None:
                done += 1
                result = again.finish(index, frame, logits)
                yield Step(result, progress=Progress(stage, done, total))
            if is_backwards and index == begin:
                break


def check_spans(spans: Iterable[Span], annotations: Annotations) -> None:
    """Refuse spans of objects without masks, and those that do not begin at one of them."""
    for span in spans:
        name = f"the span of object {span.object_id} from frame {span.begin} to {span.end - 1}"
        if span.object_id not in annotations.object_ids:
            raise InputError(f"{name} cannot be tracked: the object has no mask; give one")
        starts = (span.end, span.end - 1) if span.is_backwards else (span.begin - 1, span.begin)
        row = annotations.object_ids.index(span.object_id)
        if not any(bool(annotations.annotated_in(index)[row]) for index in starts):
            raise InputError(
                f"{name} begins at no mask: it needs one in frame {starts[0]} or {starts[1]}; "
                "plan_spans gives spans that do"
            )


class _Again:
    """Tracks some objects again, while the others are where their maps say.

    Args:
        tracker: Has learned all objects.
        results: Those before.
        spans: What is tracked again.
        waiting: The maps of the backward pass, by frame index.
    """

    def __init__(
        self,
        tracker: Tracker,
        results: Mapping[int, FrameResult],
        spans: Sequence[Span],
        waiting: MapStore,
    ) -> None:
        self._tracker, self._results, self._spans, self._waiting = tracker, results, spans, waiting
        self._has: set[int] = set()
        self.is_backwards = True
        """The present pass."""

    def frames_of(self, is_backwards: bool) -> set[int]:  # noqa: FBT001 (as in Span)
        """The frames with a span of a pass."""
        chosen = [one for one in self._spans if one.is_backwards == is_backwards]
        return {index for one in chosen for index in range(one.begin, one.end)}

    def _rows(self, index: int, *, is_backwards: bool) -> Tensor:
        """The objects that a pass tracks in a frame, bool `(K,)`."""
        ids = self._tracker.annotations.object_ids
        found = {
            one.object_id
            for one in self._spans
            if one.is_backwards == is_backwards and one.begin <= index < one.end
        }
        return torch.tensor([object_id in found for object_id in ids])

    def _both_rows(self, index: int) -> Tensor:
        return self._rows(index, is_backwards=True) | self._rows(index, is_backwards=False)

    def go_on(self, index: int, frame: Frame) -> Tensor | None:
        """Track into a frame what is to be tracked there; without anything, begin there if needed.

        Returns:
            float `(K, h, w)`: where all objects are as far as it is known; None if nothing was
            done.
        """
        is_marked = self._tracker.annotations.annotated_in(index)
        active = self._rows(index, is_backwards=self.is_backwards) & ~is_marked
        if not active.any():
            return self.go_to(index)
        logits = self._tracker.track(frame, index, active, self._known(index))
        return self._with_marks(index, logits)

    @torch.inference_mode()
    def go_to(self, index: int) -> Tensor | None:
        """Begin at a frame, with all objects where their masks and maps say, if it is needed."""
        after = index - 1 if self.is_backwards else index + 1
        needed = (self._rows(one, is_backwards=self.is_backwards).any() for one in (index, after))
        if not any(needed):
            return None
        known, state = self._known(index), self._tracker.state
        if known is None:
            return self._with_marks(index, torch.full_like(state.scores, -SATURATED_LOGIT))
        threshold = self._tracker.config.fuse.background_threshold
        state.update(known.logits, visible_masks(known.logits, threshold), known.which)
        return self._with_marks(index, known.logits)

    def finish(self, index: int, frame: Frame, logits: Tensor) -> FrameResult | None:
        """The result of a frame; None, and its maps wait, if the forward pass has objects there."""
        if self.is_backwards and self._rows(index, is_backwards=False).any():
            self._waiting[index] = compress_logits(logits)
            self._has.add(index)
            return None
        new, old = self._tracker.result(index, logits, frame), self._results.get(index)
        is_new, ids = self._both_rows(index), self._tracker.annotations.object_ids
        if old is not None:
            is_new |= self._tracker.annotations.annotated_in(index) & torch.tensor(
                [object_id not in old.object_ids for object_id in ids]
            )
        else:
            is_new |= self._tracker.annotations.annotated_in(index)
        tracked = [object_id for object_id, one in zip(ids, is_new.tolist(), strict=True) if one]
        maps = {i: (new.confidence[i], new.logits[ids.index(i)]) for i in tracked}
        return _joined(new, old, maps, ids)

    def _with_marks(self, index: int, logits: Tensor) -> Tensor:
        """Add the maps of the backward pass, and the masks of the frame."""
        other = self._rows(index, is_backwards=True)
        if not self.is_backwards and index in self._has and other.any():
            backwards = decompress_logits(self._waiting[index], logits)
            logits = torch.where(other.to(logits.device)[:, None, None], backwards, logits)
        return self._tracker.apply_annotation(index, logits)

    def _known(self, index: int) -> KnownMaps | None:
        """The maps of the objects that are tracked in neither pass in a frame."""
        old = self._results.get(index)
        if old is None:
            return None
        like, ids = self._tracker.state.scores, self._tracker.annotations.object_ids
        if old.logits.shape[1:] != like.shape[1:]:
            raise InputError(
                f"the result of frame {index} has maps of {tuple(old.logits.shape[1:])}, and the "
                f"settings need {tuple(like.shape[1:])}; track the whole clip again"
            )
        which = torch.tensor([i in old.object_ids for i in ids]) & ~self._both_rows(index)
        logits = torch.full_like(like, -SATURATED_LOGIT)
        for row in which.nonzero()[:, 0].tolist():
            logits[row] = old.logits[old.object_ids.index(ids[row])].to(like.device)
        return KnownMaps(logits, which.to(like.device)) if which.any() else None


def _joined(
    new: FrameResult,
    old: FrameResult | None,
    tracked: Mapping[int, tuple[float, Tensor]],
    learned: Sequence[int],
) -> FrameResult:
    """The earlier result of a frame with some objects as they are in a new one.

    Args:
        new: Of all objects that were learned.
        old: The earlier one.
        tracked: Confidence and logits of the objects that change.
        learned: The objects that were learned.
    """
    maps, labels = dict(tracked), new.labels
    if old is not None:
        for row, object_id in enumerate(old.object_ids):
            maps.setdefault(object_id, (old.confidence[object_id], old.logits[row]))
        ids = list(tracked)
        has_no_mask = np.isin(old.labels, [0, *learned], invert=True)
        changes = (np.isin(new.labels, ids) | np.isin(old.labels, ids)) & ~has_no_mask
        labels = np.where(changes, new.labels, old.labels)
    maps = dict(sorted(maps.items()))
    return FrameResult(
        index=new.index,
        labels=labels,
        confidence={object_id: confidence for object_id, (confidence, _) in maps.items()},
        logits=torch.stack([logits for _, logits in maps.values()]),
        names=old.names if old else {},
    )
