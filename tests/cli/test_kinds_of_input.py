"""`rotoline segment` with files that are not plain: what is read, said and recorded."""

import json
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from rotoline.io.masks import read_labels, write_mask

QUICK = ["--set", "working_pixels=24576", "--tune", "0"]


@pytest.fixture
def segment(call, tmp_path):
    """A function that segments into `out` and returns the result and the record."""

    def run(source, *more):
        out = tmp_path / "out"
        result = call(
            "segment", source, "--masks", tmp_path / "first.png", "--output", out, *QUICK, *more
        )
        record = out / "run.json"
        return result, json.loads(record.read_text()) if record.exists() else {}

    return run


@pytest.mark.slow
def test_stream_lost_frame_and_pixel_shape_of_a_video(make_clip, tmp_path, segment, words_of):
    pictures, labels = make_clip(frames=12)
    write_mask(tmp_path / "first.png", labels[0])
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        cover, stream = (container.add_stream(name, rate=10) for name in ("mjpeg", "libx264"))
        for one in (cover, stream):
            one.height, one.width = labels[0].shape
            one.pix_fmt = "yuvj420p" if one is cover else "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(64, 45)
        frame = av.VideoFrame.from_ndarray(np.zeros_like(pictures[0]))
        container.mux([*cover.encode(frame), *cover.encode(None)])
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture)
            frame.pts, frame.time_base = index, Fraction(1, 10)
            if index != 5:
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    result, record = segment(path)
    assert result.exit_code == 0, result.output
    assert record["frames"] == 11
    assert record["input"]["stream"] == 1
    assert "jumps in time from 0.400 s (frame 4) to 0.600 s (frame 5)" in record["problem"]
    assert "jumps in time" in words_of(result)
    with av.open(str(tmp_path / "out" / "overlay.mp4")) as overlay:
        assert overlay.streams.video[0].sample_aspect_ratio == Fraction(64, 45)


@pytest.mark.slow
def test_twelve_bits_in_files_of_sixteen(make_clip, tmp_path, segment, overlap):
    pictures, labels = make_clip()
    write_mask(tmp_path / "first.png", labels[0])
    frames = tmp_path / "frames"
    frames.mkdir()
    for index, picture in enumerate(pictures):
        grey = np.asarray(Image.fromarray(picture).convert("L")) / 255
        Image.fromarray((200 + 900 * grey).astype(np.uint16)).save(frames / f"{index}.tif")
    result, record = segment(frames)
    assert result.exit_code == 0, result.output
    low, high = record["input"]["grey_range"]
    assert 200 <= low < high <= 1100
    last = read_labels(tmp_path / "out" / "masks" / "5.png")
    assert overlap(last, labels[5], 1) > 0.8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--stream", "0"], "is a folder of pictures, so there is no stream 0"),
        (["--grey-range", "5", "9"], "there is no grey range to choose"),
    ],
)
def test_options_that_do_not_fit_the_input_are_refused(
    clip_folder, tmp_path, segment, words_of, options, message
):
    result, record = segment(clip_folder[0], *options)
    assert result.exit_code == 2
    assert message in words_of(result)
    assert record == {}


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 20_000), (20_000, 1)])
def test_frames_of_one_line_are_segmented(tmp_path, segment, words_of, size):
    generator = np.random.default_rng(0)
    frame = generator.integers(0, 64, (*size, 3), dtype=np.uint8)
    mask = np.zeros(size, np.uint8)
    mask.reshape(-1)[5000:9000] = 1
    frame[mask > 0] += 150
    (tmp_path / "frames").mkdir()
    for index in range(2):
        Image.fromarray(frame).save(tmp_path / "frames" / f"{index}.png")
    write_mask(tmp_path / "first.png", mask)
    result, _ = segment(tmp_path / "frames")
    assert result.exit_code == 2
    assert "at most 16384 pixels a side; write only the masks, as png" in words_of(result)
    assert not (tmp_path / "out").exists()
    result, _ = segment(tmp_path / "frames", "--format", "png")
    assert result.exit_code == 0, result.output
    found = read_labels(tmp_path / "out" / "masks" / "1.png")
    assert (found & mask).sum() / (found | mask).sum() > 0.9
