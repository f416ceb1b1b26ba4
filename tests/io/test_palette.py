import numpy as np
import pytest
from PIL import Image

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
    path = save("a.png", squares(1, 2), palette)
    np.testing.assert_array_equal(read_labels(path), squares(3, 255))


@pytest.mark.parametrize("colours", [FANCY, ON_WHITE, GREYS])
def test_a_palette_that_swaps_background_and_objects_is_refused(save, colours):
    path = save("a.png", *reordered(squares(1, 2), colours, 1, 2, 0))
    expected = r"by index, objects are index 1 .*; by colour, index 2 .* is background"
    with pytest.raises(InputError, match=expected):
        read_mask(path)


def test_white_on_black_with_a_palette_of_greys_is_object_1(save):
    for ids in ((255,), (255, 255)):
        path = save("a.png", squares(*ids), GREYS.tobytes())
        np.testing.assert_array_equal(read_mask(path), squares(*ids) > 0)
    np.testing.assert_array_equal(
        read_mask(save("a.png", np.full(SIZE, 255, np.uint8), GREYS.tobytes())), np.ones(SIZE)
    )


def test_void_alone_keeps_its_two_readings_with_the_palette_of_davis(save):
    with pytest.raises(InputError, match="two ways: 255 marks void"):
        read_mask(save("a.png", squares(255), DAVIS_PALETTE.tobytes()))


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


def test_ids_beyond_the_colours_of_a_short_palette_are_kept(save):
    short = np.where(np.arange(256)[:, None] < 5, DAVIS_PALETTE, 0).astype(np.uint8)
    path = save("a.png", squares(1, 40, 80), short.tobytes())
    np.testing.assert_array_equal(read_mask(path), squares(1, 40, 80))
