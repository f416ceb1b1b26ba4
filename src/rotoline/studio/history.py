"""What a project holds after some events: objects, strokes, accepted masks. Nothing is computed.

`History` replays events one after the other; the same events always give the same state. Undo is an
event like any other: it takes back the last one that counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from rotoline.errors import InputError
from rotoline.interact import Stroke
from rotoline.io.rle import decode
from rotoline.studio.project_log import (
    AcceptEvent,
    ClearEvent,
    Event,
    LookEvent,
    ObjectEvent,
    RemoveStrokeEvent,
    StepEvent,
    StrokeEvent,
)
from rotoline.types import MAX_ID, LabelMap, ObjectId


@dataclass(frozen=True)
class StudioObject:
    """An object as the page shows it."""

    id: ObjectId
    name: str
    colour: str
    """Such as `#e69f00`."""
    is_visible: bool = True
    is_locked: bool = False


class DrawnStroke(NamedTuple):
    """A stroke of an object."""

    id: int
    """Of its event."""
    object_id: ObjectId
    stroke: Stroke
    is_correction: bool


class AcceptedMask(NamedTuple):
    """The mask of an object as it was accepted."""

    id: int
    """Of the event."""
    size: tuple[int, int]
    runs: tuple[int, ...]
    is_correction: bool
    """Whether it was made of strokes that corrected a result."""


@dataclass(frozen=True)
class FrameMarks:
    """What is known of a frame."""

    strokes: tuple[DrawnStroke, ...] = ()
    """Those that were drawn since the mask of their object was accepted."""
    accepted: Mapping[ObjectId, AcceptedMask] = field(default_factory=dict)
    """The last accepted mask of each object, also where it was drawn on since."""
    nothing_id: int = 0
    """The event by which it was accepted that no object is there; 0 if there is none."""
    is_complete: bool = False
    """Whether the accepted masks show all objects that are there."""

    @property
    def drawn_ids(self) -> list[ObjectId]:
        """The objects with strokes."""
        return sorted({one.object_id for one in self.strokes})

    @property
    def accepted_ids(self) -> list[ObjectId]:
        """The objects whose mask stands as it was accepted."""
        return sorted(set(self.accepted) - set(self.drawn_ids))

    @property
    def is_nothing_there(self) -> bool:
        """Whether it stands that no object is there."""
        return bool(self.nothing_id) and not self.marked_ids

    @property
    def marked_ids(self) -> list[ObjectId]:
        """The objects that are marked here."""
        return sorted({*self.accepted, *self.drawn_ids})

    @property
    def is_correction(self) -> bool:
        """Whether something was drawn here when there was a result."""
        drawn = any(one.is_correction for one in self.strokes)
        return drawn or any(one.is_correction for one in self.accepted.values())

    @property
    def key(self) -> str:
        """Changes with everything that the mask of the frame is made of."""
        ids = [one.id for one in self.strokes] + [one.id for one in self.accepted.values()]
        return "-".join(map(str, [*ids, self.nothing_id]))

    @property
    def accepted_key(self) -> str:
        """Changes with the accepted masks."""
        return "-".join(str(one.id) for one in self.accepted.values())

    def with_first(self, count: int) -> "FrameMarks":
        """The same with the first strokes alone."""
        return replace(self, strokes=self.strokes[:count])

    def strokes_by_object(self) -> dict[ObjectId, list[Stroke]]:
        """The strokes of every object in the order in which they were drawn."""
        return {
            object_id: [one.stroke for one in self.strokes if one.object_id == object_id]
            for object_id in self.drawn_ids
        }

    def paint_accepted(self, labels: LabelMap) -> LabelMap:
        """A copy of a label map `(H, W)` in which the accepted objects are as accepted."""
        painted = labels.copy()
        if self.nothing_id and not self.accepted:
            painted[:] = 0
        painted[np.isin(painted, list(self.accepted))] = 0
        for object_id, one in sorted(self.accepted.items(), key=lambda item: item[1].id):
            painted[decode(one.runs, one.size)] = object_id
        return painted

    def without(self, object_id: ObjectId) -> "FrameMarks":
        """The same without an object."""
        return replace(
            self,
            strokes=tuple(one for one in self.strokes if one.object_id != object_id),
            accepted={i: one for i, one in self.accepted.items() if i != object_id},
            nothing_id=0,
        )

    @property
    def is_empty(self) -> bool:
        """Whether nothing is marked."""
        return not self.strokes and not self.accepted and not self.nothing_id


NO_MARKS = FrameMarks()


@dataclass(frozen=True)
class State:
    """What a project holds at some moment."""

    objects: Mapping[ObjectId, StudioObject] = field(default_factory=dict)
    frames: Mapping[int, FrameMarks] = field(default_factory=dict)
    """The marked frames, by index."""

    def marks(self, index: int) -> FrameMarks:
        """The marks of a frame."""
        return self.frames.get(index, NO_MARKS)

    def marked_frames(self) -> dict[ObjectId, list[int]]:
        """The marked frames of every object, ascending.

        A frame in which nothing is there counts for all objects, but for those before the first
        mask that shows an object: it cannot be tracked from there.
        """
        found: dict[ObjectId, list[int]] = {object_id: [] for object_id in self.objects}
        for index, marks in sorted(self.frames.items()):
            for object_id, indices in found.items():
                if object_id in marks.marked_ids or (marks.is_nothing_there and indices):
                    indices.append(index)
        return found

    def after(self, event: Event) -> "State":
        """The state after an event that is neither undo nor redo."""
        match event:
            case ObjectEvent():
                return self._with_object(event)
            case StrokeEvent():
                marks = self.marks(event.frame)
                drawn = DrawnStroke(event.id, event.object, event.stroke, event.is_correction)
                return self._with(
                    event.frame, replace(marks, strokes=(*marks.strokes, drawn), nothing_id=0)
                )
            case RemoveStrokeEvent():
                return self._without_stroke(event)
            case AcceptEvent():
                return self._with_accepted(event)
            case ClearEvent():
                return self._with(event.frame, self.marks(event.frame).without(event.object))
        return self

    def _with(self, index: int, marks: FrameMarks) -> "State":
        frames = {**self.frames, index: marks}
        if marks.is_empty:
            del frames[index]
        return replace(self, frames=frames)

    def _without_stroke(self, event: RemoveStrokeEvent) -> "State":
        marks = self.marks(event.frame)
        left = tuple(one for one in marks.strokes if one.id != event.stroke)
        return self._with(event.frame, replace(marks, strokes=left))

    def _with_accepted(self, event: AcceptEvent) -> "State":
        """Accepted masks take the place of the strokes that they were made of."""
        marks = self.marks(event.frame)
        is_complete = marks.is_complete or event.is_complete
        if not event.masks:
            return self._with(event.frame, FrameMarks(nothing_id=event.id))
        corrected = {one.object_id for one in marks.strokes if one.is_correction}
        corrected |= {i for i, one in marks.accepted.items() if one.is_correction}
        masks = {
            object_id: AcceptedMask(event.id, event.size, runs, object_id in corrected)
            for object_id, runs in event.masks.items()
        }
        left = () if event.is_whole else marks.strokes
        strokes = tuple(one for one in left if one.object_id not in masks)
        accepted = masks if event.is_whole else {**marks.accepted, **masks}
        return self._with(event.frame, FrameMarks(strokes, accepted, 0, is_complete))

    def _with_object(self, event: ObjectEvent) -> "State":
        objects, frames = dict(self.objects), self.frames
        if event.action == "remove":
            objects.pop(event.object, None)
            left = {
                index: marks.without(event.object) if event.object in marks.marked_ids else marks
                for index, marks in frames.items()
            }
            frames = {index: marks for index, marks in left.items() if not marks.is_empty}
            return State(objects, frames)
        before = objects.get(event.object) or StudioObject(
            event.object, f"object {event.object}", default_colour(event.object)
        )
        fields = ("name", "colour", "is_visible", "is_locked")
        chosen = {name: getattr(event, name) for name in fields if getattr(event, name) is not None}
        objects[event.object] = replace(before, **chosen)
        return replace(self, objects=objects)


class History:
    """The events of a project, and the state that they give.

    Args:
        events: Those so far.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.state = State()
        self.done: list[Event] = []
        """The events that count, and can be undone."""
        self.undone: list[Event] = []
        """Those that can be done again, the next one last."""
        self.looked: set[int] = set()
        """The frames that a person has looked at."""
        self.touched: set[int] = set()
        """The frames that any event is about, whether it counts or not."""
        self._last_object = 0
        for event in events:
            self.add(event)

    def add(self, event: Event) -> None:
        """Replay one more event."""
        if isinstance(event, StepEvent):
            self._step(event)
            return
        frame = frame_of(event)
        if isinstance(event, LookEvent):
            self.looked.add(event.frame)
            return
        if frame is not None:
            self.touched.add(frame)
        if isinstance(event, ObjectEvent):
            self._last_object = max(self._last_object, event.object)
        self.done.append(event)
        self.undone.clear()
        self.state = self.state.after(event)

    def _step(self, event: StepEvent) -> None:
        came, goes = (self.done, self.undone) if event.kind == "undo" else (self.undone, self.done)
        if not came:
            return
        goes.append(came.pop())
        if event.kind == "redo":
            self.state = self.state.after(self.done[-1])
            return
        self.state = State()
        for one in self.done:
            self.state = self.state.after(one)

    def new_object_id(self) -> ObjectId:
        """An id that no object has or had: results may still hold the ids of removed ones.

        Raises:
            InputError: There are no more.
        """
        if self._last_object >= MAX_ID:
            raise InputError(
                f"there can be no more than {MAX_ID} objects, those that were removed included; "
                "begin another project"
            )
        return self._last_object + 1

    @property
    def corrected(self) -> int:
        """How many frames were corrected after they had a result."""
        return sum(marks.is_correction for marks in self.state.frames.values())


def frame_of(event: Event) -> int | None:
    """The frame that an event is about; None for objects, undo and redo."""
    frame: int | None = getattr(event, "frame", None)
    return frame


def frames_changed(before: State, after: State) -> list[int]:
    """The frames whose marks differ in two states; all marked ones if objects were removed."""
    indices = {*before.frames, *after.frames}
    return sorted(i for i in indices if before.marks(i) != after.marks(i))


def describe(event: Event, state: State) -> str:
    """An event in a few words, for the buttons of undo and redo."""

    def name(object_id: ObjectId) -> str:
        known = state.objects.get(object_id)
        return known.name if known else f"object {object_id}"

    match event:
        case ObjectEvent(action="add"):
            return f"add {event.name or name(event.object)}"
        case ObjectEvent(action="remove"):
            return f"remove {name(event.object)}"
        case ObjectEvent():
            return f"change {name(event.object)}"
        case StrokeEvent():
            return f"{event.stroke.tool} of {name(event.object)} in frame {event.frame}"
        case RemoveStrokeEvent():
            return f"remove a stroke in frame {event.frame}"
        case AcceptEvent():
            return f"accept frame {event.frame}"
        case ClearEvent():
            return f"clear {name(event.object)} in frame {event.frame}"
    return event.kind


_OKABE_ITO = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
    "#999999",
)
"""Colours that people with any colour vision can tell apart (Okabe and Ito)."""


def default_colour(object_id: ObjectId) -> str:
    """The colour of an object for which none was chosen."""
    return _OKABE_ITO[(object_id - 1) % len(_OKABE_ITO)]
