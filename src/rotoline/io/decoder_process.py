"""The process that decodes for `sandbox`: it gives up what it does not need, and answers requests.

Each request is JSON, and so is each answer; a frame follows its answer as bytes. An empty message
is a sign of life.
"""

import ctypes
import fcntl
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # loaded after the rights are given up
    from rotoline.io.frames import FrameSource
    from rotoline.limits import Limits
    from rotoline.types import Frame

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES = 38  # for prctl
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446  # system calls
_WRITING = sum(1 << right for right in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12))
"""The rights of the first version of Landlock that change a file system: writing, removing and
making files of all kinds."""


def main() -> None:
    """Answer the requests that come through the connection whose number is the only argument."""
    give_up_rights()
    _end_with_parent()
    connection = Connection(int(sys.argv[1]))
    from rotoline.io.alive import listen
    from rotoline.io.frames import open_frames
    from rotoline.limits import Limits

    connection.send_bytes(b"ready")
    request = json.loads(connection.recv_bytes())
    limits = Limits(**request["limits"])
    _limit(limits)
    allow_time(limits)

    def show_life() -> None:
        connection.send_bytes(b"")
        allow_time(limits)

    listen(show_life)
    source: FrameSource | None = None
    answer: dict[str, Any]
    with suppress(EOFError, OSError):  # the other process has ended
        while True:
            frame = None
            try:
                if source is None:
                    source = open_frames(
                        Path(request["path"]),
                        limits=limits,
                        **request["reading"],
                    )
                    decoder = Decoder(source)
                    rate = str(source.frame_rate)
                    answer = {"size": source.size, "frame_rate": rate, "state": decoder.state()}
                else:
                    answer, frame = decoder.answer(request)
            except Exception as error:  # noqa: BLE001 (raised again in the other process)
                answer = dict(describe_error(error, limits))
            connection.send_bytes(json.dumps(answer).encode())
            if frame is not None:
                connection.send_bytes(frame.data.cast("B"))
            request = json.loads(connection.recv_bytes())
            allow_time(limits)


class Decoder:
    """Answers requests for the frames of one source."""

    def __init__(self, source: "FrameSource") -> None:
        self._source = source
        self._passes: dict[int, Iterator[tuple[int, Frame]]] = {}
        self._begun = 0

    def state(self) -> dict[str, Any]:
        """What can change with every frame."""
        source = self._source
        return {
            "count": source.count,
            "problem": source.problem,
            "reading": dict(source.reading),
            "pixel_shape": str(source.pixel_shape),
        }

    def answer(self, request: dict[str, Any]) -> "tuple[dict[str, Any], Frame | None]":
        """The answer to a request, and the frame that belongs to it."""
        for number in request["closed"]:
            self._passes.pop(number, None)
        match request["do"]:
            case "name":
                return {"name": self._source.name(request["index"])}, None
            case "find":
                return {"index": self._source.find(request["name"])}, None
            case "find_time":
                return {"index": self._source.find_time(Fraction(request["seconds"]))}, None
            case "next":
                found = next(self._passes[request["pass"]], None)
                if found is None:
                    return {"state": self.state()}, None
                index, frame = found
                return {
                    "pass": request["pass"],
                    "index": index,
                    "time": self._source.time(index),
                    "state": self.state(),
                }, frame
        self._begun += 1
        self._passes[self._begun] = self._begin(request["do"], request["argument"])
        return {"pass": self._begun}, None

    def _begin(self, do: str, argument: Any) -> "Iterator[tuple[int, Frame]]":
        if do == "forwards":
            return enumerate(self._source)
        if do == "select":
            indices = range(*argument)
            return zip(indices, self._source.select(indices), strict=False)
        if do == "backwards":
            return self._source.backwards(argument)
        return iter(self._source.read(argument).items())


def describe_error(error: Exception, limits: "Limits") -> dict[str, str]:
    """An error as an answer: the name of its class and its message."""
    from rotoline.errors import RotolineError

    is_out_of_memory = isinstance(error, MemoryError) or isinstance(error.__cause__, MemoryError)
    if isinstance(error, RotolineError) and not is_out_of_memory:
        return {"error": type(error).__name__, "message": str(error)}
    if is_out_of_memory:
        found = f"decoding takes more than {limits.memory:,} bytes of address space"
        error = limits.refuse("memory", found, 2 * limits.memory)
        return {"error": "InputError", "message": str(error)}
    return {"error": "RuntimeError", "message": "".join(traceback.format_exception(error))}


def give_up_rights() -> None:
    """Give up the network, and writing files, as far as the system allows it.

    Called before there are threads, as these would keep their rights.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process decides what Ctrl-C ends
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for what in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(what, (0, 0))
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    # Who is not root needs a user namespace to leave the network.
    if library.unshare(_CLONE_NEWNET) != 0:
        library.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    rights = ctypes.c_uint64(_WRITING)
    rules = library.syscall(
        _LANDLOCK_CREATE_RULESET, ctypes.byref(rights), ctypes.sizeof(rights), 0
    )
    if rules >= 0:
        library.syscall(_LANDLOCK_RESTRICT_SELF, rules, 0)
        os.close(rules)


def allow_time(limits: "Limits") -> None:
    """Allow this process as much processor time for the next picture as the limits say.

    The other process stops this one before. If that one has ended, this is what ends a decoder
    that does not return.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    more = limits.seconds * (os.cpu_count() or 1) + 1
    most = int(used.ru_utime + used.ru_stime + more) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _limit(limits: "Limits") -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))


def _end_with_parent() -> None:
    """Let the system end this process when the other end of standard input closes."""
    number = sys.stdin.fileno()
    fcntl.fcntl(number, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(number, fcntl.F_SETFL, fcntl.fcntl(number, fcntl.F_GETFL) | os.O_ASYNC)


if __name__ == "__main__":
    main()
