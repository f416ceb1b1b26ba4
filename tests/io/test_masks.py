import errno
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from rotoline.errors import InputError, OutputError
from rotoline.io.frames import open_frames
from rotoline.io.masks import read_annotations, read_labels, read_mask, write_mask
from rotoline.io.palette import DAVIS_PALETTE

SIZE = (48, 64)


def squares(*ids: int, dtype: type = np.uint8) -> np.ndarray:
    """Labels with one 9 x 9 square per id."""
    labels = np.zeros(SIZE, dtype)
    for position, object_id in enumerate(ids):
        labels[10:19, 5 + 12 * position : 14 + 12 * position] = object_id
    return labels


# What is accepted


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif"])
@pytest.mark.parametrize("palette", [None, DAVIS_PALETTE.tobytes()])
def test_ids_of_palette_and_grey_masks_are_kept(save, name, palette):
    labels = squares(3, 7, 200)
    np.testing.assert_array_equal(read_mask(save(name, labels, palette)), labels)


def test_ids_of_16_bit_grey_masks_are_kept(save):
    for name in ("a.png", "a.tif"):
        read = read_mask(save(name, squares(1, 254, dtype=np.uint16)))
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read, squares(1, 254))


@pytest.mark.parametrize(
    "pixels",
    [
        squares(255),
        squares(65535, dtype=np.uint16),
        squares(255, dtype=np.uint16),
        squares(255, dtype=np.float32),
        squares(1) > 0,
    ],
    ids=["grey 0/255", "16-bit grey 0/65535", "16-bit grey 0/255", "float 0/255", "1 bit"],
)
def test_white_on_black_is_object_1(save, pixels):
    np.testing.assert_array_equal(read_mask(save("a.tif", pixels)), squares(1))


def test_masks_of_one_value_are_one_object(save):
    full = np.ones(SIZE, np.uint8)
    np.testing.assert_array_equal(read_mask(save("white.png", full * 255)), full)
    np.testing.assert_array_equal(read_mask(save("seven.png", full * 7)), full * 7)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_whole_numbers_of_any_type_are_ids(save, dtype):
    labels = squares(1, 2, 200)
    np.testing.assert_array_equal(read_mask(save("a.tif", labels.astype(dtype))), labels)


def test_masks_are_turned_upright_as_frames_are(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees clockwise when shown
    (tmp_path / "frames").mkdir()
    Image.new("RGB", SIZE[::-1]).save(tmp_path / "frames/0.jpg", exif=exif)
    labels = squares(1, 2)
    for suffix, palette in (("png", None), ("png", DAVIS_PALETTE.tobytes()), ("tif", None)):
        image = Image.fromarray(labels)
        if palette is not None:
            image.putpalette(palette)
        path = tmp_path / f"a.{suffix}"
        image.save(path, exif=exif)
        found = read_annotations(path, open_frames(tmp_path / "frames")).labels
        np.testing.assert_array_equal(found[0], np.rot90(labels, -1))


def test_all_background_is_legal_in_results_and_refused_in_annotations(save):
    path = save("a.png", squares())
    np.testing.assert_array_equal(read_labels(path), squares())
    with pytest.raises(InputError, match=r"a\.png is all background: every pixel is 0; mark"):
        read_mask(path)


# What is refused, and what was probably meant


def test_ids_over_255_are_named(save):
    path = save("a.png", squares(1, 300, 1000, dtype=np.uint16))
    with pytest.raises(InputError, match=r"holds the ids 300, 1000; ids 1 to 254 are supported"):
        read_mask(path)


def with_outline(*ids: int) -> np.ndarray:
    """Squares whose outermost pixels are void."""
    labels = squares(*ids)
    inside = ndimage.binary_erosion(labels > 0)
    return np.where((labels > 0) & ~inside, 255, labels).astype(np.uint8)


@pytest.mark.parametrize("palette", [None, DAVIS_PALETTE.tobytes()])
def test_void_around_objects_is_background(save, palette):
    labels = with_outline(1, 2)
    path = save("a.png", labels, palette)
    np.testing.assert_array_equal(read_mask(path), np.where(labels == 255, 0, labels))
    np.testing.assert_array_equal(read_labels(path), labels)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (squares(1, 255), "lies apart from all objects"),
        (with_outline(3, 254), "it follows id 254"),
        (with_outline(100, 180), "shades of grey"),
        (np.where(squares(1) > 0, 1, 255).astype(np.uint8), "larger than all objects"),
        (with_outline(1).astype(np.uint16), "more than 8 bits"),
    ],
)
def test_255_that_may_be_an_object_is_refused_with_both_readings(save, labels, reason):
    expected = rf"read in two ways: 255 marks void .* or it is an object, because .*{reason}"
    with pytest.raises(InputError, match=expected):
        read_mask(save("a.png", labels))


def test_with_the_palette_of_davis_255_is_void_wherever_it_is(save):
    """PASCAL VOC: rings that are larger than small objects, and blobs of difficult objects."""
    for labels in (squares(1, 255), np.where(squares(1) > 0, 1, 255).astype(np.uint8)):
        found = read_mask(save("a.png", labels, DAVIS_PALETTE.tobytes()))
        np.testing.assert_array_equal(found, np.where(labels == 255, 0, labels))


def test_nothing_but_void_is_refused(save):
    path = save("a.png", squares(255), DAVIS_PALETTE.tobytes())
    with pytest.raises(InputError, match=r"holds 255 and no other id.*no object is here; or it is"):
        read_mask(path)


def test_several_pictures_are_no_mask(tmp_path):
    pictures = [Image.fromarray(squares(1, 2)), Image.fromarray(squares(2))]
    pictures[0].save(tmp_path / "a.tif", save_all=True, append_images=pictures[1:])
    with pytest.raises(InputError, match=r"holds 2 pictures, and a mask is one"):
        read_mask(tmp_path / "a.tif")


def test_numbers_with_fractions_are_no_ids(save):
    for value in (0.5, np.nan):
        pixels = np.where(squares(1) > 0, value, 0).astype(np.float32)
        with pytest.raises(InputError, match=r"no whole numbers, such as (0\.5|nan); .*threshold"):
            read_mask(save("a.tif", pixels))


def test_formats_that_change_ids_are_refused(save):
    with pytest.raises(InputError, match=r"a\.jpg is a JPEG, whose compression changes ids"):
        read_mask(save("a.jpg", squares(1)))
    with pytest.raises(InputError, match=r"a\.gif is a GIF, whose writers renumber ids"):
        read_mask(save("a.gif", squares(7)))


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"a\.png does not exist"):
        read_mask(tmp_path / "a.png")
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(InputError, match=r"a\.png is not a picture"):
        read_mask(tmp_path / "a.png")


# Annotations of several frames


@pytest.fixture
def frames(tmp_path):
    (tmp_path / "frames").mkdir()
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(tmp_path / "frames" / "shot 1.png")
    return open_frames(tmp_path / "frames")


def test_a_mask_of_another_size_is_refused(tmp_path, frames):
    write_mask(tmp_path / "shot 1.png", squares(2)[:40])
    with pytest.raises(InputError, match=r"shot 1\.png is 64x40, its frame is 64x48; draw"):
        read_annotations(tmp_path, frames)


# Writing


def test_written_masks_are_read_back_and_have_the_davis_colours(tmp_path):
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16).repeat(3, 0).repeat(3, 1)
    write_mask(tmp_path / "a.png", labels)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), labels)
    with Image.open(tmp_path / "a.png") as image:
        assert (image.format, image.mode) == ("PNG", "P")
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), DAVIS_PALETTE[labels])
    expected = {1: (128, 0, 0), 6: (0, 128, 128), 15: (192, 128, 128), 255: (224, 224, 192)}
    assert {i: tuple(DAVIS_PALETTE[i].tolist()) for i in expected} == expected


def test_a_full_disk_leaves_the_earlier_mask_and_nothing_else(tmp_path, monkeypatch):
    write_mask(tmp_path / "a.png", squares(1))

    def fill_the_disk(self, path, **_):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fill_the_disk)
    with pytest.raises(OutputError, match=r"a\.png: No space left on device; free some space"):
        write_mask(tmp_path / "a.png", squares(2))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), squares(1))


def test_paths_may_be_text(tmp_path):
    labels = np.full((4, 6), 3, np.uint8)
    write_mask(f"{tmp_path}/a.png", labels)
    np.testing.assert_array_equal(read_mask(f"{tmp_path}/a.png"), labels)


def test_labels_that_are_no_label_map_are_refused(tmp_path):
    for labels in (squares(1).astype(int), squares(1)[None]):
        with pytest.raises(InputError, match="a mask is uint8"):
            write_mask(tmp_path / "a.png", labels)
    assert not list(tmp_path.iterdir())
