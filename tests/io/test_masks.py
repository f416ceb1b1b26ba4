import errno
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from rotoline.errors import InputError, OutputError
from rotoline.io.frames import open_frames
from rotoline.io.masks import read_annotations, read_labels, read_mask, write_mask
from rotoline.io.palette import DAVIS_PALETTE
from rotoline.io.video import VideoFile

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


@pytest.mark.parametrize("hidden", [0, 90, 255])
def test_the_shape_of_a_white_picture_is_in_its_alpha_channel(save, hidden):
    alpha = squares(255)
    white = np.where(alpha > 0, 255, hidden).astype(np.uint8)
    for channels in ([white, white, white, alpha], [white, alpha]):
        np.testing.assert_array_equal(read_mask(save("a.png", np.dstack(channels))), squares(1))


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
        found = read_annotations(path, open_frames(tmp_path / "frames"))
        np.testing.assert_array_equal(found[0], np.rot90(labels, -1))


def tiny_particles() -> np.ndarray:
    labels = squares()
    for object_id in range(1, 8):
        labels[5:7, 6 * object_id : 6 * object_id + 2] = object_id
    return labels


def insect() -> np.ndarray:
    """A body with six legs of 20 x 2 pixels and two feelers of one pixel."""
    labels = squares()
    labels[20:30, 5:60] = 9
    for leg in range(6):
        labels[30:48, 8 + 7 * leg : 10 + 7 * leg] = leg + 1
    labels[5:20, 50], labels[5:20, 55] = 7, 8
    return labels


def points() -> np.ndarray:
    """Single pixels on background, and inside of an object."""
    labels = squares(1, 2)
    labels[14, 9], labels[2:40:6, 60] = 3, range(10, 17)
    return labels


def stripes() -> np.ndarray:
    labels = squares()
    for line in range(12):
        labels[4 * line, 3:50] = line + 1
    return labels


@pytest.mark.parametrize("labels", [tiny_particles(), insect(), stripes(), points()])
@pytest.mark.parametrize("palette", [None, DAVIS_PALETTE.tobytes()])
def test_tiny_and_thin_objects_are_no_soft_edges(save, labels, palette):
    np.testing.assert_array_equal(read_mask(save("a.png", labels, palette)), labels)


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
    with pytest.raises(InputError, match=r"holds the ids 300, 1000; ids 1 to 254 are supported"):
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


def test_nothing_but_void_is_refused(save):
    path = save("a.png", squares(255), DAVIS_PALETTE.tobytes())
    with pytest.raises(InputError, match=r"holds 255 and no other id.*no object is here; or it is"):
        read_mask(path)


def reordered(labels: np.ndarray, colours: np.ndarray, *order: int) -> tuple[np.ndarray, bytes]:
    """Indices and palette that show the same picture: index n has the colour of id `order[n]`."""
    return np.argsort(order)[labels].astype(np.uint8), colours[list(order)].tobytes()


GREYS = np.arange(256, dtype=np.uint8)[:, None].repeat(3, 1)
FANCY = np.array([(0, 0, 0), (250, 10, 90), (30, 200, 220)], np.uint8)
ON_WHITE = np.array([(255, 255, 255), (250, 10, 90), (30, 200, 220)], np.uint8)


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 1, 0), (0, 2, 1)])
def test_a_rewritten_davis_palette_still_tells_the_ids(save, order):
    path = save("a.png", *reordered(squares(1, 2), DAVIS_PALETTE, *order))
    np.testing.assert_array_equal(read_mask(path), squares(1, 2))


def test_a_palette_of_the_colours_in_use_tells_the_ids(save):
    palette = DAVIS_PALETTE[[0, 3, 255]].tobytes()
    outlined = with_outline(1)
    path = save("a.png", np.where(outlined == 255, 2, outlined), palette)
    np.testing.assert_array_equal(read_labels(path), np.where(outlined == 1, 3, outlined))


@pytest.mark.parametrize("colours", [FANCY, ON_WHITE, GREYS])
def test_a_palette_that_swaps_background_and_objects_is_refused(save, colours):
    path = save("a.png", *reordered(squares(1, 2), colours, 1, 2, 0))
    expected = r"by index, objects are index 1 .*; by colour, index 2 .* is background"
    with pytest.raises(InputError, match=expected):
        read_mask(path)


def test_a_transparent_colour_is_background(save):
    path = save("a.png", *reordered(squares(1), np.roll(FANCY, 1, 0), 1, 0))
    Image.open(path).save(path, transparency=1)
    with pytest.raises(InputError, match=r"by colour, index 1 .* is background"):
        read_mask(path)


RANDOM = np.random.default_rng(0).integers(1, 255, (256, 3), np.uint8)


@pytest.mark.parametrize("colours", [FANCY, ON_WHITE, GREYS, GREYS[::-1], RANDOM, 0 * GREYS])
def test_other_palettes_keep_the_index_as_id(save, colours):
    labels = squares(1, 2) if len(colours) < 256 else squares(1, 128, 2)
    np.testing.assert_array_equal(read_mask(save("a.png", labels, colours.tobytes())), labels)


def test_dithered_colours_are_no_ids(save):
    picture = Image.fromarray(DAVIS_PALETTE[np.kron(squares(1, 2), np.ones((3, 3), np.uint8))])
    path = save("a.png", np.zeros(SIZE, np.uint8))
    picture.convert("P").save(path)  # to the colours of the web, which lack these
    with pytest.raises(InputError, match=r"scattered among others.*\(dithered\)"):
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


def test_a_shape_in_the_alpha_channel_is_named(save):
    alpha = squares(255)
    black = np.zeros((*SIZE, 3), np.uint8)
    green = DAVIS_PALETTE[squares(2)]
    soft = smooth_disc((255, 255, 255))[..., 0]
    for name, colours, shape, expected in (
        ("green", green, alpha, r"what is opaque is \(0, 128, 0\), probably meant: id 2 for"),
        ("two", DAVIS_PALETTE[squares(2, 5)], squares(255, 255), r"id 2 for .*, id 5 for"),
        ("soft", black + 255, soft, r"transparent in part: its edges are soft"),
        ("white below", np.where(alpha[..., None] > 0, black, 255), alpha, r"is \(0, 0, 0\)"),
    ):
        pixels = np.dstack([colours, shape]).astype(np.uint8)
        with pytest.raises(InputError, match=f"a shape in its alpha channel.*{expected}"):
            read_mask(save(f"{name}.png", pixels))


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
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(1, 5):
        Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(folder / f"shot {index}.png")
    return open_frames(folder)


@pytest.fixture
def masks(tmp_path):
    (tmp_path / "masks").mkdir()
    return tmp_path / "masks"


def test_a_file_annotates_the_first_frame(save, frames):
    found = read_annotations(save("any name.png", squares(4)), frames)
    assert list(found) == [0]
    np.testing.assert_array_equal(found[0], squares(4))


def test_a_folder_annotates_the_frames_that_its_files_are_named_after(masks, frames):
    write_mask(masks / "shot 3.png", squares(2))
    write_mask(masks / "0.png", squares(1))  # an index, because no frame has this stem
    found = read_annotations(masks, frames)
    assert list(found) == [0, 2]
    np.testing.assert_array_equal(found[2], squares(2))


def test_a_mask_without_a_frame_shows_what_frames_are_called(masks, frames):
    write_mask(masks / "shot 5.png", squares(2))
    expected = r"shot 5\.png belongs to no frame .*are called shot 1 \.\.\. shot 4; name each mask"
    with pytest.raises(InputError, match=expected):
        read_annotations(masks, frames)


def test_a_mask_of_another_size_is_refused(masks, frames):
    write_mask(masks / "shot 1.png", squares(2)[:40])
    with pytest.raises(InputError, match=r"shot 1\.png is 64x40, its frame is 64x48; draw"):
        read_annotations(masks, frames)


def test_two_masks_for_one_frame_are_refused(masks, frames):
    write_mask(masks / "1.png", squares(2))
    write_mask(masks / "shot 2.png", squares(2))
    with pytest.raises(InputError, match=r"1\.png and .*shot 2\.png both belong to frame shot 2;"):
        read_annotations(masks, frames)


def test_a_folder_without_masks_says_what_it_holds(masks, frames):
    (masks / "readme.txt").write_text("")
    with pytest.raises(InputError, match=r"holds no masks: it holds readme\.txt; put PNG files"):
        read_annotations(masks, frames)


def test_frames_of_a_video_are_named_with_five_digits(masks, monkeypatch):
    class Video(VideoFile):
        def __init__(self, count):
            self.path, self.size, self._length = Path("clip.mp4"), SIZE, count

    write_mask(masks / "00131.png", squares(2))
    assert list(read_annotations(masks, Video(132))) == [131]
    with pytest.raises(InputError, match=r"are called 00000 \.\.\. 00130"):
        read_annotations(masks, Video(131))


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
