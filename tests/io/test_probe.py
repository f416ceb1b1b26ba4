"""What `probe` says of videos, folders and masks; the command is tested in tests/cli."""

import json

import av
import numpy as np
import pytest
from PIL import Image

from rotoline.errors import InputError
from rotoline.io.masks import write_mask
from rotoline.io.palette import DAVIS_PALETTE
from rotoline.io.probe import probe


def test_video(make_video, tmp_path):
    path = make_video(tmp_path / "a.mp4", 30, change=lambda stream: stream.set_display_rotation(90))
    report = probe(path)
    assert (report["kind"], report["taken"], report["why"]) == ("video", 0, "the only video stream")
    assert report["frames declared"] == 30
    assert (report["size as stored (height x width)"], report["rotation (degrees)"]) == (
        [48, 64],
        90,
    )
    assert report["size as read (height x width)"] == [64, 48]
    assert (report["variable rate"], report["bits"], report["alpha"]) == (False, 8, False)
    assert (report["decoded"], report["refused"]) == (None, None)
    json.dumps(report)


def test_damage_is_found_where_all_is_decoded(make_video, tmp_path):
    path = make_video(tmp_path / "a.mkv", 60, times=[40 * i + 400 * (i > 30) for i in range(60)])
    report = probe(path, decode=True)
    assert report["decoded"] == 60
    assert "jumps in time" in report["problem"]


def test_video_with_a_cover(make_video, tmp_path):
    whole = make_video(tmp_path / "whole.mkv", 12)
    with av.open(str(whole)) as container, av.open(str(tmp_path / "a.mkv"), "w") as copy:
        cover = copy.add_stream("mjpeg", rate=25)
        cover.height, cover.width, cover.pix_fmt = 48, 64, "yuvj420p"
        stream = copy.add_stream_from_template(container.streams.video[0])
        copy.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))))
        copy.mux(cover.encode(None))
        for packet in container.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    report = probe(tmp_path / "a.mkv")
    assert report["taken"] == 1
    assert report["why"].startswith("stream 0 has at most half the pixels, or less than half")
    assert [one["index"] for one in report["streams"]] == [0, 1]


def test_folder_whose_pictures_differ(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for name, width in (("1001", 6), ("1002", 6), ("1005", 8)):
        Image.fromarray(np.zeros((4, width, 3), np.uint8)).save(folder / f"{name}.png")
    (folder / "notes.txt").touch()
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    report = probe(folder)
    assert report["sizes (height x width)"] == {"4 x 6": 2, "4 x 8": 1}
    assert "bad.png" in report["unreadable"][0]
    assert "notes.txt" in report["skipped"]
    assert report["refused"]
    (folder / "bad.png").unlink()
    (folder / "1005.png").unlink()
    assert probe(folder)["frames"] == 2


def test_mask(tmp_path, make_video, save):
    labels = np.zeros((48, 64), np.uint8)
    labels[4:20, 4:20], labels[20, 4:20] = 7, 255
    save("00003.png", labels, DAVIS_PALETTE.tobytes())
    report = probe(tmp_path / "00003.png", video=make_video(tmp_path / "a.mp4", 5))
    assert (report["objects"], report["void"], report["refused"]) == ({7: 256}, 16, None)
    assert report["marks"] == {"00003.png": "00003"}
    assert report["palette"].startswith("that of DAVIS")


def test_mask_that_is_refused_says_why(tmp_path):
    ramp = np.zeros((40, 40), np.uint8)
    for step in range(8):
        ramp[8 - step : 32 + step, 8 - step : 32 + step] = np.maximum(
            ramp[8 - step : 32 + step, 8 - step : 32 + step], 200 - 24 * step
        )
    Image.fromarray(ramp).save(tmp_path / "soft.png")
    report = probe(tmp_path / "soft.png")
    assert report["soft edges"]
    assert "anti-aliased" in report["refused"]
    assert report["values"][200] == 24 * 24
    write_mask(tmp_path / "empty.png", np.zeros((4, 6), np.uint8))
    assert "no object is in its frame" in probe(tmp_path / "empty.png")["note"]


@pytest.mark.parametrize("name", ["missing.mp4", "text.mp4", "bad.png", "empty"])
def test_what_nothing_can_be_said_about_is_an_error(tmp_path, name):
    (tmp_path / "text.mp4").write_text("hello")
    (tmp_path / "bad.png").write_bytes(b"\x89PNG")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=name):
        probe(tmp_path / name)
