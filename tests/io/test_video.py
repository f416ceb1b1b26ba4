import contextlib
import gc
import io
import re
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image

from rotoline.errors import InputError
from rotoline.io.decoding import upright
from rotoline.io.frames import open_frames
from rotoline.io.gif import count_pictures
from rotoline.io.video import VideoFile

LONG_GOP = {"g": "250", "bf": "3"}
SHORT_GOP = {"g": "12", "bf": "3"}


def moving(index: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """A textured picture with a disc that moves, so that no two frames are alike."""
    rows, cols = np.mgrid[: size[0], : size[1]]
    disc = (cols - 10 - index % 40) ** 2 + (rows - 24) ** 2 < 80
    blue = np.where(disc, 255, rows * cols + index)
    channels = (cols * 4 + index * 3, rows * 5 + index * 7, blue)
    return np.stack([channel % 256 for channel in channels], axis=-1).astype(np.uint8)


def write_video(
    path: Path,
    pictures: Iterable[np.ndarray],
    options: dict | None = None,
    codec: str = "libx264",
    milliseconds: Sequence[int] = (),
    rotation: int = 0,
    pixel_shape: Fraction = Fraction(1),
) -> Path:
    """Write a video at 25 frames a second, or with the given times."""
    pictures = list(pictures)
    muxing = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=muxing) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.sample_aspect_ratio = pixel_shape
        if rotation:
            stream.set_display_rotation(rotation)
        if milliseconds:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if milliseconds:
                frame.pts, frame.time_base = milliseconds[index], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_moving(path: Path, count: int, *arguments, **options) -> Path:
    return write_video(path, map(moving, range(count)), *arguments, **options)


def overwrite(path: Path, packet: int, offset: int, new: bytes) -> None:
    """Damage one packet of a video: write `new` over it, from `offset` on."""
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    begin, size = packets[packet]
    new = new[: size - offset]
    data = bytearray(path.read_bytes())
    data[begin + offset : begin + offset + len(new)] = new
    path.write_bytes(data)


def cut(path: Path, fraction: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])


def check_backwards(source: VideoFile, start: int) -> None:
    forwards = list(source)
    backwards = list(source.backwards(start))
    assert [index for index, _ in backwards] == list(range(start))[::-1]
    for index, frame in backwards:
        np.testing.assert_array_equal(frame, forwards[index])


# Frames, forwards and backwards


def test_frames_come_in_order_and_each_iteration_starts_again(tmp_path):
    pictures = [np.full((48, 64, 3), 10 * index, np.uint8) for index in range(20)]
    source = open_frames(write_video(tmp_path / "a clip ü.mp4", pictures))
    assert (source.size, source.count, source.frame_rate) == ((48, 64), 20, 25)
    for _ in range(2):
        for index, frame in enumerate(source):
            assert frame.dtype == np.uint8
            assert abs(frame.mean() - 10 * index) < 4
    assert source.problem is None


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("long-gop.mp4", "libx264", LONG_GOP),
        ("short-gop.mkv", "libx264", SHORT_GOP),
        ("open-gop.mp4", "libx264", {**SHORT_GOP, "x264-params": "open-gop=1:b-adapt=0"}),
        ("late-seeks.ts", "libx264", SHORT_GOP),
        ("shifted-stamps.avi", "mpeg4", {"g": "12", "bf": "2"}),
        ("no-stamps.h264", "libx264", SHORT_GOP),
        ("few-frames.gif", "gif", {}),
    ],
)
@pytest.mark.slow
def test_backwards_is_bit_identical_to_forwards(tmp_path, name, codec, options):
    source = VideoFile(write_moving(tmp_path / name, 75, options, codec))
    check_backwards(source, 75)


def test_backwards_needs_no_forward_pass_before(tmp_path):
    source = VideoFile(write_moving(tmp_path / "a.mp4", 40, LONG_GOP))
    frames = dict(source.backwards(35))
    assert list(frames) == list(range(35))[::-1]
    np.testing.assert_array_equal(frames[20], list(source)[20])
    assert list(source.backwards(0)) == []


def test_backwards_seeks_instead_of_decoding_everything_again(tmp_path, monkeypatch):
    source = VideoFile(write_moving(tmp_path / "a.mp4", 75, LONG_GOP))
    list(source)
    decoded = []
    decode_all = VideoFile._select_from_start
    monkeypatch.setattr(
        VideoFile,
        "_select_from_start",
        lambda self, indices: decoded.append(indices) or decode_all(self, indices),
    )
    assert len(list(source.backwards(75))) == 75
    assert decoded == [range(11)]  # the beginning itself


def test_frames_that_look_different_after_seeking_are_decoded_from_the_beginning(
    tmp_path, monkeypatch
):
    source = VideoFile(write_moving(tmp_path / "a.mp4", 40, SHORT_GOP))
    forwards = list(source)
    passes = []
    decode_all = VideoFile._select_from_start
    monkeypatch.setattr(
        VideoFile,
        "_select_from_start",
        lambda self, indices: passes.append(1) or decode_all(self, indices),
    )
    monkeypatch.setattr("rotoline.io.video.zlib", SimpleNamespace(crc32=lambda frame: -1))
    for index, frame in source.backwards(40):
        np.testing.assert_array_equal(frame, forwards[index])
    assert passes


def test_single_frames_equal_those_of_an_iteration(tmp_path):
    source = VideoFile(write_moving(tmp_path / "a.mp4", 20))
    frames = source.read([15, 3])
    forwards = list(source)
    assert sorted(frames) == [3, 15]
    for index, frame in frames.items():
        np.testing.assert_array_equal(frame, forwards[index])
    assert source.read([]) == {}
    for missing in (20, -1):
        with pytest.raises(InputError, match=f"no frame {missing}, it has 20 frames"):
            source.read([0, missing])
    with pytest.raises(InputError, match="no frame 20"):
        next(source.backwards(21))


# Names and times


def test_frames_are_named_by_index(tmp_path):
    source = VideoFile(write_moving(tmp_path / "a.mp4", 12))
    assert source.name(7) == "00007"
    assert source.find("00007") == source.find("7") == 7
    for missing in ("12", "-1", "x", "7.0", "²", "", "9" * 5000):
        assert source.find(missing) is None


def test_an_uncounted_video_learns_its_length_at_the_end(tmp_path):
    source = VideoFile(write_moving(tmp_path / "a.h264", 12))
    assert source.count is None
    assert source.find("500") == 500
    list(source)
    assert source.count == 12
    assert source.find("500") is None


def test_a_variable_frame_rate_keeps_its_times(tmp_path):
    times = [0, 40, 160, 200, 320, 1000, 1040, 1080]
    for name in ("a.mkv", "a.mp4"):
        source = VideoFile(write_moving(tmp_path / name, len(times), milliseconds=times))
        assert source.time(5) is None  # not decoded yet
        list(source)
        assert [source.time(index) for index in range(len(times))] == [t / 1000 for t in times]
        assert source.problem is None
        check_backwards(source, len(times))


# Frames that the file promises and does not give


def remux(path: Path, keep: Callable[[av.Packet], bool], target: Path) -> Path:
    """Copy the packets of a video that are to be kept."""
    with av.open(str(path)) as container, av.open(str(target), "w") as copy:
        stream = copy.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.dts is not None and keep(packet):
                packet.stream = stream
                copy.mux(packet)
    return target


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.ts"])
def test_a_frame_that_is_missing_in_the_middle_is_reported(tmp_path, name):
    whole = write_moving(tmp_path / "whole.mkv", 12, {"g": "1"})
    kept = remux(whole, lambda packet: packet.pts != 200, tmp_path / name)
    source = VideoFile(kept)
    assert len(list(source)) == 11
    # Transport streams do not begin at 0.
    assert re.search(r"jumps in time from .* \(frame 4\) to .* \(frame 5\)", source.problem)
    check_backwards(source, 11)


def test_a_last_frame_that_is_missing_is_reported(tmp_path):
    path = write_moving(tmp_path / "a.mkv", 12, {"g": "1"})
    with av.open(str(path)) as container:
        *_, last = (packet for packet in container.demux(video=0) if packet.size)
        begin = last.pos
    path.write_bytes(path.read_bytes()[:begin])
    source = VideoFile(path)
    assert len(list(source)) == 11
    assert "ended after 11 of 12 frames" in source.problem


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_a_video_cut_before_its_first_keyframe_says_that_its_start_is_missing(tmp_path, name):
    whole = write_moving(tmp_path / "whole.mp4", 60, {"g": "12", "bf": "0", "sc_threshold": "0"})
    source = VideoFile(remux(whole, lambda packet: packet.pts >= 20 * 512, tmp_path / name))
    np.testing.assert_array_equal(list(source), list(VideoFile(whole))[24:])
    assert "begins 0.160 s after its start, with 36 of 40 frames" in source.problem
    assert "ended" not in source.problem


def test_frames_that_a_damaged_index_hides_are_reported(tmp_path):
    path = write_moving(tmp_path / "a.mp4", 12, {"bf": "0"})
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 12  # its duration, in milliseconds
    assert int.from_bytes(data[at : at + 4]) == 480
    data[at : at + 4] = (80).to_bytes(4)
    path.write_bytes(data)
    source = VideoFile(path)
    assert len(list(source)) == 2
    assert re.search(r"holds 10 more frames .*edit list.* 2 frames are read", source.problem)


def test_frames_that_a_damaged_index_hides_at_the_start_are_reported(tmp_path):
    path = write_moving(tmp_path / "a.mp4", 12, {"bf": "2"})
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 16  # where it begins, in ticks
    begin = int.from_bytes(data[at : at + 4])
    data[at : at + 4] = (begin + 1024).to_bytes(4)
    path.write_bytes(data)
    source = VideoFile(path)
    assert len(list(source)) == 10
    assert "ended after 10 of 12 frames" in source.problem


@pytest.mark.parametrize(
    "milliseconds",
    [
        [0, 40, 160, 200, 320, 1000, 1040, 1080],
        [at * at * 10 for at in range(12)],
        [50 * at + 7 * (at % 3) for at in range(12)],
        [40 * at if at < 6 else 240 + 80 * (at - 6) for at in range(12)],
        [round(at * 1001 / 30) for at in range(12)],
    ],
)
def test_a_variable_frame_rate_is_no_loss(tmp_path, milliseconds):
    for name in ("a.mkv", "a.mp4"):
        path = write_moving(tmp_path / name, len(milliseconds), milliseconds=milliseconds)
        source = VideoFile(path)
        assert len(list(source)) == len(milliseconds)
        assert source.problem is None


def test_an_avi_with_empty_frames_is_complete(tmp_path):
    stamps = [0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for stamp in stamps:
            frame = av.VideoFrame.from_ndarray(moving(stamp), format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    source = VideoFile(path)
    assert len(list(source)) == len(stamps)
    assert source.problem is None


# Turned pictures


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
def test_a_rotated_video_is_delivered_upright(tmp_path, degrees):
    if not hasattr(av.video.stream.VideoStream, "set_display_rotation"):
        pytest.skip("this PyAV cannot write a display matrix")
    source = VideoFile(write_moving(tmp_path / "a.mp4", 3, rotation=degrees))
    with av.open(str(tmp_path / "a.mp4")) as container:
        coded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    for frame, picture in zip(source, coded, strict=True):
        np.testing.assert_array_equal(frame, np.rot90(picture, degrees // 90))
        assert frame.shape[:2] == source.size
        assert frame.flags.c_contiguous


@pytest.mark.parametrize(("degrees", "expected"), [(0, "64/45"), (90, "45/64"), (180, "64/45")])
def test_the_shape_of_pixels_is_that_of_the_upright_picture(tmp_path, degrees, expected):
    path = write_moving(tmp_path / "a.mp4", 2, rotation=degrees, pixel_shape=Fraction(64, 45))
    assert VideoFile(path).pixel_shape == Fraction(expected)
    assert VideoFile(write_moving(tmp_path / "b.mp4", 2)).pixel_shape == 1


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((1, 0, 0, 1), [[1, 2, 3], [4, 5, 6]]),
        ((0, 1, -1, 0), [[4, 1], [5, 2], [6, 3]]),
        ((-1, 0, 0, -1), [[6, 5, 4], [3, 2, 1]]),
        ((0, -1, 1, 0), [[3, 6], [2, 5], [1, 4]]),
        ((-1, 0, 0, 1), [[3, 2, 1], [6, 5, 4]]),
        ((0, 1, 1, 0), [[1, 4], [2, 5], [3, 6]]),
    ],
)
def test_a_display_matrix_turns_and_mirrors(matrix, expected):
    a, b, c, d = (65536 * value for value in matrix)
    picture = np.array([[1, 2, 3], [4, 5, 6]])[..., None]
    turned = upright(picture, np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30]))
    np.testing.assert_array_equal(turned[..., 0], expected)


# Damaged files, and files that are no videos


def test_damage_in_the_middle_ends_the_frames_and_says_so(tmp_path):
    path = write_moving(tmp_path / "a.mp4", 60, LONG_GOP)
    whole = list(VideoFile(path))
    overwrite(path, 30, 0, b"\xff" * 16)
    source = VideoFile(path)
    frames = list(source)
    assert 1 <= len(frames) < 60
    np.testing.assert_array_equal(frames[0], whole[0])
    assert f"stopped after {len(frames)} of 60 frames: damaged" in source.problem
    check_backwards(source, len(frames))
    with pytest.raises(InputError, match=r"no frame 59.*damaged"):
        source.read([59])


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_file_that_was_cut_off_says_so(tmp_path, name):
    path = write_moving(tmp_path / name, 60, SHORT_GOP)
    cut(path, 0.66)
    source = VideoFile(path)
    assert source.count == 60
    assert source.problem is None
    count = len(list(source))
    assert 20 < count < 60
    assert f"ended after {count} of 60 frames: cut off or damaged" in source.problem
    assert source.count == count


def test_frames_that_were_decoded_only_in_part_are_reported(tmp_path):
    path = write_moving(tmp_path / "a.mkv", 60, SHORT_GOP)
    overwrite(path, 11, 20, b"\xff" * 40)
    source = VideoFile(path)
    assert len(list(source)) == 60
    assert "could be decoded only in part" in source.problem


def test_frames_left_out_by_an_edit_list_are_not_reported_missing(tmp_path):
    whole = write_moving(tmp_path / "whole.mp4", 30, LONG_GOP)
    with (
        av.open(str(whole)) as container,
        av.open(str(tmp_path / "trimmed.mp4"), "w") as trimmed,
    ):
        stream = container.streams.video[0]
        copy = trimmed.add_stream_from_template(stream)
        skipped = round(10 / 25 / stream.time_base)
        for packet in container.demux(stream):
            if packet.dts is not None:
                packet.pts, packet.dts = packet.pts - skipped, packet.dts - skipped
                packet.stream = copy
                trimmed.mux(packet)
    source = VideoFile(tmp_path / "trimmed.mp4")
    expected = list(VideoFile(whole))[10:]
    np.testing.assert_array_equal(list(source), expected)
    assert source.problem is None
    check_backwards(source, 20)


def test_a_change_of_size_is_refused(tmp_path):
    for name, size in (("a.ts", (48, 64)), ("b.ts", (64, 80))):
        write_video(tmp_path / name, (moving(index, size) for index in range(5)))
    joined = tmp_path / "joined.ts"
    joined.write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    with pytest.raises(InputError, match=r"size at frame 5: from 48 x 64 to 64 x 80"):
        list(VideoFile(joined))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.mp4", b""),
        ("text.mp4", b"this is a text\n" * 50),
        ("random.mp4", np.random.default_rng(0).bytes(20_000)),
        ("text.txt", b"this is a text\n" * 50),
    ],
)
def test_files_that_are_no_videos_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name} is not a video"):
        open_frames(tmp_path / name)


@pytest.mark.parametrize("fraction", [0.02, 0.05, 0.1])
def test_an_mp4_that_ends_within_its_index_is_refused(tmp_path, fraction):
    path = write_moving(tmp_path / "a.mp4", 10)
    cut(path, fraction)
    with pytest.raises(InputError, match=r"a\.mp4 (is|holds) .*(copied|copy)"):
        VideoFile(path)


def test_a_file_with_sound_only_is_refused(tmp_path):
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match=r"a\.wav holds no video: WAV"):
        VideoFile(tmp_path / "a.wav")


def test_a_video_without_a_frame_that_decodes_is_refused(tmp_path):
    path = write_moving(tmp_path / "a.mp4", 1)
    overwrite(path, 0, 0, bytes(100_000))
    with pytest.raises(InputError, match="holds no frame that can be decoded"):
        VideoFile(path)


def test_playlists_and_single_pictures_are_refused_whatever_their_name(tmp_path):
    write_moving(tmp_path / "secret.ts", 5)
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.2,\nsecret.ts\n#EXT-X-ENDLIST\n"
    (tmp_path / "evil.m3u8").write_text(playlist)
    (tmp_path / "list.ffconcat").write_text("ffconcat version 1.0\nfile secret.ts\n")
    Image.fromarray(moving(0)).save(tmp_path / "picture.png")
    (tmp_path / "frame%02d.png").write_bytes((tmp_path / "picture.png").read_bytes())
    for name in ("evil.m3u8", "list.ffconcat", "picture.png", "frame%02d.png"):
        with pytest.raises(InputError, match=rf"{name} is not a video by itself"):
            open_frames(tmp_path / name)
    (tmp_path / "evil.m3u8").rename(tmp_path / "evil.mp4")
    with pytest.raises(InputError, match=r"evil\.mp4 is not a video"):
        open_frames(tmp_path / "evil.mp4")


def test_a_name_with_a_colon_is_a_file_and_no_address(tmp_path, monkeypatch):
    write_moving(tmp_path / "concat:a.mp4", 3)
    monkeypatch.chdir(tmp_path)
    assert len(list(VideoFile(Path("concat:a.mp4")))) == 3


def test_no_decoder_and_no_frame_waits_for_the_garbage_collector(tmp_path):
    path = write_moving(tmp_path / "a.mp4", 75, SHORT_GOP)
    gc.disable()
    try:
        before = len(list(Path("/proc/self/task").iterdir()))
        source = VideoFile(path)
        for _ in source.backwards(75):
            pass
        after = len(list(Path("/proc/self/task").iterdir()))
    finally:
        gc.enable()
    assert after <= before


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_motion_jpeg_with_exif_is_turned_as_the_picture_is(tmp_path, orientation, turns):
    """PyAV 18 raises ValueError where a frame has data of a kind that it does not know."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = io.BytesIO()
    Image.fromarray(moving(0)).save(stored, "JPEG", exif=exif, quality=100, subsampling=0)
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuvj420p"
        stream.encode(av.VideoFrame(64, 48, "yuvj420p"))
        for index in range(3):
            packet = av.Packet(stored.getvalue())
            packet.stream, packet.time_base = stream, Fraction(1, 10)
            packet.pts = packet.dts = index
            container.mux(packet)
    frames = list(VideoFile(path))
    plain = np.asarray(Image.open(stored))
    assert len(frames) == 3
    assert np.abs(frames[2].astype(int) - np.rot90(plain, turns)).mean() < 3


@pytest.mark.parametrize("damage", ["cut off", "a block", "the end mark"])
def test_a_gif_that_is_not_all_there_says_so(tmp_path, damage):
    path = write_moving(tmp_path / "a.gif", 12, codec="gif")
    assert count_pictures(path) == 12
    assert list_problems(path) is None
    data = bytearray(path.read_bytes())
    if damage == "cut off":
        del data[len(data) * 3 // 4 :]
    elif damage == "the end mark":
        del data[data.rindex(b";") :]
    else:  # the separator before a picture in the middle is lost, and FFmpeg stops there
        at = data.index(b"\0!\xf9\x04", len(data) // 2)
        data[at + 1 : at + 9] = bytes(8)
    path.write_bytes(data)
    assert "ended after" in list_problems(path)


@pytest.mark.parametrize("lost", [3, 11])
def test_a_frame_that_is_lost_from_an_avi_is_missed(tmp_path, lost):
    """The index does not fit, so it is made anew, from the frames that are left."""
    path = write_moving(tmp_path / "a.avi", 12, codec="mpeg4")
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(path.read_bytes())
    begin, size = packets[lost]
    data[begin - 8 : begin + size + size % 2] = bytes(8 + size + size % 2)
    path.write_bytes(data)
    assert "ended after 11" in list_problems(path)


def test_repeated_frames_of_an_avi_are_no_loss(tmp_path):
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for index in (0, 1, 2, 5, 6, 9):
            frame = av.VideoFrame.from_ndarray(moving(index))
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert list_problems(path) is None


def list_problems(path: Path) -> str | None:
    source = VideoFile(path)
    for _ in source:
        pass
    return source.problem


def test_streams_without_a_size_are_no_reason_to_crash(tmp_path):
    path = write_moving(tmp_path / "a.mkv", 6, codec="ffv1")
    data = path.read_bytes()
    size = bytes([0xB0, 0x81, 64, 0xBA, 0x81, 48])  # PixelWidth and PixelHeight
    assert size in data
    path.write_bytes(data.replace(size, bytes([0xB0, 0x81, 0, 0xBA, 0x81, 0])))
    with contextlib.suppress(InputError):
        VideoFile(path)


# Several streams


def write_streams(path: Path, *streams: tuple[str, tuple[int, int], int]) -> Path:
    """Write streams of the given codec, size and number of frames at 10 frames a second."""
    with av.open(str(path), "w") as container:
        made = []
        for codec, size, _ in streams:
            stream = container.add_stream(codec, rate=10)
            stream.height, stream.width = size
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            made.append(stream)
        for stream, (_, size, count) in zip(made, streams, strict=True):
            for index in range(count):
                frame = av.VideoFrame.from_ndarray(moving(index, size), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize(
    "other", [("mjpeg", (48, 64), 1), ("mjpeg", (96, 128), 2), ("libx264", (24, 32), 8)]
)
def test_a_thumbnail_or_preview_is_not_the_video_wherever_it_is(tmp_path, ending, other):
    video = ("libx264", (48, 64), 8)
    for order in ((other, video), (video, other)):
        source = VideoFile(write_streams(tmp_path / f"a.{ending}", *order))
        assert source.stream == order.index(video)
        assert (source.size, len(list(source)), source.problem) == ((48, 64), 8, None)
        check_backwards(source, 8)


def test_two_videos_in_a_file_are_refused_unless_one_is_chosen(tmp_path):
    path = write_streams(
        tmp_path / "a.mkv", ("libx264", (48, 64), 8), ("mpeg4", (64, 48), 8), ("mjpeg", (48, 64), 1)
    )
    with pytest.raises(InputError, match=r"2 videos .*0 \(48 x 64.*1 \(64 x 48.*--stream 0"):
        open_frames(path)
    assert open_frames(path, stream=1).size == (64, 48)
    assert len(list(open_frames(path, stream=2))) == 1
    with pytest.raises(InputError, match=r"no video stream 7; its video streams are 0 .*, 1 .*, 2"):
        open_frames(path, stream=7)
    with pytest.raises(InputError, match="folder of pictures, so there is no stream 0"):
        open_frames(tmp_path, stream=0)


def test_a_cover_picture_is_not_the_video(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=25)
        cover.height, cover.width, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        small = av.VideoFrame.from_ndarray(moving(0, (32, 32)), format="rgb24")
        container.mux([*cover.encode(small), *cover.encode(None)])
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(moving(index), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 2
    assert VideoFile(path).size == (48, 64)
