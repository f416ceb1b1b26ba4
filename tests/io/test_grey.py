"""Grey with more than 8 bits: in folders, stacks and videos."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from rotoline.errors import InputError
from rotoline.io.frames import FrameSource, open_frames
from rotoline.io.grey import fit_grey_range, show_grey

LOW, HIGH = 200, 1100


def camera(index: int) -> np.ndarray:
    """A ramp of 12 bits from 200 to at most 1,100, darker in every frame, uint16 (48, 64)."""
    ramp = np.linspace(0, 1, 48 * 64).reshape(48, 64)
    return np.round(LOW + (HIGH - LOW) * ramp * (1 - index / 20)).astype(np.uint16)


def write_folder(path: Path, ending: str) -> Path:
    path.mkdir()
    for index in range(6):
        Image.fromarray(camera(index)).save(path / f"{index}.{ending}")
    return path


def write_stack(path: Path) -> Path:
    first, *others = (Image.fromarray(camera(index)) for index in range(6))
    first.save(path, save_all=True, append_images=others)
    return path


def write_grey_video(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "gray16le"
        for index in range(6):
            frame = av.VideoFrame.from_ndarray(camera(index), format="gray16le")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(params=["png", "tif", "stack", "video"])
def make_source(request, tmp_path):
    """A function that opens the same sequence as a folder, a stack and a video."""

    def make(**options) -> FrameSource:
        if request.param == "stack":
            path = write_stack(tmp_path / "a.tif")
        elif request.param == "video":
            path = write_grey_video(tmp_path / "a.mkv")
        else:
            path = write_folder(tmp_path / "frames", request.param)
        return open_frames(path, **options)

    return make


def test_the_contrast_is_fitted_to_the_sequence_and_not_to_each_frame(make_source):
    source = make_source()
    low, high = source.reading["grey_range"]
    assert (low, high) == pytest.approx((LOW, HIGH), abs=2)
    frames = list(source)
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(frame, show_grey(camera(index), (low, high)))
    assert frames[0].max() == 255
    assert len(np.unique(frames[0])) == 256
    assert frames[5].max() == pytest.approx(255 * 0.75, abs=2)  # darker, as it was recorded
    for index, frame in source.backwards(6):
        np.testing.assert_array_equal(frame, frames[index])


def test_a_range_that_is_given_is_used(make_source):
    source = make_source(grey_range=(0, 65_535))
    assert source.reading["grey_range"] == [0, 65_535]
    np.testing.assert_array_equal(next(iter(source))[..., 0], (camera(0).astype(int) + 128) // 257)


def test_a_range_that_makes_no_sense_is_refused(make_source, tmp_path):
    with pytest.raises(InputError, match=r"goes from 9 to 9; it needs a lower and then a higher"):
        make_source(grey_range=(9, 9))
    (tmp_path / "eight").mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "eight" / "a.png")
    with pytest.raises(InputError, match=r"more than 8 bits, so there is no grey range"):
        open_frames(tmp_path / "eight", grey_range=(0, 9))


def test_faulty_pixels_do_not_decide_the_range_but_small_and_thin_objects_do():
    noise = np.random.default_rng(0).integers(200, 210, (400, 400))
    faulty = noise.copy()
    faulty[50::100, 50::100] = 65_535
    faulty[20, 20] = 0
    assert fit_grey_range([faulty]) == fit_grey_range([noise]) == (200, 209)
    particles = noise.copy()
    particles[50::100, 50::100] = particles[51::100, 50::100] = 1000
    particles[50::100, 51::100] = particles[51::100, 51::100] = 1000
    assert fit_grey_range([particles]) == (200, 1000)
    line = noise.copy()
    line[200] = 1000
    assert fit_grey_range([noise, line]) == (200, 1000)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 2)])
def test_the_smallest_pictures_have_a_range(shape):
    assert fit_grey_range([np.full(shape, 7, np.uint16)]) == (7, 8)
