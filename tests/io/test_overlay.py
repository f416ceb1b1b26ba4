import errno
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from rotoline.errors import InputError, OutputError
from rotoline.io.overlay import (
    OBJECT_COLOURS,
    contact_sheet,
    draw_overlay,
    write_overlay,
    write_picture,
)
from rotoline.io.video import VideoFile

SIZE = (48, 64)


def grey(value: int = 100, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.full((*size, 3), value, np.uint8)


def square(object_id: int = 1, size: tuple[int, int] = SIZE) -> np.ndarray:
    labels = np.zeros(size, np.uint8)
    labels[10:30, 20:40] = object_id
    return labels


# Pictures


def test_objects_are_tinted_and_outlined_and_the_rest_stays():
    frame = grey()
    picture = draw_overlay(frame, square(3), alpha=0.5)
    inside = np.zeros(SIZE, bool)
    inside[12:28, 22:38] = True
    contour = (square() > 0) & ~inside
    np.testing.assert_array_equal(picture[square() == 0], frame[square() == 0])
    assert (picture[contour] == OBJECT_COLOURS[3]).all()
    assert np.abs(picture[inside] - (100 + OBJECT_COLOURS[3].astype(float)) / 2).max() <= 1
    assert (frame == 100).all()


def test_alpha_0_draws_contours_only():
    picture = draw_overlay(grey(), square(), alpha=0)
    assert (picture[12:28, 22:38] == 100).all()
    assert (picture[10:12, 20:40] == OBJECT_COLOURS[1]).all()


def test_objects_that_touch_are_separated_and_picture_borders_are_not_drawn():
    labels = np.ones(SIZE, np.uint8)
    labels[:, 32:] = 2
    picture = draw_overlay(grey(), labels, alpha=0)
    assert (picture[:, 30:32] == OBJECT_COLOURS[1]).all()
    assert (picture[:, 32:34] == OBJECT_COLOURS[2]).all()
    assert (picture[:, :30] == 100).all()
    assert (picture[:, 34:] == 100).all()


def test_every_object_colour_is_different_and_bright_enough():
    assert len(np.unique(OBJECT_COLOURS, axis=0)) == 256
    assert (OBJECT_COLOURS[1:].max(axis=1) >= 120).all()


def test_frame_and_labels_of_different_size_are_refused():
    with pytest.raises(InputError, match="frame is 48 x 64 and its labels are 40 x 64"):
        draw_overlay(grey(), square()[:40])


def test_a_contact_sheet_tiles_pictures_row_by_row():
    sheet = contact_sheet([grey(value) for value in (50, 100, 150)], columns=2, width=64)
    assert sheet.shape == (48, 64, 3)
    centres = sheet[12::24, 16::32, 0]
    np.testing.assert_array_equal(centres, [[50, 100], [150, 0]])
    with pytest.raises(InputError, match="sheet of 0 pictures"):
        contact_sheet([], columns=2, width=64)


def test_pictures_are_written_by_suffix(tmp_path):
    write_picture(tmp_path / "a.png", grey())
    write_picture(tmp_path / "a.jpg", grey())
    for path in tmp_path.iterdir():
        with Image.open(path) as image:
            assert image.format == {".png": "PNG", ".jpg": "JPEG"}[path.suffix]
            np.testing.assert_array_equal(np.asarray(image), grey())
    with pytest.raises(InputError, match=r"a\.tga ends in '\.tga'.*\.png, \.jpg"):
        write_picture(tmp_path / "a.tga", grey())


# Videos


def write(path: Path, count: int, size: tuple[int, int] = SIZE, **options) -> int:
    frames = (grey(10 * index, size) for index in range(count))
    labels = (square(1, size) for _ in range(count))
    return max(write_overlay(path, frames, labels, **{"frame_rate": Fraction(24), **options}))


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30000, 1001), Fraction(125, 9)])
def test_a_video_shows_every_frame_at_the_frame_rate(tmp_path, rate):
    assert write(tmp_path / "a b.mp4", 10, frame_rate=rate) == 10
    with av.open(str(tmp_path / "a b.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == rate
        assert stream.duration * stream.time_base == 10 / rate
    source = VideoFile(tmp_path / "a b.mp4")
    for index, frame in enumerate(source):
        assert abs(frame[40:].mean() - 10 * index) < 4
    assert source.problem is None
    assert [path.name for path in tmp_path.iterdir()] == ["a b.mp4"]


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(6250, 437)])
def test_times_of_a_variable_frame_rate_are_kept(tmp_path, rate):
    times = [0.0, 0.04, 0.16, 0.2, 0.32, 1.0, 1.033]
    write(tmp_path / "a.mp4", len(times), frame_rate=rate, time=times.__getitem__)
    source = VideoFile(tmp_path / "a.mp4")
    list(source)
    assert [source.time(index) for index in range(len(times))] == pytest.approx(times, abs=1e-6)


def test_frames_without_a_usable_time_follow_one_another(tmp_path):
    times = [0.0, None, 0.5, 0.5, 0.4]
    write(tmp_path / "a.mp4", 5, time=times.__getitem__)
    source = VideoFile(tmp_path / "a.mp4")
    assert len(list(source)) == 5
    written = [source.time(index) for index in range(5)]
    assert written[1:3] == pytest.approx([1 / 24, 0.5])
    assert written == sorted(set(written))


def test_odd_sizes_grow_by_their_edge(tmp_path):
    write(tmp_path / "a.mp4", 3, size=(47, 63))
    (frame, *_) = VideoFile(tmp_path / "a.mp4")
    assert frame.shape == (48, 64, 3)
    assert np.abs(frame[40:].astype(int)).max() < 8


@pytest.mark.parametrize("encoder", ["libx264", "mpeg4"])
def test_pixels_that_are_not_square_stay_so(tmp_path, monkeypatch, encoder):
    monkeypatch.setattr("av.codecs_available", {encoder})
    write(tmp_path / "a.mp4", 3, pixel_shape=Fraction(64, 45))
    assert VideoFile(tmp_path / "a.mp4").pixel_shape == Fraction(64, 45)


def test_without_an_h264_encoder_mpeg4_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("av.codecs_available", {"mpeg4"})
    times = [0.0, 0.04, 0.16]
    write(tmp_path / "a.mp4", 3, frame_rate=Fraction(30000, 1001), time=times.__getitem__)
    source = VideoFile(tmp_path / "a.mp4")
    assert len(list(source)) == 3
    assert [source.time(index) for index in range(3)] == pytest.approx(times, abs=1e-4)


def test_videos_that_cannot_be_made_leave_nothing_behind(tmp_path):
    def overlay(frames, labels):
        list(write_overlay(tmp_path / "a.mp4", frames, labels, frame_rate=Fraction(24)))

    with pytest.raises(InputError, match="there are no frames"):
        overlay([], [])
    with pytest.raises(InputError, match="only 1 labels but more frames"):
        overlay([grey(), grey()], [square()])
    with pytest.raises(InputError, match="only 1 frames but more labels"):
        overlay([grey()], iter([square(), square()]))
    with pytest.raises(InputError, match="frames differ in size"):
        overlay([grey(), grey(size=(40, 64))], [square(), square()[:40]])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match=r"nowhere.*create the folder"):
        write(tmp_path / "nowhere" / "a.mp4", 3)


def test_a_full_disk_leaves_the_earlier_video_and_nothing_else(tmp_path):
    resource = pytest.importorskip("resource")
    (tmp_path / "a.mp4").write_bytes(b"earlier")
    noise = np.random.default_rng(0).integers(0, 256, (10, *SIZE, 3), dtype=np.uint8)
    # A limit on the size of files fails like a full disk, in the middle of writing.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
    try:
        with pytest.raises(OutputError, match=r"a\.mp4: File too large; .*another disk"):
            list(write_overlay(tmp_path / "a.mp4", noise, [square()] * 10, frame_rate=Fraction(24)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"earlier"


def test_a_picture_that_cannot_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    def fill_the_disk(self, path, **_):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fill_the_disk)
    with pytest.raises(OutputError, match="No space left"):
        write_picture(tmp_path / "a.png", grey())
    assert list(tmp_path.iterdir()) == []
