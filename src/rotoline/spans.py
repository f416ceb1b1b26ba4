"""Spans: the frames in which one object is tracked again, and from which of its masks."""

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from rotoline.errors import InputError
from rotoline.types import ObjectId

Direction = Literal["forwards", "backwards", "both", "to the next mark"]


class Span(NamedTuple):
    """Frames in which one object is tracked from a mask of it.

    Forwards from a mask in frame `begin` or in the one before it; backwards from a mask in the last
    frame or in the one after it. Frames inside that have a mask of the object show it, and it is
    tracked on from there.
    """

    object_id: ObjectId
    begin: int
    """The first frame."""
    end: int
    """The frame after the last; it may lie beyond the end of the clip."""
    is_backwards: bool = False
    """Whether the last frame is tracked first."""


def plan_spans(
    marks: Mapping[ObjectId, Collection[int]],
    ids: Collection[ObjectId],
    frame: int,
    count: int,
    direction: Direction,
) -> list[Span]:
    """Plan what is tracked when a person asks for it in a frame.

    - `forwards`: from the last mark at or before the frame, or else from the first one after it, to
      the end of the clip.
    - `backwards`: from the first mark at or after the frame, or else from the last one before it,
      to frame 0.
    - `both`: the whole clip, as `rotoline.segment` tracks it: forwards from the object's first mark
      and backwards from there.
    - `to the next mark`: what lies between the frame and the neighbouring marks on both sides;
      where there is none, up to that end of the clip. This is what a correction changes.

    Args:
        marks: The frames with an accepted mask, by object.
        ids: The objects to track.
        frame: Where the person is.
        count: Number of frames of the clip.
        direction: What was asked for.

    Raises:
        InputError: An object has no mark to track from.

    Example:
        >>> plan_spans({1: [0, 40]}, [1], 20, 60, "to the next mark")
        [Span(object_id=1, begin=1, end=40, is_backwards=False)]
    """
    spans = []
    for object_id in ids:
        of_object = sorted(marks.get(object_id, ()))
        if not of_object:
            raise InputError(
                f"object {object_id} has no accepted mask; accept one in at least one frame"
            )
        spans += [
            Span(object_id, begin, end, is_backwards)
            for begin, end, is_backwards in _ranges(of_object, frame, count, direction)
            if begin < end
        ]
    return spans


def _ranges(
    marks: list[int], frame: int, count: int, direction: Direction
) -> list[tuple[int, int, bool]]:
    """Begin, end and direction of each span of an object with sorted marks."""
    if direction == "forwards":
        start = max((mark for mark in marks if mark <= frame), default=marks[0])
        return [(start, count, False)]
    if direction == "backwards":
        start = min((mark for mark in marks if mark >= frame), default=marks[-1])
        return [(0, start + 1, True)]
    if direction == "both":
        return [(0, marks[0], True), (marks[0], count, False)]
    begin = max((mark + 1 for mark in marks if mark < frame), default=0)
    end = min((mark for mark in marks if mark > frame), default=count)
    return split_at_first_mark(begin, end, marks[0])


def split_at_first_mark(begin: int, end: int, first: int) -> list[tuple[int, int, bool]]:
    """What lies before the first mark of an object is tracked backwards, the rest forwards."""
    return [(begin, min(first, end), True), (max(begin, first), end, False)]
