"""A process that segments (`child`), watched by this one: time, memory, and how it ends."""

import fcntl
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

SECONDS_BETWEEN_CHECKS = 0.25
LINES_OF_LOG = 20
CHILD = [sys.executable, "-m", "rotoline.batch.child"]
"""The command of the process."""
_BYTES_OF_LOG = 8_000

Check = Callable[[], str]
"""Says why an item must be stopped; empty if it may go on."""


class Answer(NamedTuple):
    """How a request ended."""

    kind: str = ""
    """Empty if it was fulfilled; else the type of the exception, `limit` or `killed`."""
    error: str = ""
    """What went wrong."""
    log: tuple[str, ...] = ()
    """If something did, the last lines of the log."""
    is_final: bool = False
    """Whether it would go wrong again."""


class Worker:
    """A process that segments one item at a time, started when it is needed and after it was ended.

    Args:
        threads: Threads that it may use.
        gpus: Value of `CUDA_VISIBLE_DEVICES`; None for that of this process.
    """

    def __init__(self, threads: int, gpus: str | None = None) -> None:
        self._environment = {
            **os.environ,
            **{f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS")},
            **({} if gpus is None else {"CUDA_VISIBLE_DEVICES": gpus}),
        }
        self._process: subprocess.Popen[str] | None = None
        self.is_ready = False
        """Whether it has begun with the item, with its libraries and its weights loaded."""
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the worker)
        # It is emptied before each item, and the process must not go on where it was.
        flags = fcntl.fcntl(self._log, fcntl.F_GETFL)
        fcntl.fcntl(self._log, fcntl.F_SETFL, flags | os.O_APPEND)

    @property
    def pid(self) -> int | None:
        """Number of the process; None if none is running."""
        return None if self._process is None else self._process.pid

    def ask(
        self,
        request: Mapping[str, Any],
        check: Check,
        report: Callable[[str, int, int | None], None],
    ) -> Answer:
        """Have one item segmented.

        Args:
            request: What to do.
            check: Asked several times a second whether to go on.
            report: Called with the progress.
        """
        self._log.truncate(0)
        try:
            return self._ask(request, check, report)
        except BaseException:  # what is half done must not answer the next request
            self.stop()
            raise

    def _ask(
        self,
        request: Mapping[str, Any],
        check: Check,
        report: Callable[[str, int, int | None], None],
    ) -> Answer:
        self.is_ready = False
        try:
            self._send(request)
        except OSError:
            return self._ended()
        while True:
            try:
                answer = self._answers.get(timeout=SECONDS_BETWEEN_CHECKS)
            except queue.Empty:
                answer = {}
            if answer is None:
                return self._ended()
            if "progress" in answer:
                self.is_ready = True
                report(*answer["progress"])
            elif "done" in answer:
                return Answer()
            elif "error" in answer:
                return Answer(answer["kind"], answer["error"], self._tail(), answer["is_final"])
            if reason := check():
                log = self._tail()
                self.stop()
                return Answer("limit", reason, log)

    def _send(self, request: Mapping[str, Any]) -> None:
        process = self._started()
        assert process.stdin is not None
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()

    def stop(self) -> None:
        """End the process, whatever it does."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:  # what was still to be written
                    continue
        self._process = None

    def close(self) -> None:
        """End the process, and remove its log."""
        self.stop()
        self._log.close()

    def _started(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.stop()
        self._answers = queue.Queue()
        self._process = subprocess.Popen(
            CHILD,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=self._environment,
            text=True,
            start_new_session=True,  # Ctrl-C is for the driver
        )
        threading.Thread(target=_read, args=(self._process, self._answers), daemon=True).start()
        return self._process

    def _ended(self) -> Answer:
        """What to say about a process that has ended by itself."""
        assert self._process is not None
        code = self._process.wait()
        log = self._tail()
        self.stop()
        how = f"with code {code}"
        if code < 0:
            how = f"by signal {signal.Signals(-code).name}"
            if -code == signal.SIGKILL:
                how += ", as when the memory of the machine is used up"
        return Answer("killed", f"the process was ended {how}", log)

    def _tail(self) -> tuple[str, ...]:
        """The last lines of the log."""
        size = os.fstat(self._log.fileno()).st_size
        data = os.pread(self._log.fileno(), _BYTES_OF_LOG, max(0, size - _BYTES_OF_LOG))
        return tuple(data.decode(errors="replace").splitlines()[-LINES_OF_LOG:])


def _read(process: "subprocess.Popen[str]", answers: "queue.Queue[dict[str, Any] | None]") -> None:
    """Hand on what the process answers, and None when it has ended."""
    assert process.stdout is not None
    try:
        for line in process.stdout:
            answers.put(json.loads(line))
    except ValueError:  # half a line, of a process that was killed
        pass
    answers.put(None)


def limits_check(
    worker: Worker, time_limit: float | None, memory_limit: int | None, more: Check
) -> Check:
    """A check of the time since the worker is ready, of its memory, and of what `more` says."""
    began: float | None = None

    def check() -> str:
        nonlocal began
        now = time.monotonic()
        if began is None and worker.is_ready:
            began = now
        if time_limit is not None and began is not None and now - began > time_limit:
            return f"it took longer than the {time_limit:g} s that --time-limit allows"
        taken = memory_of(worker.pid) if memory_limit is not None else 0
        if memory_limit is not None and taken > memory_limit:
            return (
                f"it took {taken / 1e9:.2f} GB of memory, and --memory-limit allows "
                f"{memory_limit / 1e9:g}"
            )
        return more()

    return check


def memory_of(pid: int | None) -> int:
    """Bytes of memory that a process uses; 0 if that is not known."""
    if pid is None:
        return 0
    status = Path(f"/proc/{pid}/statm")
    try:
        return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        pass
    found = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return int(found.stdout or 0) * 1024
