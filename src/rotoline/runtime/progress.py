"""Progress of a run as plain values, which the caller shows or ignores."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a run."""

    stage: str
    """What is being done, such as `reading`, `learning`, `tuning`, `segmenting`, `downloading` or
    `done`."""
    done: int = 0
    """Number of items finished: frames, steps of learning or tuning, or the bytes of a download."""
    total: int | None = None
    """Number of items in all, where it is known."""
    warning: str = ""
    """Something the user must know, once."""


Report = Callable[[int, int], None]
"""Called during a long computation, with the number of steps done and the number in all."""


Listener = Callable[[Progress], None]
"""Called with the progress of a long computation."""


def ignore(done: int, total: int) -> None:
    """A report that does nothing."""
    del done, total


def ignore_progress(progress: Progress) -> None:
    """A listener that does nothing."""
    del progress


def reports_to(listener: Listener, stage: str) -> Report:
    """Return a report that gives the listener its numbers, as progress of a stage."""
    return lambda done, total: listener(Progress(stage, done, total))
