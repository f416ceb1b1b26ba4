"""Server-sent events: what has changed, for every page that is open.

Events are kept for a while, so that a page that was away goes on where it was (`Last-Event-ID`). If
too much has happened since, it is told to fetch the project again.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator
from threading import Lock
from typing import Any, NamedTuple

_KEPT = 2000
"""Number of events that are kept."""
_SECONDS_OF_SILENCE = 15.0
"""After that long without an event, a comment tells whether the page is still there."""


class Sent(NamedTuple):
    """An event."""

    id: int
    name: str
    data: Any

    def text(self) -> str:
        """As it goes over the network."""
        return f"id: {self.id}\nevent: {self.name}\ndata: {json.dumps(self.data)}\n\n"


class Events:
    """The events of one server. `publish` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: deque[Sent] = deque(maxlen=_KEPT)
        # Those of an earlier server are smaller, so that no page takes them for these.
        self.last = int(time.time() * 1000)
        """Id of the last event."""
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self.is_closed = False

    def publish(self, name: str, data: Any) -> None:
        """Send an event to all pages."""
        with self._lock:
            self.last += 1
            self._kept.append(Sent(self.last, name, data))
            self._wake()

    def close(self) -> None:
        """Tell all pages that the server ends, and end their streams."""
        with self._lock:
            self.is_closed = True
            self._wake()

    def _wake(self) -> None:
        for event, loop in list(self._waiting.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def since(self, last: int) -> list[Sent]:
        """The events after one; an event `project` in their place if some are not kept any more."""
        with self._lock:
            oldest = self._kept[0].id if self._kept else self.last + 1
            if last < oldest - 1 or last > self.last:
                return [Sent(self.last, "project", {})]
            return [one for one in self._kept if one.id > last]

    async def stream(self, last: int | None) -> AsyncIterator[str]:
        """The events as text, from the one after `last`, or from now on if it is None."""
        last = self.last if last is None else last
        woken = asyncio.Event()
        self._waiting[woken] = asyncio.get_running_loop()
        try:
            yield "retry: 1000\n\n"
            while True:
                woken.clear()
                for one in self.since(last):
                    yield one.text()
                    last = one.id
                if self.is_closed:
                    yield "event: closed\ndata: {}\n\n"
                    return
                try:
                    await asyncio.wait_for(woken.wait(), _SECONDS_OF_SILENCE)
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            del self._waiting[woken]
