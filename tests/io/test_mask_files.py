from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rotoline.errors import InputError
from rotoline.io.frame_names import FrameNumbers
from rotoline.io.frames import open_frames
from rotoline.io.mask_files import ignore_warning, match_masks
from rotoline.io.masks import read_annotations, write_mask
from rotoline.io.video import VideoFile


@pytest.fixture
def matched(tmp_path):
    """A function that returns the frame of each mask of a folder by its name, and the warnings."""

    def match(frame_names: str, mask_names: str, *, single: bool = False):
        for folder, names in (("frames", frame_names), ("masks", mask_names)):
            (tmp_path / folder).mkdir()
            for name in names.split(","):
                picture = Image.fromarray(np.zeros((4, 6, 3), np.uint8))
                picture.save(tmp_path / folder / f"{name}.png")
        frames, warnings = open_frames(tmp_path / "frames"), []
        path = tmp_path / "masks" / (f"{mask_names}.png" if single else "")
        files = match_masks(path, frames, warnings.append)
        return {file.stem: frames.name(index) for index, file in files.items()}, warnings

    return match


class Video(VideoFile):
    """A video of a known number of frames, without a file."""

    def __init__(self, count):
        self.path, self.size, self._length = Path("clip.mp4"), (4, 6), count
        self._names = FrameNumbers()


# A folder of masks


@pytest.mark.parametrize(
    ("frames", "masks", "expected"),
    [
        ("00001,00002,00003", "1", {"1": "00001"}),
        ("00001,00002,00003", "001,3", {"001": "00001", "3": "00003"}),
        ("1001,1002,1005", "01005", {"01005": "1005"}),
        ("0,1,2", "00002", {"00002": "2"}),
        ("f_0,f_1,f_2", "2", {"2": "f_2"}),
        ("f_1,f_2,f_3", "3", {"3": "f_3"}),
        ("shot 1,shot 3", "shot 3,Shot 01", {"shot 3": "shot 3", "Shot 01": "shot 1"}),
    ],
)
def test_masks_mark_the_frames_that_they_are_named_after(matched, frames, masks, expected):
    assert matched(frames, masks) == (expected, [])


@pytest.mark.parametrize("frames", ["00001,00002,00003", "first,last,middle"])
def test_a_number_that_no_name_has_is_an_index_and_that_is_said(matched, frames):
    found, (warning, *_) = matched(frames, "0" if frames[0] == "0" else "0,1")
    assert list(found.values()) == frames.split(",")[: len(found)]
    assert "no frame is called 0; " in warning
    assert warning.endswith(f"0.png marks frame {found['0']}, number 0 counted from 0")


@pytest.mark.parametrize(
    ("frames", "masks", "both"),
    [
        (
            "00001,00002,00003",
            "0,1,2",
            "no frame is called 0, so .* 1 is the number of frame 00001",
        ),
        ("a,b,c", "1", r"1\.png can mark two frames: .* counted from 0, b, or counted from 1, a;"),
        ("1001,1002,1005", "2", "counted from 0, 1005, or counted from 1, 1002; name each mask"),
        ("f_1,f_2,f_3", "2", "2.png is not clear: 2 can mean frame f_2 by .* or frame f_3 as an"),
        ("1,01", "001", "001 can mean frame 01 or frame 1;"),
        ("1001,1002,1005", "1003", r"belongs to no frame .*are called 1001 \.\.\. 1005; name each"),
        ("1,2,5", "3", r"belongs to no frame .*are called 1 \.\.\. 5; name each mask"),
        (
            "shot 1,shot 4",
            "shot 5",
            r"belongs to no frame .*called shot 1 \.\.\. shot 4; name each",
        ),
        ("00001,00002", "1,00001", r"00001\.png and .*1\.png both belong to frame 00001; keep one"),
    ],
)
def test_masks_without_one_clear_frame_are_refused(matched, frames, masks, both):
    with pytest.raises(InputError, match=both):
        matched(frames, masks)


def test_a_folder_says_what_it_holds_besides_masks(tmp_path):
    (tmp_path / "readme.txt").touch()
    with pytest.raises(InputError, match=r"holds no masks: it holds readme\.txt; put PNG files"):
        match_masks(tmp_path, Video(3), ignore_warning)
    (tmp_path / "00001.png").touch()
    (tmp_path / "Thumbs.db").touch()
    warnings = []
    assert list(match_masks(tmp_path, Video(3), warnings.append)) == [1]
    assert warnings == [f"{tmp_path} holds more than pictures, which is skipped: readme.txt"]


def test_frames_of_a_video_are_named_with_five_digits(tmp_path):
    (tmp_path / "00131.png").touch()
    for path in (tmp_path, tmp_path / "00131.png"):
        assert list(match_masks(path, Video(132), ignore_warning)) == [131]
        with pytest.raises(InputError, match=r"are called 00000 \.\.\. 00130"):
            match_masks(path, Video(131), ignore_warning)


# A single mask


@pytest.mark.parametrize(("mask", "frame"), [("00003", "00003"), ("1", "00001")])
def test_a_single_mask_marks_the_frame_that_it_is_named_after(matched, mask, frame):
    assert matched("00001,00002,00003", mask, single=True) == ({mask: frame}, [])


def test_a_single_mask_with_the_number_of_a_later_frame_marks_it_and_that_is_said(matched):
    found, (warning,) = matched("00001,00002,00003", "3", single=True)
    assert found == {"3": "00003"}
    assert warning.endswith("3.png marks frame 00003, not the first one: it has this number")


@pytest.mark.parametrize(
    "mask", ["first", "mask", "0", "mask_v2", "00001_mask", "002px", "mask_004", "bear 1"]
)
def test_any_other_single_mask_marks_the_first_frame_and_that_is_said(matched, mask):
    found, (warning,) = matched("00001,00002,00003", mask, single=True)
    assert found == {mask: "00001"}
    assert warning.endswith(f"{mask}.png marks the first frame, 00001")


@pytest.mark.parametrize(
    ("frames", "mask", "both"),
    [
        ("00001,00002", "mask_00002", "can mark frame 00002, .* or the first frame, 00001,"),
        ("1,2", "bear0002", "can mark frame 2, because .* or the first frame, 1, because no frame"),
        ("00001,00002", "Frame 2", "can mark frame 00002, because of what its name contains, or"),
        ("a,shot 2,shot 3", "shot 3 (copy)", "can mark frame shot 3, .* or the first frame, a,"),
        ("a,b,c", "1", "can mark the first frame, a, .* or frame b, number 1 counted from 0; name"),
        ("00001,00002", "00009", r"belongs to no frame .* name it like its frame, or first\.png"),
    ],
)
def test_a_single_mask_that_can_mark_two_frames_is_refused(matched, frames, mask, both):
    with pytest.raises(InputError, match=both):
        matched(frames, mask, single=True)


def test_a_number_that_is_in_the_names_of_several_frames_leaves_a_single_mask_to_the_first(matched):
    found, (warning,) = matched("cam 1 a,cam 1 b", "mask 001", single=True)
    assert found == {"mask 001": "cam 1 a"}
    assert "marks the first frame" in warning


@pytest.mark.parametrize("mask", ["IMG_0123", "img_0123 mask", "first_854x480", "a 1920X1080"])
def test_numbers_of_the_video_and_of_a_size_are_no_frames(tmp_path, mask):
    frames, path, warnings = Video(2000), tmp_path / f"{mask}.png", []
    frames.path = Path("IMG_0123.MOV")
    path.touch()
    assert match_masks(path, frames, warnings.append) == {0: path}
    assert "marks the first frame, 00000" in warnings[0]


@pytest.mark.parametrize(
    ("video", "mask"),
    [("IMG_0123", "IMG_0123_0007"), ("IMG_0123", "IMG_0124"), ("003", "003_mask")],
)
def test_other_numbers_beside_the_name_of_the_video_may_be_frames(tmp_path, video, mask):
    frames, path = Video(2000), tmp_path / f"{mask}.png"
    frames.path = Path(f"{video}.mp4")
    path.touch()
    with pytest.raises(InputError, match="because of what its name contains"):
        match_masks(path, frames, ignore_warning)


@pytest.mark.parametrize("number", ["1", "00012"])
def test_a_number_that_is_the_name_of_the_video_may_be_a_frame_or_not(tmp_path, number):
    frames, path, warnings = Video(2000), tmp_path / f"{number}.png", []
    frames.path = Path(f"{number}.mp4")
    path.touch()
    both = rf"the first frame, 00000, because it is called like {number}\.mp4; or frame 000.*folder"
    with pytest.raises(InputError, match=both):
        match_masks(path, frames, ignore_warning)
    assert list(match_masks(tmp_path, frames, ignore_warning)) == [int(number)]
    frames._length = 1
    assert match_masks(path, frames, warnings.append) == {0: path}
    assert "marks the first frame, 00000" in warnings[0]


@pytest.mark.parametrize("masks", ["mask.png", ""])
def test_masks_among_the_frames_are_refused(tmp_path, masks):
    for name in ("f_001.png", "f_002.png", "mask.png"):
        Image.new("L", (4, 6)).save(tmp_path / name)
    with pytest.raises(InputError, match=r"the folder of the frames.*folder of their own"):
        match_masks(tmp_path / masks, open_frames(tmp_path), ignore_warning)
    with pytest.raises(InputError, match=r"does not exist"):
        read_annotations(tmp_path / "other.png", open_frames(tmp_path))


def test_a_mask_among_several_that_is_all_background_says_that_nothing_is_there(tmp_path):
    for folder in ("frames", "masks"):
        (tmp_path / folder).mkdir()
        for name in ("1", "2", "3"):
            Image.fromarray(np.zeros((8, 12), np.uint8)).save(tmp_path / folder / f"{name}.png")
    frames, warnings = open_frames(tmp_path / "frames"), []
    with pytest.raises(InputError, match=r"all 3 masks .* are all background"):
        read_annotations(tmp_path / "masks", frames)
    square = np.zeros((8, 12), np.uint8)
    square[2:6, 2:6] = 4
    write_mask(tmp_path / "masks" / "2.png", square)
    found = read_annotations(tmp_path / "masks", frames, warnings.append).labels
    assert [labels.any() for labels in found.values()] == [False, True, False]
    assert len(warnings) == 1
    assert "the mask of 1, 3 is all background, so no object is there" in warnings[0]
