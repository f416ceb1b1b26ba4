import threading
import time

import pytest

from rotoline.runtime.prefetch import prefetch, write_behind


def test_one_ahead_fetches_the_next_item_in_a_thread_and_no_more():
    made = []

    def items():
        for number in range(5):
            made.append((number, threading.current_thread() is threading.main_thread()))
            yield number

    reading = prefetch(items())
    assert next(reading) == 0
    deadline = time.monotonic() + 5
    while len(made) < 2 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert made == [(0, False), (1, False)]
    assert list(reading) == [1, 2, 3, 4]


def test_one_ahead_passes_errors_on_after_the_items_before_them():
    def items():
        yield 1
        raise ValueError("broken")

    reading = prefetch(items())
    assert next(reading) == 1
    with pytest.raises(ValueError, match="broken"):
        next(reading)


def test_one_behind_gives_items_only_when_they_are_finished():
    finished = []
    for item in write_behind(range(4), finished.append):
        assert item in finished
    assert finished == [0, 1, 2, 3]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, GeneratorExit])
def test_one_behind_finishes_what_was_made_before_an_interruption(stop):
    finished = []

    def slowly(item):
        time.sleep(0.05)
        finished.append(item)

    def items():
        yield 1
        yield 2
        if stop is KeyboardInterrupt:
            raise stop
        yield 3

    working = write_behind(items(), slowly)
    assert next(working) == 1
    if stop is KeyboardInterrupt:
        with pytest.raises(stop):
            next(working)
    working.close()
    assert finished == [1, 2]


def test_one_behind_stops_at_a_failure_to_finish():
    tried = []

    def fail(item):
        tried.append(item)
        if item == 1:
            raise OSError("disk full")

    working = write_behind(range(5), fail)
    assert next(working) == 0
    with pytest.raises(OSError, match="disk full"):
        next(working)
    assert tried == [0, 1]
