"""A project: a folder with everything that was marked in a clip, and the results.

project.json      which clip, and how it is read
hints.jsonl       everything that was done, in order; with the clip, all else can be made from it
marks/NNNNN.png   the masks of marked frames, as `rotoline segment --masks PROJECT` reads them
masks/, run.json  the results, as `rotoline segment` writes them
.rotoline-state/  the maps of the results, and the masks that were made of strokes
exports/001/ ...  what was exported
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from rotoline.errors import InputError, OutputError
from rotoline.io.frames import FrameSource, open_frames, recorded_reading
from rotoline.io.output_folder import is_empty, locked_output
from rotoline.io.paths import PROJECT, PROJECT_MARKS, is_project
from rotoline.io.run_record import FILE as RUN_RECORD
from rotoline.io.run_state import FRAMES, STATE
from rotoline.io.writers.png import PngWriter
from rotoline.studio.history import History, State, describe, frames_changed
from rotoline.studio.imported import import_run
from rotoline.studio.project_file import (
    ProjectFile,
    count_frames,
    describe_source,
    read_project_file,
    reopen_source,
    write_project_file,
)
from rotoline.studio.project_log import HINTS, Event, HintsLog
from rotoline.studio.results import Results

EXPORTS, DRAWN = "exports", "drawn"
"""Names in the folder of a project: the folder with its exports, each in one of its own, and, in
that of the state, the masks that strokes gave."""


@dataclass(frozen=True)
class Change:
    """What an event has changed."""

    event: Event
    frames: Sequence[int]
    """The frames whose marks changed."""
    are_objects_changed: bool


class Project:
    """An open project. May be used from several threads.

    Args:
        folder: With `project.json`.
        source: Where its clip is now; None for where it was.

    Raises:
        InputError: A file of it is damaged, or `source` is another clip.
    """

    def __init__(self, folder: Path, source: Path | None = None) -> None:
        self.folder = folder
        refuse_links(folder)
        self.lock = RLock()
        """Held while something is recorded; hold it to record what depends on the state."""
        self.about = read_project_file(folder)
        self.source: FrameSource | None = reopen_source(folder, self.about, source)
        """The frames; None if the clip is not where it was."""
        self._open = ExitStack()
        self.read_only_because = ""
        """Why nothing can be changed; empty if it can."""
        try:
            self._open.enter_context(locked_output(folder))
        except OutputError as error:
            self.read_only_because = (
                f"{folder} is open in another studio, or cannot be written ({error}); "
                "here it can only be looked at"
            )
        with self._open:
            is_read_only = self.is_read_only
            self._log = HintsLog(folder / HINTS, is_read_only=is_read_only)
            self._open.callback(self._log.close)
            self._log.check(self.size, self.count)
            self.history = History(self._log.events)
            self.results = Results(folder, self.size, self.count, is_read_only=is_read_only)
            self._open.callback(self.results.close)
            if self.source is not None and not is_read_only:
                self._remember_source(self.source)
            self._open = self._open.pop_all()

    def _remember_source(self, source: FrameSource) -> None:
        path = str(source.path.absolute())
        if path != self.about.source.path:
            moved = self.about.source.model_copy(update={"path": path})
            self.update(self.about.model_copy(update={"source": moved}))

    def update(self, about: ProjectFile) -> None:
        """Replace `project.json`."""
        with self.lock:
            write_project_file(self.folder, about)
            self.about = about

    @property
    def is_read_only(self) -> bool:
        """Whether nothing can be changed."""
        return bool(self.read_only_because)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames."""
        return self.about.size

    @property
    def count(self) -> int:
        """Number of frames."""
        return self.about.count

    @property
    def state(self) -> State:
        """What is marked now; never changed in place."""
        return self.history.state

    def name(self, index: int) -> str:
        """The name of a frame; its number if the clip is not found."""
        return f"{index:05d}" if self.source is None else self.source.name(index)

    @property
    def source_problem(self) -> str:
        """What to do where the clip is not found; empty if it is."""
        if self.source is not None:
            return ""
        return (
            f"there is no {self.about.source.path}, the clip of {self.folder}, or it was changed; "
            f"if it was moved, say where it is now: rotoline studio {self.folder} --source PATH"
        )

    def opened_source(self) -> FrameSource:
        """The frames.

        Raises:
            InputError: The clip is not where it was.
        """
        if self.source is None:
            raise InputError(self.source_problem)
        return self.source

    def reopened_source(self) -> FrameSource:
        """The frames once more, for another thread or pass.

        Raises:
            InputError: The clip is not where it was.
        """
        return open_frames(self.opened_source().path, **recorded_reading(self.about.reading))

    def set_count(self, count: int) -> None:
        """Correct the number of frames, once all of them were decoded."""
        self.results.set_count(count)
        about = self.about.model_copy(update={"count": count})
        if self.is_read_only:
            self.about = about
        else:
            self.update(about)

    def check_index(self, index: int) -> int:
        """Return a frame's index.

        Raises:
            InputError: There is no such frame.
        """
        if not 0 <= index < self.count:
            raise InputError(
                f"there is no frame {index}; the clip has frames 0 to {self.count - 1}"
            )
        return index

    def check_writable(self) -> None:
        """Refuse to change a project that can only be looked at.

        Raises:
            OutputError: It is open elsewhere, or cannot be written.
        """
        if self.is_read_only:
            raise OutputError(self.read_only_because)

    def record(self, kind: str, **fields: object) -> Change:
        """Record an event; it is on the disk when this returns.

        Raises:
            InputError: It cannot be used.
            OutputError: The project is open elsewhere, or cannot be written.
        """
        with self.lock:
            self.check_writable()
            before = self.state
            event = self._log.append(kind, **fields)
            self.history.add(event)
            after = self.state
            changed = frames_changed(before, after)
            return Change(event, changed, before.objects != after.objects)

    def step(self, kind: str) -> tuple[Change, str]:
        """Undo or redo.

        Returns:
            The change, and what was undone or done again, in words.

        Raises:
            InputError: There is nothing to undo or to redo.
        """
        with self.lock:
            text = self.undo_text if kind == "undo" else self.redo_text
            if text is None:
                raise InputError(f"there is nothing to {kind}")
            return self.record(kind), text

    @property
    def undo_text(self) -> str | None:
        """What undo takes back; None if there is nothing."""
        return describe(self.history.done[-1], self.state) if self.history.done else None

    @property
    def redo_text(self) -> str | None:
        """What redo does again; None if there is nothing."""
        return describe(self.history.undone[-1], self.state) if self.history.undone else None

    def add_object(self, name: str | None, colour: str | None) -> Change:
        """Add an object with an id that was never used.

        Raises:
            InputError: Name or colour cannot be used, or there are too many objects.
        """
        with self.lock:
            object_id = self.history.new_object_id()
            name = name or f"object {object_id}"
            return self.record("object", object=object_id, action="add", name=name, colour=colour)

    def check_object(self, object_id: int) -> int:
        """Return an object's id.

        Raises:
            InputError: There is no such object.
        """
        if object_id not in self.state.objects:
            raise InputError(f"there is no object {object_id}; add one first")
        return object_id

    def close(self) -> None:
        """Close all files, and let others open the project."""
        self._open.close()


def refuse_links(folder: Path) -> None:
    """Refuse a folder whose parts lie elsewhere.

    Raises:
        InputError: One does. A project of somebody else could lead to any file of the user.
    """
    state = [f"{STATE}/{name}" for name in (FRAMES, DRAWN)]
    for name in (HINTS, PROJECT_MARKS, PngWriter.target, EXPORTS, STATE, *state):
        if (folder / name).is_symlink():
            raise InputError(
                f"{folder / name} is a link to {(folder / name).readlink()}, and the studio would "
                "write there; replace the link by what it leads to"
            )


def create_project(folder: Path, source: FrameSource, **about: object) -> None:
    """Make a project for a clip.

    Args:
        folder: Must not exist, or be empty.
        source: The clip.
        **about: Further fields of `project.json`.

    Raises:
        OutputError: The folder holds something, or cannot be written.
    """
    with locked_output(folder):
        if not is_empty(folder):
            raise OutputError(
                f"{folder} holds files but no {PROJECT}, so it is no project; give another folder "
                "with --output"
            )
        _write_new(folder, source, about)


def _write_new(folder: Path, source: FrameSource, about: dict[str, object]) -> None:
    fields = {
        "source": describe_source(source),
        "size": source.size,
        "count": count_frames(source),
        "frame_rate": str(source.frame_rate),
        "reading": dict(source.reading),
        **about,
    }
    write_project_file(folder, ProjectFile.model_validate(fields))


def project_of_run(folder: Path, source: FrameSource, **about: object) -> None:
    """Make a project of the output folder of `rotoline segment`: its marks, names and results.

    Args:
        folder: With `run.json`.
        source: The frames that it was made of.
        **about: Further fields of `project.json`.

    Raises:
        InputError: Something in it is damaged.
        OutputError: A run is writing into it, or it has a folder `marks` already.
    """
    refuse_links(folder)
    if (folder / PROJECT_MARKS).exists():
        raise OutputError(
            f"{folder / PROJECT_MARKS} is there already, and the studio writes the masks of marked "
            "frames under that name; rename it, or segment the clip into another folder"
        )
    with locked_output(folder):
        import_run(folder, source)
        _write_new(folder, source, about)


def is_run(path: Path) -> bool:
    """Whether a path is the output folder of `rotoline segment`."""
    return (path / RUN_RECORD).is_file() and not is_project(path)
