"""Signs of life of a process that decodes, for the one that waits for it (`sandbox`).

Decoding some frames may mean decoding thousands before them, so the time until an answer says
little, and the time from picture to picture is what is limited. The two places that decode report
every picture here. The listener belongs to the whole process, and is set in one that does nothing
but decode.
"""

from collections.abc import Callable

_listeners: list[Callable[[], None]] = []


def listen(listener: Callable[[], None]) -> None:
    """Have `listener` called whenever a picture is opened or decoded in this process."""
    _listeners.append(listener)


def report_alive() -> None:
    """Say that a picture is opened or decoded."""
    for listener in _listeners:
        listener()
