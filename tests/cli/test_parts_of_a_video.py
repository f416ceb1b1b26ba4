"""Parts of a video, complete masks and strict runs of `rotoline segment`; `rotoline probe`."""

import json
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from rotoline.io.masks import read_labels, write_mask

QUICK = ["--set", "working_pixels=24576", "--tune", "0", "--format", "png"]


@pytest.fixture
def video(make_clip, tmp_path):
    """Twelve frames at 10 frames a second, and their true label maps."""
    pictures, labels = make_clip(frames=12, ids=(1, 2))
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width = labels[0].shape
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode(None))
    return path, labels


@pytest.fixture
def segment(call, tmp_path):
    """A function that segments into `out` and returns the result, its masks and the record."""

    def run(source, masks, *more):
        out = tmp_path / "out"
        result = call("segment", source, "--masks", masks, "--output", out, *QUICK, *more)
        record = out / "run.json"
        names = sorted(path.stem for path in (out / "masks").glob("*.png"))
        return result, names, json.loads(record.read_text()) if record.exists() else {}

    return run


@pytest.mark.slow
def test_part_of_a_video_keeps_the_names_of_the_whole(video, tmp_path, segment, overlap, call):
    path, labels = video
    (tmp_path / "masks").mkdir()
    write_mask(tmp_path / "masks" / "1004.png", labels[3])
    write_mask(tmp_path / "masks" / "1010.png", np.where(labels[9] == 1, 1, 0).astype(np.uint8))
    part = ["--first-number", "1001", "--start", "1004", "--end", "1.0s", "--every", "2"]
    result, names, record = segment(path, tmp_path / "masks", *part, "--complete", "1010")
    assert result.exit_code == 0, result.output
    assert names == ["01004", "01006", "01008", "01010"]
    found = [read_labels(tmp_path / "out" / "masks" / f"{name}.png") for name in names]
    assert overlap(found[1], labels[5], 1) > 0.7
    assert not (found[3] == 2).any()  # hidden, because its frame is complete
    assert record["input"] | {"end": "1.0s", "every": 2, "start": "1004"} == record["input"]
    assert record["frame_rate"] == "5"
    assert record["complete_frames"] == ["01010"]
    assert call("export", tmp_path / "out", "--to", "mattes").exit_code == 0
    mattes = sorted(path.stem for path in (tmp_path / "out" / "mattes" / "1").iterdir())
    assert mattes == names


def test_mask_outside_of_the_part_is_an_error_that_says_both(video, tmp_path, segment, words_of):
    path, labels = video
    write_mask(tmp_path / "00002.png", labels[2])
    result, names, _ = segment(path, tmp_path / "00002.png", "--start", "3")
    assert (result.exit_code, names) == (2, [])
    assert "it is frame 00002" in words_of(result)
    assert "frames from 00003 on are read" in words_of(result)


def test_complete_frames_need_a_mask(video, tmp_path, segment, words_of):
    write_mask(tmp_path / "00000.png", video[1][0])
    result, _, _ = segment(video[0], tmp_path / "00000.png", "--complete", "5")
    assert result.exit_code == 2
    assert "frame 5 is called complete, but has no mask; masks are of 00000" in words_of(result)


def test_strict_refuses_a_warning_before_anything_is_written(
    clip_folder, tmp_path, segment, words_of
):
    frames, mask, _ = clip_folder
    (frames / "f3.png").unlink()
    result, _, _ = segment(frames, mask, "--strict")
    assert result.exit_code == 2
    assert "between f2 and f4" in words_of(result)
    assert "no frame is called first" in words_of(result)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_strict_keeps_the_frames_before_damage_that_is_found_later(
    make_clip, tmp_path, segment, words_of
):
    pictures, labels = make_clip(frames=12)
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width = labels[0].shape
        stream.pix_fmt = "yuv420p"
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture)
            frame.pts, frame.time_base = index, Fraction(1, 10)
            if index != 5:
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    write_mask(tmp_path / "00000.png", labels[0])
    result, names, record = segment(path, tmp_path / "00000.png", "--strict")
    assert result.exit_code == 2
    assert "jumps in time" in words_of(result)
    assert "--strict" in words_of(result)
    assert (len(names), record["status"], record["frames"]) == (11, "failed", 11)


def test_probe_prints_text_and_json(call, clip_folder, words_of, tmp_path):
    frames, mask, _ = clip_folder
    assert "pictures 6" in words_of(call("probe", frames))
    result = call("probe", mask, "--video", frames, "--json")
    assert result.exit_code == 0
    assert list(json.loads(result.stdout)["objects"]) == ["1"]
    colours = tmp_path / "colours.png"
    Image.new("RGB", (6, 4), (200, 3, 3)).save(colours)
    result = call("probe", colours)
    assert result.exit_code == 0
    assert "refused" in words_of(result)
    (tmp_path / "text.mp4").write_text("hello")
    for name in ("text.mp4", "missing"):
        result = call("probe", tmp_path / name)
        assert result.exit_code == 2
        assert "error:" in words_of(result)
