from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from rotoline.errors import InputError
from rotoline.io.frame_names import describe_gaps
from rotoline.io.frames import ImageFolder, open_frames


def picture(seed: int = 0, size: tuple[int, int] = (12, 16)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.fixture
def save(tmp_path):
    """A function that saves a picture in the folder `tmp_path` and returns the picture."""

    def save_picture(name: str, pixels: np.ndarray | None = None, **options) -> np.ndarray:
        pixels = picture(sum(map(ord, name))) if pixels is None else pixels
        Image.fromarray(pixels).save(tmp_path / name, **options)
        return pixels

    return save_picture


def test_frames_come_in_natural_order_with_any_names(tmp_path, save):
    names = ["frame", "frame2", "Frame10", "frame11b", "frame 11 ü", "片10"]
    saved = {name: save(f"{name}.png") for name in sorted(names)}
    source = open_frames(tmp_path)
    assert [source.name(index) for index in range(source.count)] == names
    for _ in range(2):  # each iteration starts again
        for name, frame in zip(names, source, strict=True):
            np.testing.assert_array_equal(frame, saved[name])
    assert source.size == (12, 16)
    assert source.problem is None


def test_backwards_and_single_frames_equal_forwards(tmp_path, save):
    for index in range(5):
        save(f"{index}.png")
    source = open_frames(tmp_path)
    forwards = list(source)
    backwards = list(source.backwards(4))
    assert [index for index, _ in backwards] == [3, 2, 1, 0]
    for index, frame in [*backwards, *source.read({1, 4}).items()]:
        np.testing.assert_array_equal(frame, forwards[index])
    with pytest.raises(InputError, match=r"has 5 frames, so there is no frame 5"):
        source.read([5])
    with pytest.raises(InputError, match="no frame 5"):
        next(source.backwards(6))


def test_find_takes_the_stem_first_and_then_the_index(tmp_path, save):
    for name in ("00001.png", "00002.png", "extra.png"):
        save(name)
    source = open_frames(tmp_path)
    assert source.find("00001") == 0
    assert source.find("extra") == 2
    assert source.find("2") == source.find("0002") == 1  # numbers are compared as numbers
    assert source.find("0") == 0  # an index, because no frame has this number
    for missing in ("3", "00003", "-1", "1.0", "²", "", "9" * 5000):
        assert source.find(missing) is None


def test_a_name_that_can_mean_two_frames_is_refused_with_both(tmp_path, save):
    for name in ("shot 1.png", "shot 2.png", "shot 5.png", "Shot 05.png"):
        save(name)
    source = open_frames(tmp_path)
    assert source.find("SHOT 01") == source.find("0") == 0
    assert source.find("3") is source.find("4") is None  # missing frames, and no indices
    both = r"1 can mean frame shot 1 by the number in it or frame shot 2 as an index counted from 0"
    with pytest.raises(InputError, match=both):
        source.find("1")
    with pytest.raises(InputError, match=r"shot 005 can mean frame Shot 05 or frame shot 5;"):
        source.find("shot 005")


def test_gaps_in_the_numbers_and_skipped_files_are_named(tmp_path, save):
    for name in ("s1001.jpg", "s1002.JPE", "s1005.jfif", "s1006.jif", "s1007.jpg", "s1010.png"):
        save(name, format="PNG" if name.endswith("g") else "JPEG")
    (tmp_path / "notes.txt").touch()
    (tmp_path / "s1008.avif").touch()
    (tmp_path / "more").mkdir()
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).touch()
    source = open_frames(tmp_path)
    assert source.count == 6
    assert source.problem.endswith(
        "holds more than pictures, which is skipped: more/, notes.txt, s1008.avif; the numbers of "
        "the frames have 2 gaps: between s1002 and s1005, between s1007 and s1010"
    )


@pytest.mark.parametrize(
    ("names", "gaps"),
    [
        ("0 5 10 15", None),
        ("0 5 10 20 25", "1 gap: between 10 and 20"),
        ("1 3 4", "1 gap: between 1 and 3"),
        ("f1_v2 f2_v2 f4_v2", "1 gap: between f2_v2 and f4_v2"),
        ("a1_01 a1_02 a2_07 a2_08", None),
        ("a b c", None),
        ("1700.123 1700.156 1700.190 1700.223 1700.257 1700.290", None),
        ("31411 67535 98646 135004 167190 198880", None),
        ("33 66 100 133 200 233", "1 gap: between 133 and 200"),
        ("7", None),
    ],
)
def test_gaps_are_longer_than_the_usual_distance(names, gaps):
    assert describe_gaps(names.split()) == (gaps and f"the numbers of the frames have {gaps}")


def test_an_accent_may_be_one_character_or_two(tmp_path, save):
    save("\u00e9t\u00e9 01.png")
    save("\u00e9t\u00e9 02.png")
    assert open_frames(tmp_path).find("e\u0301te\u0301 02") == 1


def test_a_folder_has_the_times_of_its_frame_rate(tmp_path, save):
    save("a.png")
    save("b.png")
    assert open_frames(tmp_path).frame_rate == 24
    source = ImageFolder(tmp_path, frame_rate=Fraction(25))
    assert source.time(1) == 0.04


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "tiff", "JPG", "jpeg", "webp", "gif"])
def test_every_documented_format_is_read(tmp_path, save, suffix):
    flat = np.full((12, 16, 3), (200, 40, 90), np.uint8)
    save(f"0.{suffix}", flat)
    (frame,) = open_frames(tmp_path)
    assert frame.dtype == np.uint8
    assert np.abs(frame.astype(int) - flat).max() <= 3  # JPEG and WebP are lossy


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (6, -1), (3, 2), (8, 1)])
def test_pictures_are_turned_upright(tmp_path, save, suffix, orientation, turns):
    quarters = np.zeros((16, 24, 3), np.uint8)
    quarters[:8, :12], quarters[8:, 12:] = 255, 128
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(f"0.{suffix}", quarters, exif=exif)
    source = open_frames(tmp_path)
    (frame,) = source
    assert frame.shape[:2] == source.size
    np.testing.assert_allclose(frame, np.rot90(quarters, turns), atol=12)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_tiffs_are_turned_upright(tmp_path, save, dtype):
    grey = np.arange(16 * 24).reshape(16, 24) % 200
    exif = Image.Exif()
    exif[0x0112] = 6
    save("0.tif", (grey * (np.iinfo(dtype).max // 255)).astype(dtype), exif=exif)
    (frame,) = open_frames(tmp_path, grey_range=(0, 65_535) if dtype == np.uint16 else None)
    np.testing.assert_array_equal(frame[..., 0], np.rot90(grey, -1))


def test_grey_palette_and_transparent_pictures_become_rgb(tmp_path):
    ramp = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    grey = (ramp // 257).astype(np.uint8)
    half = np.dstack([np.full((16, 16, 3), 200, np.uint8), np.where(grey < 128, 0, 255)])
    indexed = Image.fromarray(np.eye(16, dtype=np.uint8))
    indexed.putpalette([1, 2, 3, 40, 50, 60])
    Image.fromarray(ramp).save(tmp_path / "1.png")
    Image.fromarray(ramp).save(tmp_path / "2.tif")
    Image.fromarray(grey).save(tmp_path / "3.png")
    Image.fromarray(half.astype(np.uint8)).save(tmp_path / "4.png")
    indexed.save(tmp_path / "5.png")
    *greys, transparent, coloured = open_frames(tmp_path)
    for frame in greys:
        np.testing.assert_array_equal(frame, np.dstack([grey] * 3))
    assert set(np.unique(transparent[grey < 128])) == {0}
    assert set(np.unique(transparent[grey >= 128])) == {200}
    np.testing.assert_array_equal(coloured[0, :2], [[40, 50, 60], [1, 2, 3]])


def test_hidden_files_and_other_files_are_ignored(tmp_path, save):
    save("a.png")
    save(".b.png")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "sub.png").mkdir()
    assert len(list(open_frames(tmp_path))) == 1


def test_a_folder_without_pictures_says_what_it_holds(tmp_path):
    with pytest.raises(InputError, match=r"no frames: it is empty; .*\.png, \.jpg"):
        open_frames(tmp_path)
    for name in ("a.txt", "b.mov", "c.txt", "d.txt"):
        (tmp_path / name).write_text("")
    with pytest.raises(InputError, match=r"a\.txt, b\.mov, c\.txt and 1 more.*give the video file"):
        open_frames(tmp_path)


def test_different_sizes_are_found_before_anything_is_decoded(tmp_path, save, monkeypatch):
    save("a.png")
    save("b.png", picture(size=(10, 16)))
    monkeypatch.setattr(Image.Image, "convert", None)
    with pytest.raises(InputError, match=r"a\.png is 12 x 16 and .*b\.png is 10 x 16"):
        open_frames(tmp_path)


def test_two_files_with_one_stem_are_refused(tmp_path, save):
    save("a.png")
    save("a.jpg")
    with pytest.raises(InputError, match=r"a\.jpg and a\.png: two pictures named a"):
        open_frames(tmp_path)


def test_unreadable_pictures_are_named(tmp_path, save):
    save("a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"b\.png is not a picture"):
        open_frames(tmp_path)
    save("b.png")
    whole = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: len(whole) // 2])
    source = open_frames(tmp_path)
    with pytest.raises(InputError, match=r"b\.png cannot be read: .*good copy"):
        list(source)


def test_animations_and_floating_point_pictures_are_refused(tmp_path, save):
    frames = [Image.fromarray(picture(seed)) for seed in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match=r"a\.gif holds 3 pictures"):
        open_frames(tmp_path)
    (tmp_path / "a.gif").unlink()
    save("a.tif", np.ones((4, 4), np.float32))
    with pytest.raises(InputError, match=r"a\.tif holds floating-point"):
        list(open_frames(tmp_path))


def test_a_file_that_changes_size_later_is_refused(tmp_path, save):
    save("a.png")
    source = open_frames(tmp_path)
    save("a.png", picture(size=(8, 8)))
    with pytest.raises(InputError, match="differ in size"):
        next(iter(source))


def test_a_path_may_be_text(tmp_path, save):
    save("a.png", np.zeros((4, 6, 3), np.uint8))
    assert open_frames(str(tmp_path)).count == 1
    with pytest.raises(InputError, match="does not exist"):
        open_frames("none.mp4")


def test_a_missing_path_says_what_to_give(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.mp4 does not exist; give a video file or a"):
        open_frames(tmp_path / "nothing.mp4")
