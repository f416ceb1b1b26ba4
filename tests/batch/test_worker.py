"""The watched process: time, memory, crashes, and what it has printed."""

import subprocess
import sys
import time

import pytest

from rotoline.batch import worker as module
from rotoline.batch.worker import Answer, Worker, limits_check, memory_of

PROGRAM = """
import json, os, signal, sys, time
print("started", file=sys.stderr, flush=True)
count = 0
for line in sys.stdin:
    what, count = json.loads(line)["what"], count + 1
    print(json.dumps({"progress": ["segmenting", count, None]}), flush=True)
    print("item", count, file=sys.stderr, flush=True)
    if what == "sleep":
        time.sleep(60)
    elif what == "memory":
        data = bytearray(400_000_000)
        time.sleep(60)
    elif what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif what == "half":
        sys.stdout.write('{"do')
        sys.exit(3)
    elif what == "error":
        answer = {"error": "it is broken", "kind": "InputError", "is_final": True}
        print(json.dumps(answer), flush=True)
    else:
        print(json.dumps({"done": True}), flush=True)
"""


@pytest.fixture
def worker(monkeypatch):
    monkeypatch.setattr(module, "CHILD", [sys.executable, "-S", "-c", PROGRAM])
    made = Worker(1)
    yield made
    made.close()


def ask(worker, what, check=lambda: ""):
    told = []
    return worker.ask({"what": what}, check, lambda *one: told.append(one)), told


def test_process_is_kept_for_the_next_item(worker):
    assert ask(worker, "") == (Answer(), [("segmenting", 1, None)])
    pid = worker.pid
    assert ask(worker, "")[1] == [("segmenting", 2, None)]
    assert worker.pid == pid
    answer, _ = ask(worker, "error")
    assert answer == Answer("InputError", "it is broken", ("item 3",), True)
    assert worker.pid == pid


@pytest.mark.parametrize(
    ("what", "message"), [("crash", "by signal SIGSEGV"), ("half", "with code 3")]
)
def test_process_that_ends_is_replaced(worker, what, message):
    answer, _ = ask(worker, what)
    assert (answer.kind, answer.log[-1], answer.is_final) == ("killed", "item 1", False)
    assert message in answer.error
    assert ask(worker, "") == (Answer(), [("segmenting", 1, None)])


def test_time_limit_ends_an_item(worker):
    began = time.monotonic()
    answer, _ = ask(worker, "sleep", limits_check(worker, 0.5, None, lambda: ""))
    assert answer.kind == "limit"
    assert answer.error == "it took longer than the 0.5 s that --time-limit allows"
    assert time.monotonic() - began < 20
    assert ask(worker, "")[0] == Answer()


def test_memory_limit_ends_an_item(worker):
    answer, _ = ask(worker, "memory", limits_check(worker, 30, 300_000_000, lambda: ""))
    assert "and --memory-limit allows 0.3" in answer.error
    assert memory_of(worker.pid) == 0


def test_driver_that_is_stopped_stops_its_items(worker):
    answer, _ = ask(worker, "sleep", limits_check(worker, None, None, lambda: "stopped"))
    assert answer.error == "stopped"
    assert worker.pid is None


@pytest.mark.slow
def test_child_ends_with_who_started_it():
    command = [sys.executable, "-m", "rotoline.batch.child"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdin.close()
        assert child.wait(60) == 0
