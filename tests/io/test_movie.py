"""Video files that are written: every picture, at its time."""

from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest

from rotoline.errors import InputError, OutputError
from rotoline.io.movie import Movie, check_size, h264
from rotoline.io.video import VideoFile

SIZE = (48, 64)


def grey(value=100, size=SIZE):
    return np.full((*size, 3), value, np.uint8)


def frames_like(size=SIZE, frame_rate=Fraction(24), time=lambda _: None, pixel_shape=Fraction(1)):
    return SimpleNamespace(size=size, frame_rate=frame_rate, time=time, pixel_shape=pixel_shape)


def write(path, pictures, **like):
    movie = Movie(path, h264(), frames_like(**like))
    try:
        for index, picture in enumerate(pictures):
            movie.write_picture(index, picture)
        movie.finish()
    finally:
        movie.close()


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30000, 1001), Fraction(125, 9)])
def test_a_video_shows_every_frame_at_the_frame_rate(tmp_path, rate):
    write(tmp_path / "a b.mp4", [grey(10 * index) for index in range(10)], frame_rate=rate)
    with av.open(str(tmp_path / "a b.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == rate
        assert stream.duration * stream.time_base == 10 / rate
    source = VideoFile(tmp_path / "a b.mp4")
    for index, frame in enumerate(source):
        assert abs(frame.mean() - 10 * index) < 4
    assert source.problem is None
    assert [path.name for path in tmp_path.iterdir()] == ["a b.mp4"]


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(6250, 437)])
def test_times_of_a_variable_frame_rate_are_kept(tmp_path, rate):
    times = [0.0, 0.04, 0.16, 0.2, 0.32, 1.0, 1.033]
    write(tmp_path / "a.mp4", [grey()] * 7, frame_rate=rate, time=times.__getitem__)
    source = VideoFile(tmp_path / "a.mp4")
    list(source)
    assert [source.time(index) for index in range(len(times))] == pytest.approx(times, abs=1e-6)


def test_frames_without_a_usable_time_follow_one_another(tmp_path):
    times = [0.0, None, 0.5, 0.5, 0.4]
    write(tmp_path / "a.mp4", [grey()] * 5, time=times.__getitem__)
    source = VideoFile(tmp_path / "a.mp4")
    assert len(list(source)) == 5
    written = [source.time(index) for index in range(5)]
    assert written[1:3] == pytest.approx([1 / 24, 0.5])
    assert written == sorted(set(written))


def test_times_in_milliseconds_follow_the_constant_rate_that_they_were_rounded_from(tmp_path):
    rate = Fraction(24000, 1001)
    write(tmp_path / "a.mp4", [grey()] * 50, frame_rate=rate)
    with av.open(tmp_path / "a.mp4") as source, av.open(str(tmp_path / "a.mkv"), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    coarse = VideoFile(tmp_path / "a.mkv")
    list(coarse)
    assert coarse.time(1) == 0.042
    movie = Movie(tmp_path / "b.mp4", h264(), coarse)
    for index, picture in enumerate(coarse):
        movie.write_picture(index, picture)
    movie.finish()
    movie.close()
    with av.open(tmp_path / "b.mp4") as container:
        times = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    assert times == [index / rate for index in range(50)]


def test_odd_sizes_grow_by_their_edge(tmp_path):
    write(tmp_path / "a.mp4", [grey(0, (47, 63))] * 3, size=(47, 63))
    (frame, *_) = VideoFile(tmp_path / "a.mp4")
    assert frame.shape == (48, 64, 3)
    assert frame.max() < 8


@pytest.mark.parametrize("encoder", ["libx264", "mpeg4"])
def test_pixels_that_are_not_square_stay_so(tmp_path, monkeypatch, encoder):
    monkeypatch.setattr("av.codecs_available", {encoder})
    write(tmp_path / "a.mp4", [grey()] * 3, pixel_shape=Fraction(64, 45))
    assert VideoFile(tmp_path / "a.mp4").pixel_shape == Fraction(64, 45)


def test_without_an_h264_encoder_mpeg4_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("av.codecs_available", {"mpeg4"})
    times, rate = [0.0, 0.04, 0.16], Fraction(30000, 1001)
    write(tmp_path / "a.mp4", [grey()] * 3, frame_rate=rate, time=times.__getitem__)
    source = VideoFile(tmp_path / "a.mp4")
    assert len(list(source)) == 3
    assert [source.time(index) for index in range(3)] == pytest.approx(times, abs=1e-4)


def test_videos_that_cannot_be_made_leave_nothing_behind(tmp_path):
    with pytest.raises(InputError, match="frames differ in size"):
        write(tmp_path / "a.mp4", [grey(), grey(size=(40, 64))])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match=r"nowhere.*create the folder"):
        write(tmp_path / "nowhere" / "a.mp4", [grey()])
    with pytest.raises(InputError, match=r"20000 x 1 .* too long for a\.mp4, .*16384 pixels"):
        check_size((20000, 1), h264(), "a.mp4")


def test_a_full_disk_leaves_the_earlier_video_and_nothing_else(tmp_path):
    resource = pytest.importorskip("resource")
    (tmp_path / "a.mp4").write_bytes(b"earlier")
    noise = np.random.default_rng(0).integers(0, 256, (10, *SIZE, 3), dtype=np.uint8)
    # A limit on the size of files fails like a full disk, in the middle of writing.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
    try:
        with pytest.raises(OutputError, match=r"a\.mp4: File too large; .*another disk"):
            write(tmp_path / "a.mp4", noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"earlier"
