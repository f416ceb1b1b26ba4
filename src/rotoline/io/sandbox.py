"""Frames that another process decodes, so that a file that breaks the decoder ends that one alone.

The other process (`decoder_process`) has limits on memory and time, and where the system allows it
no network and no way to write files. It answers one request at a time with JSON and pixels, never
with Python objects, since what it says is not to be trusted either. However it ends, the reason is
an `InputError`, and it ends with this process at the latest.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Collection, Iterator, Mapping
from fractions import Fraction
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from rotoline import errors
from rotoline.errors import ConfigError, InputError
from rotoline.io.grey import GreyRange
from rotoline.limits import DEFAULT_LIMITS, Limits
from rotoline.types import Frame

_SECONDS_TO_START = 60.0
_LONGEST_ANSWER = 2**24  # bytes, without pixels
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
"""Address space is limited, and every thread that only computes would reserve some."""


class SandboxedFrames:
    """The frames of `open_frames`, decoded in a process of their own; see `FrameSource`.

    Args:
        path: As for `open_frames`, as are the others.
        stream: Number of the stream.
        grey_range: Levels that are shown as black and white.
        first_number: Number of the first frame.
        limits: `memory` and `seconds` apply to the other process.

    Raises:
        InputError: As `open_frames`, and where the decoder crashes or exceeds a limit.
        ConfigError: The system has no such limits.
    """

    def __init__(
        self,
        path: Path,
        stream: int | None = None,
        grey_range: GreyRange | None = None,
        first_number: int = 0,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        if os.name != "posix":
            raise ConfigError(
                "this system cannot limit the memory of a process, so there is no sandbox; leave "
                "it out for files that can be trusted, or use Linux or macOS"
            )
        self.path = path
        self._limits = limits
        self._lock = threading.Lock()
        self._next = 0  # the frame that is decoded next, for messages
        self._closed: list[int] = []
        self._times: dict[int, float | None] = {}
        self._names: dict[int, str] = {}
        self._start()
        reading = {"stream": stream, "grey_range": grey_range, "first_number": first_number}
        request = {"path": str(path), "reading": reading, "limits": limits.model_dump()}
        try:
            answer = self._ask(request)
        except BaseException:
            self._stop()
            raise
        height, width = answer["size"]
        limits.check_size(str(path), height, width)
        self.size: tuple[int, int] = (height, width)
        self.frame_rate = Fraction(answer["frame_rate"])

    @property
    def pixel_shape(self) -> Fraction:
        """Width of a pixel by its height."""
        return Fraction(self._state["pixel_shape"])

    @property
    def reading(self) -> Mapping[str, object]:
        """What was chosen to read the frames."""
        return dict(self._state["reading"])

    @property
    def count(self) -> int | None:
        """Number of frames, as far as it is known."""
        count: int | None = self._state["count"]
        return count

    @property
    def problem(self) -> str | None:
        """What is missing, skipped or damaged."""
        problem: str | None = self._state["problem"]
        return problem

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame from the first to the last."""
        return (frame for _, frame in self._pass("forwards"))

    def select(self, indices: range) -> Iterator[Frame]:
        """Yield the frames with these indices, ascending, as far as they exist."""
        frames = self._pass("select", [indices.start, indices.stop, indices.step])
        return (frame for _, frame in frames)

    def backwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        """Yield index and frame for `start` - 1, `start` - 2, ..., 0."""
        return self._pass("backwards", start)

    def read(self, indices: Collection[int]) -> dict[int, Frame]:
        """Read some frames by index."""
        return dict(self._pass("read", sorted(set(indices))))

    def name(self, index: int) -> str:
        """Name of a frame."""
        if index not in self._names:
            self._names[index] = self._ask({"do": "name", "index": index})["name"]
        return self._names[index]

    def find(self, name: str) -> int | None:
        """Index of the frame with that name."""
        index: int | None = self._ask({"do": "find", "name": name})["index"]
        return index

    def time(self, index: int) -> float | None:
        """Seconds since the first frame; None if not decoded yet."""
        return self._times.get(index)

    def find_time(self, seconds: Fraction) -> int:
        """Index of the first frame at or after a time."""
        index: int = self._ask({"do": "find_time", "seconds": str(seconds)})["index"]
        return index

    def _pass(self, do: str, argument: Any = None) -> Iterator[tuple[int, Frame]]:
        """Yield index and frame of one pass over the frames."""
        number = self._ask({"do": do, "argument": argument})["pass"]
        try:
            while True:
                answer = self._ask({"do": "next", "pass": number})
                if "frame" not in answer:
                    return
                self._times[answer["index"]] = answer["time"]
                yield answer["index"], answer["frame"]
        finally:
            # Sent with the next request: this may run at any time, even while one is answered.
            self._closed.append(number)

    def _start(self) -> None:
        self._connection, theirs = Pipe()
        # -P: a module in the current folder, which may be the sender's, is not loaded.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "rotoline.io.decoder_process", str(theirs.fileno())],
            stdin=subprocess.PIPE,  # closes with this process, which ends the other one
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | _ENVIRONMENT,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        self._stop = weakref.finalize(self, _end, self._process, self._connection)
        try:
            is_ready = self._connection.poll(_SECONDS_TO_START) and self._connection.recv_bytes()
        except (EOFError, OSError):
            is_ready = b""
        if not is_ready:
            self._stop()
            raise ConfigError(
                "the process that decodes could not be started; free some memory and try again, or "
                "leave out the sandbox for files that can be trusted"
            )

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return the answer, with the frame if there is one."""
        with self._lock:
            closed, self._closed = self._closed, []
            try:
                self._connection.send_bytes(json.dumps({**request, "closed": closed}).encode())
                answer = self._receive()
            except (EOFError, OSError) as error:
                self._explain_end(error)
        if "error" in answer:
            raise getattr(errors, answer["error"], RuntimeError)(answer["message"])
        return answer

    def _receive(self) -> dict[str, Any]:
        while not (text := self._wait().recv_bytes(_LONGEST_ANSWER)):
            pass  # a sign of life
        answer: dict[str, Any] = json.loads(text)
        if "state" in answer:
            self._state: dict[str, Any] = answer["state"]
        if "index" in answer and "pass" in answer:
            frame = np.empty((*self.size, 3), np.uint8)
            received = self._wait().recv_bytes_into(frame.data.cast("B"))
            if received != frame.nbytes:
                raise EOFError
            answer["frame"] = frame
            self._next = answer["index"] + 1
        return answer

    def _wait(self) -> Connection:
        """Wait for a message, but not longer than a picture may take."""
        if not self._connection.poll(self._limits.seconds):
            self._stop()
            raise self._limits.refuse(
                "seconds",
                f"the process that decodes {self.path} was ended near frame {self._next}: it took "
                f"more than {self._limits.seconds:g} s for one picture",
                round(2 * self._limits.seconds) + 1,
            )
        return self._connection

    def _explain_end(self, error: Exception) -> NoReturn:
        """Raise the error that says why the other process has ended."""
        self._stop()
        code = self._process.returncode
        how = f"with code {code}"
        if code < 0:
            how = f"by {signal.Signals(-code).name}"
        raise InputError(
            f"the process that decodes {self.path} was ended {how} near frame {self._next}: the "
            "file breaks the decoder, or the system ran out of memory; do not use a file that you "
            "cannot trust, else copy it again or convert it"
        ) from error


def _end(process: "subprocess.Popen[bytes]", connection: Connection) -> None:
    """End the other process, if it has not ended by itself."""
    connection.close()
    try:
        process.wait(0.2)  # one that crashed is about to say how
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()
