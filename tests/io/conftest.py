"""Mask files and videos."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def save(tmp_path):
    """A function that saves pixels in `tmp_path` and returns the path."""

    def save_mask(name: str, pixels: np.ndarray, palette: bytes | None = None) -> Path:
        image = Image.fromarray(pixels)
        if palette is not None:
            image.putpalette(palette)
        image.save(tmp_path / name)
        return tmp_path / name

    return save_mask


@pytest.fixture(scope="session")
def moving():
    """A function: a textured picture with a disc that moves, so that no two frames are alike."""

    def draw(index: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
        rows, cols = np.mgrid[: size[0], : size[1]]
        disc = (cols - 10 - index % 40) ** 2 + (rows - 24) ** 2 < 80
        channels = (cols * 4 + index * 3, rows * 5 + index * 7, np.where(disc, 255, rows * cols))
        return np.stack([channel % 256 for channel in channels], axis=-1).astype(np.uint8)

    return draw


@pytest.fixture(scope="session")
def make_video(moving):
    """A function that writes a video of `moving` at 25 frames a second, a keyframe every 12.

    `change` is called with the stream before it is opened; `times` are those of the frames, in
    units of 1/1000 s; `layout` is the pixel format that frames are given in.
    """

    def write(path, count=40, codec="libx264", change=None, times=None, layout="rgb24", **options):
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=25, options={"g": "12", **options})
            stream.height, stream.width = 48, 64
            stream.pix_fmt = "yuv420p"
            stream.codec_context.thread_count = 1
            stream.codec_context.time_base = Fraction(1, 1000)
            if change:
                change(stream)
            for index in range(count):
                frame = av.VideoFrame.from_ndarray(moving(index), format="rgb24")
                if layout != "rgb24":
                    frame = frame.reformat(format=layout)
                frame.pts, frame.time_base = (
                    times[index] if times else 40 * index,
                    Fraction(1, 1000),
                )
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return write
