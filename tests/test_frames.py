import weakref
from itertools import islice

import numpy as np
import pytest

from rotoline.errors import InputError
from rotoline.frames import FrameStream


def frames(count, size=(4, 6)):
    for index in range(count):
        yield np.full((*size, 3), index, np.uint8)


def indices(pairs):
    return [(index, int(frame[0, 0, 0])) for index, frame in pairs]


@pytest.mark.parametrize(
    "make", [frames, lambda n: list(frames(n)), lambda n: np.stack([*frames(n)])]
)
def test_generator_list_and_array_are_read_alike(make):
    stream = FrameStream(make(6))
    assert set(stream.read([1, 3])) == {1, 3}
    assert indices(stream.backwards(3)) == [(2, 2), (1, 1), (0, 0)]
    assert indices(stream.forwards(1)) == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]


def test_generator_is_not_read_ahead_nor_kept():
    made = []

    class Tracked(np.ndarray):
        pass

    def source():
        for frame in frames(12):
            tracked = frame.view(Tracked)
            made.append(weakref.ref(tracked))
            yield tracked
            del tracked

    stream = FrameStream(source())
    stream.read([0])
    most = 0
    for _ in stream.forwards(0):
        most = max(most, sum(frame() is not None for frame in made))
    assert most <= 3


def test_marked_frame_beyond_the_end_is_refused():
    with pytest.raises(InputError, match="frame 7 is annotated but does not exist"):
        FrameStream(frames(3)).read([0, 7])
    with pytest.raises(InputError, match="frame 0"):
        FrameStream([]).read([0])


def test_frames_that_are_no_rgb_or_change_size_are_refused():
    with pytest.raises(InputError, match="uint8"):
        FrameStream([np.zeros((4, 4))]).read([0])
    stream = FrameStream([*frames(1), *frames(1, (5, 6))])
    stream.read([0])
    with pytest.raises(InputError, match="frame 1 is 6x5, the frames before it are 6x4"):
        list(stream.forwards(0))


class Refilled:
    """Frames that are read again and again into one buffer, as some readers do."""

    def __init__(self, count):
        self._count, self._buffer = count, np.zeros((4, 6, 3), np.uint8)

    def _fill(self, index):
        self._buffer[:] = index
        return self._buffer

    def __iter__(self):
        return map(self._fill, range(self._count))

    def read(self, indices):
        return {index: self._fill(index).copy() for index in indices}

    def backwards(self, start):
        return ((index, self._fill(index)) for index in reversed(range(start)))


@pytest.mark.parametrize("make", [lambda n: iter(Refilled(n)), Refilled])
def test_frames_in_a_buffer_that_is_refilled_are_kept(make):
    stream = FrameStream(make(6))
    read = stream.read([1, 3])
    assert indices(stream.backwards(3)) == [(2, 2), (1, 1), (0, 0)]
    assert indices(stream.forwards(0)) == [(n, n) for n in range(6)]
    assert indices(read.items()) == [(1, 1), (3, 3)]


class Selecting(Refilled):
    """Frames of which some can be read without those before them."""

    def __init__(self, count):
        super().__init__(count)
        self.asked = []

    def select(self, indices):
        self.asked.append(indices)
        return islice(iter(self), indices.start, indices.stop)


@pytest.mark.parametrize("make", [frames, Refilled, Selecting])
def test_part_of_the_frames_is_what_it_is_in_the_whole(make):
    source = make(6)
    stream = FrameStream(source)
    stream.read([0])
    assert indices(stream.forwards(2, 5)) == [(2, 2), (3, 3), (4, 4)]
    if isinstance(source, Selecting):
        assert source.asked == [range(2, 5)]
