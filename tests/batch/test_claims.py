"""Claims: one holder at a time, whoever is killed, paused or slow."""

import json
import threading
import time

import pytest

from rotoline.batch import claims
from rotoline.batch.claims import Claim, Held, claim, who_has

BEAT = 0.05


@pytest.fixture(params=["disk", "memory"])
def root(request, tmp_path):
    if request.param == "disk":
        return str(tmp_path)
    return f"memory://{tmp_path.name}"


@pytest.fixture
def other_host(monkeypatch):
    """A function: calls one as if it ran on another machine."""

    def call(function, *arguments):
        with monkeypatch.context() as patch:
            patch.setattr(claims, "this_host", lambda: "elsewhere")
            return function(*arguments)

    return call


def test_one_of_many_gets_the_item(root):
    ready, got = threading.Barrier(8), []

    def try_it():
        ready.wait()
        got.append(claim(root, "a", BEAT))

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(one, Claim) for one in got) == 1


def test_claim_says_how_far_the_item_is_until_it_is_released(root):
    with claim(root, "a", BEAT) as mine:
        mine.note("segmenting", 3, 10)
        time.sleep(4 * BEAT)
        assert isinstance(claim(root, "a", BEAT), Held)
        facts = who_has(root, "a").facts
        assert (facts["stage"], facts["done"], facts["total"]) == ("segmenting", 3, 10)
        assert isinstance(claim(root, "b", BEAT), Claim)
    assert who_has(root, "a") is None
    with claim(root, "a", BEAT) as mine:
        mine.is_done = True
    assert who_has(root, "a") is None


def test_claim_of_a_process_that_ended_on_this_machine_is_over(root, monkeypatch):
    assert isinstance(claim(root, "a", BEAT), Claim)
    monkeypatch.setattr(claims, "_is_alive", lambda pid: False)
    assert isinstance(claim(root, "a", BEAT), Claim)


def test_claim_of_another_machine_is_taken_over_only_as_it_was_seen(root, other_host):
    theirs = other_host(claim, root, "a", BEAT)
    seen = who_has(root, "a").text
    other_host(theirs._write, "running")
    assert isinstance(claim(root, "a", BEAT, stale=seen), Held)
    seen = who_has(root, "a").text
    assert isinstance(claim(root, "a", BEAT, stale=seen), Claim)
    assert isinstance(claim(root, "a", BEAT, stale=seen), Held)


def test_who_was_only_paused_finds_out(root):
    with claim(root, "a", BEAT) as paused:
        held = who_has(root, "a")
        assert isinstance(claim(root, "a", BEAT, stale=held.text), Claim)
        time.sleep(4 * BEAT)
        assert paused.is_lost
    assert json.loads(who_has(root, "a").text)["state"] == "running"
