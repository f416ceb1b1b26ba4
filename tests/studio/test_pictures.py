"""Frames by their index, in any order, are those of the file."""

import io
import random
import time

import av
import numpy as np
import pytest
from PIL import Image

from rotoline.demo import VIDEO
from rotoline.errors import InputError
from rotoline.io.frames import open_frames
from rotoline.studio.pictures import NotReachedError, Pictures


@pytest.fixture(scope="module")
def decoded():
    """All frames of the bundled clip as PyAV gives them."""
    with av.open(VIDEO) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture
def pictures():
    source = open_frames(VIDEO)
    one = Pictures(source, source.count)
    one.is_busy = lambda: True  # so that it is not this test that is quick
    yield one
    one.close()


@pytest.mark.slow
def test_random_frames_are_those_of_pyav(pictures, decoded):
    order = random.Random(0).sample(range(len(decoded)), 20)
    for index in order:
        assert np.array_equal(pictures.frame(index), decoded[index]), index
    for index in sorted(order, reverse=True):
        shown = np.asarray(Image.open(io.BytesIO(pictures.jpeg(index))), np.float32)
        assert np.abs(shown - decoded[index]).mean() < 4, index
    for index in (60, 61, 62, 20, 21):
        assert np.array_equal(pictures.frame(index), decoded[index])


def test_frames_are_prepared_in_the_direction_of_play(clip_folder, monkeypatch):
    monkeypatch.setattr("rotoline.studio.pictures._SMALL", 1)
    source = open_frames(clip_folder[0])
    pictures = Pictures(source, source.count)
    try:
        pictures.jpeg(5)
        pictures.jpeg(4)
        end = time.monotonic() + 10
        while not {(index, 144) for index in range(6)} <= pictures.kept and time.monotonic() < end:
            time.sleep(0.01)
        assert {(index, 144) for index in range(6)} <= pictures.kept
        before = [pictures.jpeg(index, 144) for index in range(6)]
        assert [pictures.jpeg(index, 144) for index in range(6)] == before
    finally:
        pictures.close()


def test_small_pictures_are_not_waited_for(pictures):
    with pytest.raises(NotReachedError, match="ask again later"):
        pictures.jpeg(100, 160)
    pictures.jpeg(3, 640)
    assert Image.open(io.BytesIO(pictures.jpeg(2, 160))).width == 160


def test_no_more_is_kept_than_there_is_room_for(clip_folder, monkeypatch):
    monkeypatch.setattr("rotoline.studio.pictures._BYTES", 6000)
    monkeypatch.setattr("rotoline.studio.pictures._SMALL", 1)
    source = open_frames(clip_folder[0])
    pictures = Pictures(source, source.count)
    try:
        for index in range(6):
            assert len(pictures.jpeg(index)) > 2000
        assert len(pictures.kept) <= 3
    finally:
        pictures.close()


def test_a_wrong_number_of_frames_is_corrected():
    found = []
    pictures = Pictures(open_frames(VIDEO), 200, found.append)
    try:
        with pytest.raises(InputError, match="it has 132 frames"):
            pictures.frame(150)
        assert found == [132]
    finally:
        pictures.close()
