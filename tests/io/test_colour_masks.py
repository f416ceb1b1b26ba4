import numpy as np
import pytest
from PIL import Image, ImageDraw

from rotoline.errors import InputError
from rotoline.io.masks import read_mask
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


@pytest.mark.parametrize("hidden", [0, 90, 255])
def test_the_shape_of_a_white_picture_is_in_its_alpha_channel(save, hidden):
    alpha = squares(255)
    white = np.where(alpha > 0, 255, hidden).astype(np.uint8)
    for channels in ([white, white, white, alpha], [white, alpha]):
        np.testing.assert_array_equal(read_mask(save("a.png", np.dstack(channels))), squares(1))


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


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_white_on_black_in_colour_is_object_1(tmp_path, mode):
    for pixels in (squares(255), np.full(SIZE, 255, np.uint8)):
        Image.fromarray(pixels).convert(mode).save(tmp_path / "a.png")
        np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), pixels > 0)


def test_black_in_colour_is_all_background(tmp_path):
    Image.new("RGB", SIZE[::-1]).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="is all background"):
        read_mask(tmp_path / "a.png")


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
