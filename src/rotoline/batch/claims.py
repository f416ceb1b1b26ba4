"""Who works on an item: a claim that gives signs of life, so that no two drivers share an item.

    ROOT/.rotoline-batch/claims/ID/000001      who, and how far; rewritten at every beat

The claim with the highest number counts. Whoever finds it released, or without a sign of life for
`MISSED` beats, tries to create the next number: of several that try, one succeeds, and none removes
what another has created. Who was only paused finds the higher number at its next beat, and stops.
Clocks of machines are not compared: no sign of life means that the file has not changed while
somebody watched. On this machine, a process that has ended is known to have ended.

Where a file system cannot create a file only if there is none, two drivers may take one item at the
same moment. Both then make the same results.
"""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rotoline.batch.jobs import HOME, this_host
from rotoline.batch.storage import Place, place_of

MISSED = 6
"""Beats without a sign of life after which a claim may be taken over."""


class Held(NamedTuple):
    """A claim of somebody."""

    text: str
    """Its content, which changes at every beat."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What it says; empty while it is being written."""
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def is_over(self) -> bool:
        """Whether it was released, or its process has ended on this machine."""
        facts = self.facts
        return facts.get("state") == "released" or (
            facts.get("host") == this_host() and not _is_alive(int(facts["pid"]))
        )


class Claim:
    """A claim of this process; its signs of life come from a thread, during a `with` block.

    Args:
        folder: The folder of the claims on the item.
        number: The number of this one, which was created.
        beat: Seconds between two signs of life.
    """

    def __init__(self, folder: Place, number: int, beat: float) -> None:
        self._folder, self._number, self._beat = folder, number, beat
        self._place = folder / f"{number:06d}"
        self._progress: Mapping[str, Any] = {}
        self._beats = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self.is_lost = False
        """Whether another has taken the item over."""
        self.is_done = False
        """Whether the item is done, so that nobody needs the claims."""

    def note(self, stage: str, done: int, total: int | None) -> None:
        """Say how far the item is, at the next beat."""
        self._progress = {"stage": stage, "done": done, "total": total}

    def __enter__(self) -> "Claim":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        if self.is_lost:
            return
        if self.is_done:
            self._folder.remove()
        else:
            self._write("released")

    def _live(self) -> None:
        while not self._ended.wait(self._beat):
            try:
                if _last_number(self._folder) != self._number:
                    self.is_lost = True
                    return
                self._write("running")
            except Exception:  # noqa: BLE001 (each store has errors of its own; the next beat may go well)
                continue

    def _write(self, state: str) -> None:
        self._beats += 1
        data = _describe(state, beats=self._beats, **self._progress)
        if self._place.is_local:  # in place: a reader may find half of it, which says nothing
            self._place.local.write_bytes(data)
        else:
            self._place.write(data)


def claim(root: str, item: str, beat: float, stale: str | None = None) -> Claim | Held:
    """Claim an item.

    Args:
        root: The root of the batch.
        item: The item's id.
        beat: Seconds between two signs of life.
        stale: The content of a claim that may be taken over.

    Returns:
        The claim, or that of somebody else who has the item.
    """
    folder = _folder(root, item)
    last = _last_number(folder)
    if last:
        held = _read(folder, last)
        if not (held.is_over or held.text == stale):
            return held
    if (folder / f"{last + 1:06d}").create(_describe("running", beats=0)):
        return Claim(folder, last + 1, beat)
    return _read(folder, last + 1)


def who_has(root: str, item: str) -> Held | None:
    """The claim on an item; None if nobody has it."""
    folder = _folder(root, item)
    last = _last_number(folder)
    if not last:
        return None
    held = _read(folder, last)
    return None if held.is_over else held


def _folder(root: str, item: str) -> Place:
    return place_of(root) / HOME / "claims" / item


def _last_number(folder: Place) -> int:
    return max((int(name) for name in folder.names() if name.isdigit()), default=0)


def _read(folder: Place, number: int) -> Held:
    data = (folder / f"{number:06d}").read()
    return Held("" if data is None else data.decode(errors="replace"))


def _describe(state: str, **facts: Any) -> bytes:
    return json.dumps({"state": state, "host": this_host(), "pid": os.getpid(), **facts}).encode()


def _is_alive(pid: int) -> bool:
    """Whether there is a process of this number that has not ended."""
    status = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            return status.read_text().rpartition(")")[2].split()[0] not in "ZX"
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
