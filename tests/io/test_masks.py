import errno
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from rotoline.errors import InputError, OutputError
from rotoline.io.frames import open_frames
from rotoline.io.masks import DAVIS_PALETTE, read_annotations, read_labels, read_mask, write_mask

SIZE = (48, 64)


def squares(*ids: int, dtype: type = np.uint8) -> np.ndarray:
    """Labels with one 9 x 9 square per id."""
    labels = np.zeros(SIZE, dtype)
    for position, object_id in enumerate(ids):
        labels[10:19, 5 + 12 * position : 14 + 12 * position] = object_id
    return labels


def smooth_disc(colour: tuple[int, int, int]) -> np.ndarray:
    """An RGB picture of a disc with soft edges on black."""
    image = Image.new("RGB", (8 * SIZE[1], 8 * SIZE[0]))
    ImageDraw.Draw(image).ellipse((80, 80, 320, 320), fill=colour)
    return np.asarray(image.resize(SIZE[::-1], Image.Resampling.BOX))


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


# What is accepted


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif"])
@pytest.mark.parametrize("palette", [None, DAVIS_PALETTE.tobytes()])
def test_ids_of_palette_and_grey_masks_are_kept(save, name, palette):
    labels = squares(3, 7, 200)
    np.testing.assert_array_equal(read_mask(save(name, labels, palette)), labels)


def test_ids_of_16_bit_grey_masks_are_kept(save):
    for name in ("a.png", "a.tif"):
        read = read_mask(save(name, squares(1, 255, dtype=np.uint16)))
        assert read.dtype == np.uint8
        np.testing.assert_array_equal(read, squares(1, 255))


@pytest.mark.parametrize(
    "pixels",
    [squares(255), squares(65535, dtype=np.uint16), squares(1) > 0],
    ids=["grey 0/255", "16-bit grey 0/65535", "1 bit"],
)
def test_white_on_black_is_object_1(save, pixels):
    np.testing.assert_array_equal(read_mask(save("a.png", pixels)), squares(1))


def test_masks_of_one_value_are_one_object(save):
    full = np.ones(SIZE, np.uint8)
    np.testing.assert_array_equal(read_mask(save("white.png", full * 255)), full)
    np.testing.assert_array_equal(read_mask(save("seven.png", full * 7)), full * 7)


def test_id_255_is_kept_where_it_is_not_white(save):
    palette = DAVIS_PALETTE.tobytes()
    np.testing.assert_array_equal(read_mask(save("a.png", squares(255), palette)), squares(255))
    np.testing.assert_array_equal(read_mask(save("b.png", squares(1, 255))), squares(1, 255))


def test_thin_objects_are_no_soft_edges(save):
    labels = squares(1, 2)
    labels[30], labels[:, 60] = 3, 4
    np.testing.assert_array_equal(read_mask(save("a.png", labels)), labels)


def test_all_background_is_legal_in_results_and_refused_in_annotations(save):
    path = save("a.png", squares())
    np.testing.assert_array_equal(read_labels(path), squares())
    with pytest.raises(InputError, match=r"a\.png is all background: every pixel is 0; mark"):
        read_mask(path)


# What is refused, and what was probably meant


def test_ids_over_255_are_named(save):
    path = save("a.png", squares(1, 300, 1000, dtype=np.uint16))
    with pytest.raises(InputError, match=r"holds the ids 300, 1000; ids 1 to 255 are supported"):
        read_mask(path)


@pytest.mark.parametrize("palette", [None, DAVIS_PALETTE.tobytes()])
def test_soft_grey_edges_are_recognised(save, palette):
    path = save("a.png", smooth_disc((9, 9, 9))[..., 0].repeat(3, 0).repeat(3, 1), palette)
    assert len(np.unique(read_labels(path))) > 3  # enlarged, every value is solid
    pixels = smooth_disc((200, 200, 200))[..., 0]
    count = len(np.unique(pixels))
    expected = rf"{count} different values.*{count - 2} of them.*anti-aliased.*meant: 200;"
    with pytest.raises(InputError, match=expected):
        read_mask(save("b.png", pixels, palette))


def test_solid_colours_of_the_davis_palette_give_their_ids(save):
    path = save("a.png", DAVIS_PALETTE[squares(2, 5)])
    expected = (
        r"colour picture \(mode RGB\) with 3 colours.*its colours are solid.*"
        r"id 2 for \(0, 128, 0\), id 5 for \(128, 0, 128\); save the mask as a PNG"
    )
    with pytest.raises(InputError, match=expected):
        read_mask(path)


def test_other_solid_colours_are_numbered_by_area(save):
    labels = squares(1, 2)
    labels[30:40, 5:40] = 2
    colours = np.array([[0, 0, 0], [10, 20, 30], [250, 240, 230]], np.uint8)[labels]
    transparent = np.dstack([colours, np.full(SIZE, 255, np.uint8)])
    expected = r"id 1 for \(250, 240, 230\), id 2 for \(10, 20, 30\)"
    for name, pixels in (("rgb.png", colours), ("rgba.png", transparent)):
        with pytest.raises(InputError, match=expected):
            read_mask(save(name, pixels))


def test_soft_colour_edges_are_recognised(save):
    path = save("a.png", smooth_disc((128, 0, 0)))
    with pytest.raises(InputError, match=r"edges are soft.*meant: id 1 for \(128, 0, 0\);"):
        read_mask(path)


def test_a_photograph_is_called_one(save):
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    with pytest.raises(InputError, match=r"3072 colours.*looks like a photograph"):
        read_mask(save("a.png", pixels))


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
