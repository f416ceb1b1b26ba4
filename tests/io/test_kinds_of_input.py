"""What is read of inputs that are not plain: one row of docs/how-to/inputs.md for each test here.

The table of that page is made from `ROWS`: run scripts/make_inputs_page.py after a change.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest
from PIL import Image

from rotoline.io.frames import open_frames


class Row(NamedTuple):
    """One kind of input."""

    kind: str
    statement: str
    check: Callable[[Path, Callable, Callable], Any]
    """Makes an input in a folder and reads it; gets functions that draw frames and videos."""


ROWS: list[Row] = []


def row(kind: str, statement: str) -> Callable:
    """Add a check to the table."""

    def add(check: Callable) -> Callable:
        ROWS.append(Row(kind, statement, check))
        return check

    return add


def is_like(frame: np.ndarray, picture: np.ndarray, tolerance: float = 6) -> bool:
    """Whether a frame is a picture, but for what compression changes."""
    return bool(np.abs(frame.astype(int) - picture).mean() < tolerance)


def closest(frame: np.ndarray, pictures) -> int:
    """Index of the picture that a frame is most like."""
    return int(np.argmin([np.abs(frame.astype(int) - picture).mean() for picture in pictures]))


def copy_packets(source: Path, target: Path, shift: float = 0.0, keep=lambda packet: True) -> Path:
    """Copy packets of a video without coding it again, shifted by some seconds."""
    with av.open(str(source)) as container, av.open(str(target), "w") as copy:
        stream = copy.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.dts is not None and keep(packet):
                ticks = round(shift / packet.time_base)
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = stream
                copy.mux(packet)
    return target


@row(
    "variable frame rate",
    "Every frame is read once, none is repeated or left out; `overlay.mp4` keeps the times.",
)
def variable_rate(folder, moving, make_video):
    times = [0, 40, 80, 500, 520, 900, 940, 2000, 2010, 3000]
    source = open_frames(make_video(folder / "a.mkv", 10, times=times))
    plain = open_frames(make_video(folder / "plain.mkv", 10))
    frames = list(source)
    assert [round(1000 * source.time(i)) for i in range(10)] == times
    assert [closest(frame, plain) for frame in frames] == list(range(10))
    assert source.problem is None


@row(
    "edit list (MP4, MOV) that trims the start",
    "Frames that the list cuts off are not read; frame 0 is the first that players show.",
)
def edit_list(folder, moving, make_video):
    whole = make_video(folder / "whole.mp4", 30, g="250", bf="3")
    source = open_frames(copy_packets(whole, folder / "trimmed.mp4", shift=-0.4))
    np.testing.assert_array_equal(list(source), list(open_frames(whole))[10:])
    assert source.problem is None


@row(
    "edit list that hides frames after the first one shown",
    "They are not read, and a warning says how many: trimmed, or the list is damaged.",
)
def edit_list_inside(folder, moving, make_video):
    path = make_video(folder / "a.mp4", 12, bf="0")
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 12
    data[at : at + 4] = (80).to_bytes(4)
    path.write_bytes(data)
    source = open_frames(path)
    assert len(list(source)) == 2
    assert "holds 10 more frames" in source.problem


@row(
    "cut between two keyframes without coding again (MP4, MKV, TS)",
    "Frames before the first keyframe cannot be decoded. Frame 0 is the first that can, and a "
    "warning says how many seconds are missing.",
)
def cut_between_keyframes(folder, moving, make_video):
    whole = make_video(folder / "whole.mp4", 60, bf="0", sc_threshold="0")
    expected = list(open_frames(whole))[24:]
    for ending in ("mp4", "mkv", "ts"):
        path = copy_packets(
            whole, folder / f"a.{ending}", keep=lambda packet: packet.pts * packet.time_base > 0.79
        )
        source = open_frames(path)
        np.testing.assert_array_equal(list(source), expected)
        assert "begins 0.160 s after its start" in source.problem


@row("rotation in the header (phones)", "Frames are turned upright, and masks are drawn upright.")
def rotation(folder, moving, make_video):
    path = make_video(folder / "a.mp4", 3, change=lambda stream: stream.set_display_rotation(90))
    source = open_frames(path)
    assert source.size == (64, 48)
    plain = list(open_frames(make_video(folder / "plain.mp4", 3)))
    np.testing.assert_array_equal(next(iter(source)), np.rot90(plain[0]))


@row("rotation in EXIF (photos)", "Pictures are turned upright, and so are masks.")
def exif_rotation(folder, moving, make_video):
    (folder / "frames").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(moving(0)).save(folder / "frames" / "a.png", exif=exif)
    np.testing.assert_array_equal(
        next(iter(open_frames(folder / "frames"))), np.rot90(moving(0), -1)
    )


@row(
    "pixels that are not square",
    "Frames and masks have the pixels that are stored; `overlay.mp4` keeps their shape.",
)
def pixel_shape(folder, moving, make_video):
    def change(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(16, 11)

    source = open_frames(make_video(folder / "a.mp4", 3, change=change))
    assert source.size == (48, 64)
    assert source.pixel_shape == Fraction(16, 11)


@row(
    "interlaced video",
    "One frame of two fields, woven together as it is stored: moving edges are combs. To have "
    "none, deinterlace first (FFmpeg's filter `bwdif`).",
)
def interlaced(folder, moving, make_video):
    path = make_video(folder / "a.mkv", 6, crf="10", **{"x264-params": "interlaced=1"})
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).interlaced_frame
    plain = open_frames(make_video(folder / "plain.mkv", 6, crf="10"))
    frames = list(open_frames(path))
    assert [closest(frame, plain) for frame in frames] == list(range(6))


@row("video of 10 or 12 bits", "Shown with 8 bits; highlights are not stretched or cut.")
def ten_bits(folder, moving, make_video):
    def change(stream):
        stream.pix_fmt = "yuv444p10le"

    source = open_frames(
        make_video(folder / "a.mkv", 3, codec="ffv1", change=change, layout="yuv444p10le")
    )
    for index, frame in enumerate(source):
        assert frame.dtype == np.uint8
        assert is_like(frame, moving(index), 2)


@row(
    "grey of 10 to 16 bits (microscopes, cameras)",
    "Shown from the darkest to the brightest value of all frames; `--grey-range` chooses others.",
)
def deep_grey(folder, moving, make_video):
    (folder / "frames").mkdir()
    levels = np.linspace(200, 1100, 48 * 64).astype(np.uint16).reshape(48, 64)
    for index in range(3):
        Image.fromarray(levels).save(folder / "frames" / f"{index}.tif")
    source = open_frames(folder / "frames")
    low, high = source.reading["grey_range"]
    assert 200 <= low < 205
    assert 1095 < high <= 1100
    frame = next(iter(source))
    assert (frame.min(), frame.max()) == (0, 255)


@row("transparent pictures", "What is transparent is shown on black.")
def alpha_picture(folder, moving, make_video):
    (folder / "frames").mkdir()
    picture = np.dstack([moving(0), np.full((48, 64), 255, np.uint8)])
    picture[:, :32, 3] = 0
    Image.fromarray(picture).save(folder / "frames" / "a.png")
    frame = next(iter(open_frames(folder / "frames")))
    assert not frame[:, :32].any()
    np.testing.assert_array_equal(frame[:, 32:], moving(0)[:, 32:])


@row("video with alpha", "The alpha is left out: frames have the colours that are stored.")
def alpha_video(folder, moving, make_video):
    def change(stream):
        stream.pix_fmt = "yuva444p"

    path = make_video(folder / "a.mkv", 3, codec="ffv1", change=change, layout="yuva444p")
    for index, frame in enumerate(open_frames(path)):
        assert is_like(frame, moving(index), 2)


@row(
    "image stack (TIFF, animated WebP, AVIF)",
    "Each page is a frame, called 00000, 00001, ...; smaller versions of pages are left out.",
)
def stack(folder, moving, make_video):
    pages = [Image.fromarray(moving(index)) for index in range(4)]
    pages[0].save(folder / "a.tif", save_all=True, append_images=pages[1:])
    source = open_frames(folder / "a.tif")
    np.testing.assert_array_equal(list(source), [moving(index) for index in range(4)])
    assert source.name(3) == "00003"


@row(
    "gaps in the numbers of pictures",
    "Pictures follow each other in natural order, and a warning names each gap. Masks keep the "
    "names of the pictures.",
)
def gaps(folder, moving, make_video):
    (folder / "frames").mkdir()
    numbers = (1001, 1002, 1003, 1006, 1007)
    for number in numbers:
        Image.fromarray(moving(number)).save(folder / "frames" / f"{number}.png")
    source = open_frames(folder / "frames")
    assert "between 1003 and 1006" in source.problem
    assert [source.name(index) for index in range(5)] == [str(number) for number in numbers]


@row(
    "frames lost in the middle of a video",
    "The frames that are there are read, and a warning says where the time jumps. Numbers of "
    "frames count what is there.",
)
def lost_frames(folder, moving, make_video):
    whole = make_video(folder / "whole.mkv", 12, bf="0", g="1")
    path = copy_packets(whole, folder / "a.mkv", keep=lambda packet: packet.pts != 200)
    source = open_frames(path)
    assert len(list(source)) == 11
    assert "jumps in time from 0.160 s (frame 4) to 0.240 s (frame 5)" in source.problem


@row("file that is cut off", "What can be decoded is read, and a warning says how much it is.")
def cut_off(folder, moving, make_video):
    path = make_video(folder / "a.mkv", 60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    source = open_frames(path)
    count = len(list(source))
    assert 0 < count < 60
    assert f"ended after {count} of 60 frames" in source.problem


@pytest.mark.parametrize("one", ROWS, ids=[one.kind for one in ROWS])
def test_statement_of_the_table_is_true(one, tmp_path, moving, make_video):
    one.check(tmp_path, moving, make_video)


def test_page_has_the_table(load_script):
    script = load_script("make_inputs_page")
    page = script.PAGE.read_text(encoding="utf-8")
    assert script.with_table(page, ROWS) == page, (
        "run: .venv/bin/python scripts/make_inputs_page.py"
    )
