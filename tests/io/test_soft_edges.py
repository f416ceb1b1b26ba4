import numpy as np
import pytest
from PIL import Image, ImageDraw

from rotoline.errors import InputError
from rotoline.io.masks import read_labels, read_mask
from rotoline.io.palette import DAVIS_PALETTE

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


@pytest.mark.parametrize("palette", [None, DAVIS_PALETTE.tobytes()])
def test_soft_grey_edges_are_recognised(save, palette):
    path = save("a.png", smooth_disc((9, 9, 9))[..., 0].repeat(3, 0).repeat(3, 1), palette)
    assert len(np.unique(read_labels(path))) > 3  # enlarged, every value is solid
    pixels = smooth_disc((200, 200, 200))[..., 0]
    count = len(np.unique(pixels))
    expected = rf"{count} different values.*{count - 2} of them.*anti-aliased.*meant: 200;"
    with pytest.raises(InputError, match=expected):
        read_mask(save("b.png", pixels, palette))


def test_dithered_colours_are_no_ids(save):
    picture = Image.fromarray(DAVIS_PALETTE[np.kron(squares(1, 2), np.ones((3, 3), np.uint8))])
    path = save("a.png", np.zeros(SIZE, np.uint8))
    picture.convert("P").save(path)  # to the colours of the web, which lack these
    with pytest.raises(InputError, match=r"scattered among others.*\(dithered\)"):
        read_mask(path)
