"""Runs `rotoline segment` in processes that end at a chosen moment; all are forks of one.

Reads one job a line from standard input, and answers with the exit code of its process:

    {"arguments": [...], "watched": FOLDER, "at": 12, "how": "kill", "every": 2}

The process is killed, or its disk is full from then on, when it opens, renames or removes a file
under the watched folder for the time `at`, or at the end if that is null. It answers with the
number of such moments if it reaches its end. A checkpoint is due after `every` frames.
"""

import errno
import json
import os
import signal
import sys
import traceback
from pathlib import Path

import torch

from rotoline import run, run_output
from rotoline.cli import app
from rotoline.model import load_model
from rotoline.systems.fast import choice

EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir")


class Moments:
    """Counts what happens to the files under a folder, and acts when its time has come."""

    def __init__(self, job):
        self.job, self.count = job, 0

    def __call__(self, event, arguments):
        if event not in EVENTS or not str(arguments[0]).startswith(self.job["watched"]):
            return
        is_reading = event == "open" and arguments[1] in ("r", "rb", None)
        if is_reading:
            return
        self.count += 1
        if self.job["at"] is None or self.count < self.job["at"]:
            return
        if self.job["how"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if event in ("open", "os.mkdir"):
            raise OSError(errno.ENOSPC, "No space left on device", str(arguments[0]))


def run_job(job, answer):
    """Run the command in this process, which ends here."""
    frames = [0]

    def is_due(_):
        frames[0] += 1
        return frames[0] % job["every"] == 0

    run_output.RunOutput.is_due = is_due
    choice.tune = lambda *_, **__: None
    moments = Moments(job)
    sys.addaudithook(moments)
    code = 3
    try:
        code = app(job["arguments"], standalone_mode=False) or 0
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    Path(answer).write_text(json.dumps({"code": code, "moments": moments.count}))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def main():
    torch.set_num_threads(1)  # a process that has threads cannot be forked
    model = load_model()
    run.load_model = lambda *_: model
    answer = sys.argv[1]
    for line in sys.stdin:
        job = json.loads(line)
        Path(answer).unlink(missing_ok=True)
        child = os.fork()
        if not child:
            os.dup2(2, 1)
            run_job(job, answer)
        _, status = os.waitpid(child, 0)
        path = Path(answer)
        found = json.loads(path.read_text()) if path.exists() else {}
        print(json.dumps({"signal": os.WTERMSIG(status), **found}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
