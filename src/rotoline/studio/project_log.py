"""`hints.jsonl`: everything a person did in a project, one event a line, never changed afterwards.

An event is on the disk (fsync) before anything is computed from it. A program that is killed while
it writes leaves half a line at most, which is dropped when the file is opened again: nobody has
seen its effect.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from rotoline.errors import InputError
from rotoline.interact import Stroke
from rotoline.io.atomic import output_errors
from rotoline.types import MAX_ID

HINTS = "hints.jsonl"
"""Name of the file in the folder of a project."""

Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Index = Annotated[int, Field(ge=0)]
Colour = Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: int
    """The number of the line, from 1."""
    at: str
    """When it happened, ISO 8601 in UTC."""


class ObjectEvent(_Event):
    """An object was added, changed or removed; what is None did not change."""

    kind: Literal["object"] = "object"
    object: Id
    action: Literal["add", "change", "remove"]
    name: Name | None = None
    colour: Colour | None = None
    is_visible: bool | None = None
    is_locked: bool | None = None


class StrokeEvent(_Event):
    """Something was drawn."""

    kind: Literal["stroke"] = "stroke"
    frame: Index
    object: Id
    stroke: Stroke
    is_correction: bool = False
    """Whether there was a result to correct."""


class RemoveStrokeEvent(_Event):
    """A stroke was removed."""

    kind: Literal["remove_stroke"] = "remove_stroke"
    frame: Index
    stroke: int
    """Id of the event that drew it."""


class AcceptEvent(_Event):
    """Masks of objects in a frame were accepted as they stand.

    Without any, nothing is there: none of the objects is in the frame.
    """

    kind: Literal["accept"] = "accept"
    frame: Index
    size: tuple[int, int]
    """Height and width."""
    masks: dict[Id, tuple[int, ...]]
    """The run lengths of COCO by object: down the columns, background first."""
    is_whole: bool = False
    """Whether they are the whole mask of the frame, and take the place of all strokes in it."""
    is_complete: bool = False
    """Whether they show all objects that are there: the others are hidden."""


class ClearEvent(_Event):
    """Strokes and accepted mask of an object in a frame were removed."""

    kind: Literal["clear"] = "clear"
    frame: Index
    object: Id


class LookEvent(_Event):
    """A person has looked at a frame; cannot be undone."""

    kind: Literal["look"] = "look"
    frame: Index


class StepEvent(_Event):
    """The last event that counts was undone, or the last one that was undone counts again."""

    kind: Literal["undo", "redo"]


Event = (
    ObjectEvent | StrokeEvent | RemoveStrokeEvent | AcceptEvent | ClearEvent | LookEvent | StepEvent
)
EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


class HintsLog:
    """The file, open for appending.

    Args:
        path: The file; made if there is none, unless it is only read.
        is_read_only: Whether nothing may be written.

    Raises:
        InputError: A line before the last one is damaged.
        OutputError: The file cannot be written.
    """

    def __init__(self, path: Path, *, is_read_only: bool = False) -> None:
        self.path = path
        self.events, end = _read(path)
        """All events so far."""
        self._file: IO[bytes] | None = None
        if not is_read_only:
            with output_errors(path):
                self._file = path.open("ab")
                if self._file.tell() != end:  # half a line, or one without its end
                    self._file.truncate(end)
                    self._file.seek(end)
                _ensure_newline(path, self._file, end)

    def append(self, kind: str, **fields: object) -> Event:
        """Add an event; it is on the disk when this returns.

        Args:
            kind: One of the kinds of events.
            **fields: Its fields, without `id` and `at`.

        Raises:
            InputError: A field cannot be used.
            OutputError: It cannot be written.
        """
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        about = {"id": len(self.events) + 1, "at": at, "kind": kind, **fields}
        try:
            event = EVENT.validate_python(about)
        except ValidationError as error:
            raise InputError(explain_fields(error)) from error
        assert self._file is not None
        line = event.model_dump_json(exclude_none=True).encode() + b"\n"
        with output_errors(self.path):
            start = self._file.tell()
            try:
                self._file.write(line)
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError:
                os.ftruncate(self._file.fileno(), start)  # a full disk leaves no half line
                raise
        self.events.append(event)
        return event

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def explain_fields(error: ValidationError) -> str:
    """Say in one line which fields cannot be used, and why."""
    problems = []
    for one in error.errors(include_url=False, include_context=False):
        place = ".".join(str(part) for part in one["loc"]) or "the value"
        problems.append(f"{place}: {one['msg'][:1].lower()}{one['msg'][1:]}")
    return "; ".join(problems[:3])


def _read(path: Path) -> tuple[list[Event], int]:
    """All events, and the length of the file up to the last whole one."""
    events: list[Event] = []
    end = 0
    if not path.is_file():
        return events, end
    for number, (line, is_last) in enumerate(_lines(path), start=1):
        try:
            event = EVENT.validate_json(line)
        except ValidationError as error:
            if is_last and not line.endswith(b"\n"):
                break
            raise _damaged(path, number, explain_fields(error)) from error
        if event.id != number:
            raise _damaged(path, number, f"it has the id {event.id}")
        events.append(event)
        end += len(line)
    return events, end


def _damaged(path: Path, number: int, detail: str) -> InputError:
    return InputError(
        f"{path} is damaged in line {number} ({detail}); it holds everything that was drawn, so "
        f"nothing is changed: put back a copy of it, or keep the first {number - 1} lines"
    )


def _lines(path: Path) -> Iterator[tuple[bytes, bool]]:
    """The lines of a file, and whether each is the last."""
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check the disk") from error
    for number, line in enumerate(lines, start=1):
        yield line, number == len(lines)


def _ensure_newline(path: Path, file: IO[bytes], end: int) -> None:
    """End the last line, where a program was killed just before its end."""
    if end:
        with path.open("rb") as reader:
            reader.seek(end - 1)
            if reader.read(1) != b"\n":
                file.write(b"\n")
                file.flush()
