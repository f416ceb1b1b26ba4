"""What input may ask for: each limit refuses in a moment, by its name, and says how to raise it."""

import struct
import time
import zlib

import av
import numpy as np
import pytest
from PIL import Image

from rotoline.config import read_config
from rotoline.errors import ConfigError, InputError
from rotoline.io.frames import open_frames
from rotoline.io.masks import read_annotations, read_mask
from rotoline.limits import DEFAULT_LIMITS, MOST_PIXELS, Limits
from rotoline.presets import FAST


@pytest.fixture(autouse=True)
def _quick():
    began = time.process_time()
    yield
    assert time.process_time() - began < 5


def write_bomb(path, height=13_000, width=13_000, bits=16):
    """A grey PNG of one value in a few kilobytes, without holding its pixels."""

    def chunk(name, data):
        checksum = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)

    packer = zlib.compressobj(1)
    row = bytes(1 + min(width, 20_000) * bits // 8)
    rows = b"".join(packer.compress(row) for _ in range(min(height, 100)))
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", rows + packer.flush()) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path


def test_the_defaults_take_8k_and_refuse_more():
    DEFAULT_LIMITS.check_size("a frame", 4320, 8192)
    DEFAULT_LIMITS.check_count("a video", 10_000)
    with pytest.raises(InputError, match=r"8192 x 8192 .* limits.pixels .* limits.pixels=67108864"):
        DEFAULT_LIMITS.check_size("a frame", 8192, 8192)


def test_a_large_picture_is_refused_before_it_is_decoded(tmp_path):
    write_bomb(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"limits.pixels"):
        open_frames(tmp_path)
    with pytest.raises(InputError, match=r"limits.pixels"):
        read_mask(tmp_path / "a.png")
    write_bomb(tmp_path / "a.png", 8192, 8192)
    with pytest.raises(InputError, match=r"8192 x 8192 .* limits.pixels accepts 40,000,000"):
        open_frames(tmp_path)


@pytest.mark.parametrize("side", [20_000, 2**31 - 1])
def test_no_limit_allows_what_pillow_refuses(tmp_path, side):
    write_bomb(tmp_path / "a.png", side, side)
    with pytest.raises(InputError):
        open_frames(tmp_path, limits=Limits(pixels=MOST_PIXELS))


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.avi", "mjpeg"), ("a.mkv", "ffv1")]
)
def test_a_video_with_large_frames_is_refused_by_its_size(tmp_path, name, codec):
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = 96, 128, pixels
        container.mux([*stream.encode(av.VideoFrame(128, 96, pixels)), *stream.encode(None)])
    with pytest.raises(InputError, match=r"96 x 128 = 12,288 pixels .* limits.pixels accepts 12"):
        open_frames(tmp_path / name, limits=Limits(pixels=12_287))
    assert open_frames(tmp_path / name, limits=Limits(pixels=12_288)).size == (96, 128)


def test_a_raised_limit_holds_for_frames_and_masks(tmp_path, monkeypatch):
    folder = tmp_path / "frames"
    folder.mkdir()
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(folder / "a.png")
    Image.fromarray(np.eye(40, 50, dtype=np.uint8)).save(tmp_path / "a.png")
    low, enough = Limits(pixels=1999), Limits(pixels=2000)
    with pytest.raises(
        InputError, match=r"--set limits.pixels=2000 \(from Python: rotoline.Limits"
    ):
        open_frames(folder, limits=low)
    source = open_frames(folder, limits=enough)
    assert source.read([0])[0].shape == (40, 50, 3)
    assert read_annotations(tmp_path / "a.png", source, limits=enough).labels[0].any()
    with pytest.raises(InputError, match=r"limits.pixels"):
        read_annotations(tmp_path / "a.png", source, limits=low)


def test_too_many_pictures_of_a_folder_or_a_file_are_refused(tmp_path):
    pictures = [Image.fromarray(np.full((8, 8), level, np.uint8)) for level in range(3)]
    pictures[0].save(tmp_path / "a.tif", save_all=True, append_images=pictures[1:])
    (tmp_path / "frames").mkdir()
    for index, picture in enumerate(pictures):
        picture.save(tmp_path / "frames" / f"{index}.png")
    for path in (tmp_path / "frames", tmp_path / "a.tif"):
        with pytest.raises(InputError, match=r"limits.frames accepts 2; .* limits.frames=3"):
            open_frames(path, limits=Limits(frames=2))
        assert open_frames(path, limits=Limits(frames=3)).count == 3


def test_a_settings_file_that_would_take_all_memory_is_refused(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("a." * 50_000 + "b = 1\n")
    with pytest.raises(ConfigError, match=r"100,006 bytes, and limits.settings_bytes accepts"):
        read_config(FAST, path, [])
    path.write_text("a." * 4_000 + "b = 1\n")
    with pytest.raises(ConfigError):
        read_config(FAST, path, [])


def test_a_limit_on_the_file_is_raised_before_the_file_is_read(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("# a long comment\n" * 2_000 + "working_pixels = 200000\n")
    config = read_config(FAST, path, ["limits.settings_bytes=100000"])
    assert config.working_pixels == 200_000
    assert config.limits.settings_bytes == 100_000
    endless = tmp_path / "endless.json"
    endless.write_text('{"config": {}}' + " " * 100)
    with pytest.raises(ConfigError, match=r"limits.text_bytes accepts 50"):
        read_config(FAST, endless, ["limits.text_bytes=50"])
