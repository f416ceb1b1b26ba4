"""A part of a video, a folder or a stack: the same frames as in the whole, under the same names."""

import numpy as np
import pytest
from PIL import Image

from rotoline.errors import InputError
from rotoline.io.frames import open_frames
from rotoline.io.mask_files import match_masks
from rotoline.io.masks import write_mask
from rotoline.io.video import VideoFile


@pytest.fixture(scope="module")
def video(make_video, tmp_path_factory):
    """A video of 40 frames at 25 frames a second."""
    return make_video(tmp_path_factory.mktemp("video") / "a.mp4", bf="3")


@pytest.fixture
def folder(tmp_path):
    """Twelve pictures, 1001 to 1012."""
    path = tmp_path / "frames"
    path.mkdir()
    for index in range(12):
        Image.fromarray(np.full((4, 6, 3), 10 * index, np.uint8)).save(path / f"{1001 + index}.png")
    return path


@pytest.fixture
def stack(tmp_path):
    """A TIFF of twelve pictures."""
    pages = [Image.fromarray(np.full((4, 6, 3), 10 * index, np.uint8)) for index in range(12)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    return tmp_path / "a.tif"


def check_same_frames(path, expected, **part):
    """A part has these frames of the whole, in every way of reading it."""
    whole = list(open_frames(path))
    source = open_frames(path, **part)
    assert source.count == len(expected)
    assert [source.name(i) for i in range(len(expected))] == [
        open_frames(path).name(i) for i in expected
    ]
    some = open_frames(path, **part).read({0, len(expected) - 1})
    np.testing.assert_array_equal(some[0], whole[expected[0]])
    np.testing.assert_array_equal(some[len(expected) - 1], whole[expected[-1]])
    for _ in range(2):
        frames = list(source)
        assert len(frames) == len(expected)
        for frame, index in zip(frames, expected, strict=True):
            np.testing.assert_array_equal(frame, whole[index])
    for reading in (source, open_frames(path, **part)):
        for position, frame in reading.backwards(len(expected)):
            np.testing.assert_array_equal(frame, whole[expected[position]])
    times = [open_frames(path).time(0), source.time(0)]
    assert times[1] in (None, 0)
    assert source.problem is None


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"start": 10, "end": 30}, range(10, 30)),
        ({"start": "10", "end": "30", "every": 7}, range(10, 30, 7)),
        ({"start": "0.4s", "end": "00:00:01.2"}, range(10, 30)),
        ({"start": "00:00.401"}, range(11, 40)),
        ({"end": "40", "every": 13}, range(0, 40, 13)),
        ({"start": 39}, range(39, 40)),
        ({"end": "9:59"}, range(40)),
    ],
)
def test_part_of_a_video(video, part, expected):
    check_same_frames(video, expected, **part)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"start": "1003", "end": "1007"}, range(2, 6)),
        ({"start": 2, "end": "6"}, range(2, 6)),
        ({"start": "1010", "end": "1013"}, range(9, 12)),
        ({"start": "0.25s", "every": 4}, range(6, 12, 4)),
    ],
)
def test_part_of_a_folder(folder, part, expected):
    check_same_frames(folder, expected, **part)


def test_part_of_a_stack(stack):
    check_same_frames(stack, range(3, 9, 2), start=3, end="9", every=2)
    check_same_frames(stack, range(6, 12), start="0.25s")


def test_times_and_rate_are_those_of_the_part(video):
    source = open_frames(video, start="10", every=5)
    assert source.time(1) is None
    list(source)
    assert [source.time(0), source.time(2)] == pytest.approx([0, 0.4])
    assert source.frame_rate == 5
    assert source.reading == {"stream": 0, "start": "10", "every": 5}


def test_frames_before_the_start_are_not_decoded_again_once_all_are_known(video, monkeypatch):
    source = open_frames(video, start=30, end=36)
    frames = list(source)
    monkeypatch.setattr(VideoFile, "_select_from_start", None)
    for again, frame in zip(source, frames, strict=True):
        np.testing.assert_array_equal(again, frame)


def test_numbers_from_another_first_number_on(video, stack, folder):
    source = open_frames(video, first_number=1001, start="1011", end="1021")
    assert [source.name(0), source.count, source.find("1012")] == ["01011", 10, 1]
    assert open_frames(stack, first_number=5).name(2) == "00007"
    assert open_frames(video, first_number=1001).find("1000") is None
    with pytest.raises(InputError, match="called like their files"):
        open_frames(folder, first_number=1001)
    with pytest.raises(InputError, match="numbered from -1 on"):
        open_frames(video, first_number=-1)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"start": 40}, "no frame at or after the start 40: frames are called 00000 to 00039"),
        ({"start": "2s"}, "no frame at or after the start 2s"),
        ({"end": 41}, "ends before the end 41"),
        ({"end": "41"}, "end 41 is no frame of"),
        ({"start": "3.5"}, r"start 3\.5 is no frame of .*times are written 3\.5s or 00:01:02\.5"),
        ({"start": 7, "end": 7}, "no frame is left between the start 7 and the end 7"),
        ({"start": -3}, "start is -3; frames are counted from 0"),
        ({"start": 1.5}, "start is 1.5; give the index of a frame, or a time as text"),
        ({"every": 0}, "every is 0"),
    ],
)
def test_impossible_parts_are_refused(video, part, message):
    with pytest.raises(InputError, match=message):
        open_frames(video, **part)


def test_masks_keep_the_names_of_the_whole(video, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    for name in ("00012", "20"):
        write_mask(masks / f"{name}.png", np.ones((48, 64), np.uint8))
    source = open_frames(video, start=10, end=30)
    found = match_masks(masks, source, lambda _: None)
    assert {index: path.stem for index, path in found.items()} == {2: "00012", 10: "20"}


@pytest.mark.parametrize("name", ["00003", "mask_00003", "30"])
def test_mask_outside_of_the_part_is_refused(video, tmp_path, name):
    path = tmp_path / f"{name}.png"
    write_mask(path, np.ones((48, 64), np.uint8))
    source = open_frames(video, start=10, end=30)
    number = name[-5:].zfill(5)
    with pytest.raises(InputError, match=f"(is frame|mark frame) {number}.*00010"):
        match_masks(path, source, lambda _: None)


def test_mask_of_any_other_name_marks_the_first_frame_of_the_part(video, tmp_path):
    warnings = []
    write_mask(tmp_path / "bear 1.png", np.ones((48, 64), np.uint8))
    found = match_masks(tmp_path / "bear 1.png", open_frames(video, start=10), warnings.append)
    assert list(found) == [0]
    assert "marks the first frame, 00010" in warnings[0]
