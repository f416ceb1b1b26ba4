from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from rotoline.errors import InputError
from rotoline.io.frames import open_frames


def pictures(count: int, size: tuple[int, int] = (24, 32)) -> list[np.ndarray]:
    """Flat pictures, so that no compression changes them much."""
    return [np.full((*size, 3), (20 * index, 200, 90), np.uint8) for index in range(count)]


def save(path: Path, frames: list[np.ndarray], **options) -> Path:
    first, *others = map(Image.fromarray, frames)
    first.save(path, save_all=True, append_images=others, **options)
    return path


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_a_damaged_avif_is_refused(tmp_path):
    """Pillow raises RuntimeError."""
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 256, (12, 48, 64, 3), dtype=np.uint8)
    first, *rest = [Image.fromarray(picture) for picture in noise]
    first.save(tmp_path / "a.avif", save_all=True, append_images=rest)
    data = bytearray((tmp_path / "a.avif").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = bytes(2000)
    (tmp_path / "a.avif").write_bytes(data)
    with pytest.raises(InputError, match="cannot be read"):
        list(open_frames(tmp_path / "a.avif"))


@pytest.mark.parametrize("ending", ["tif", "webp", "avif"])
def test_the_pictures_of_one_file_are_frames(tmp_path, ending):
    if ending == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    options = {} if ending == "tif" else {"duration": 100}
    expected = pictures(7)
    source = open_frames(save(tmp_path / f"a.{ending}", expected, **options))
    assert (source.count, source.size, source.problem) == (7, (24, 32), None)
    for _ in range(2):
        for frame, picture in zip(source, expected, strict=True):
            assert np.abs(frame.astype(int) - picture).max() <= 8  # lossy
    forwards = list(source)
    backwards = list(source.backwards(6))
    assert [index for index, _ in backwards] == [5, 4, 3, 2, 1, 0]
    for index, frame in [*backwards, *source.read([6, 2]).items()]:
        np.testing.assert_array_equal(frame, forwards[index])
    assert source.name(3) == "00003"
    assert (source.find("3"), source.find("00006"), source.find("7")) == (3, 6, None)
    with pytest.raises(InputError, match=r"7 frames, so there is no frame 7"):
        source.read([7])
    if ending != "tif":
        assert source.frame_rate == 10
        assert source.time(3) == pytest.approx(0.3)


def test_the_name_of_a_stack_does_not_matter(tmp_path):
    save(tmp_path / "a.tif", pictures(3)).rename(tmp_path / "a.lsm")
    assert open_frames(tmp_path / "a.lsm").count == 3


def test_pages_that_are_smaller_versions_of_others_are_no_frames(tmp_path):
    small = ImageFileDirectory_v2()
    small[254] = 1
    Image.fromarray(pictures(1)[0]).save(
        tmp_path / "a.tif",
        save_all=True,
        append_images=[_with_tag(pictures(1, (12, 16))[0], small)],
    )
    path = tmp_path / "a.tif"
    assert open_frames(path).count == 1


def _with_tag(picture: np.ndarray, tags: ImageFileDirectory_v2) -> Image.Image:
    image = Image.fromarray(picture)
    image.encoderinfo = {"tiffinfo": tags}
    return image


def test_pages_of_different_sizes_or_channels_are_refused(tmp_path):
    save(tmp_path / "sizes.tif", [*pictures(2), *pictures(1, (12, 16))])
    with pytest.raises(InputError, match=r"picture 0 is 24 x 32 and picture 2 is 12 x 16"):
        open_frames(tmp_path / "sizes.tif")
    descriptions = {
        "imagej": "ImageJ=1.54f\nimages=6\nchannels=2\nframes=3\nhyperstack=true\n",
        "ome": '<OME><Image><Pixels SizeC="2" SizeT="3" SizeZ="1"></Pixels></Image></OME>',
    }
    for name, text in descriptions.items():
        path = save(tmp_path / f"{name}.tif", pictures(6), tiffinfo={270: text})
        with pytest.raises(InputError, match=r"3 times with 2 channels and 1 slices"):
            open_frames(path)


def test_single_and_damaged_pictures_are_refused(tmp_path):
    save(tmp_path / "one.tif", pictures(1))
    with pytest.raises(InputError, match=r"one\.tif is not a video by itself.*single picture"):
        open_frames(tmp_path / "one.tif")
    whole = save(tmp_path / "a.webp", pictures(5)).read_bytes()
    (tmp_path / "a.webp").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a\.webp"):
        list(open_frames(tmp_path / "a.webp"))
