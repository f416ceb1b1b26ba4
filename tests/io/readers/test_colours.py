"""Masks in which every colour is an object."""

import numpy as np
import pytest
from PIL import Image

from rotoline.errors import InputError
from rotoline.io.frames import open_frames
from rotoline.io.masks import read_annotations

ORANGE, BLUE, WHITE = (250, 120, 0), (10, 20, 200), (255, 255, 255)
DAVIS = {1: (128, 0, 0), 5: (128, 0, 128), 255: (224, 224, 192)}


@pytest.fixture
def frames(tmp_path):
    """Two pictures, 00000 and 00001."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for index in range(2):
        Image.new("RGB", (9, 8)).save(folder / f"{index:05d}.png")
    return open_frames(folder)


@pytest.fixture
def read(tmp_path, frames):
    """A function that reads masks, each of which is given as blocks of colour by column."""

    def read_masks(*masks, background=(0, 0, 0), label_map="", **options):
        folder, warnings = tmp_path / "masks", []
        folder.mkdir()
        for index, colours in enumerate(masks):
            pixels = np.full((8, 9, 3), background, np.uint8)
            for column, colour in enumerate(colours):
                pixels[2:6, 3 * column : 3 * column + 3] = colour
            Image.fromarray(pixels).save(folder / f"{index:05d}.png", **options)
        if label_map:
            (tmp_path / "labelmap.txt").write_text(label_map)
        marks = read_annotations(folder, frames, warnings.append, colours=True)
        found = {index: labels[3, ::3].tolist() for index, labels in marks.labels.items()}
        return found, marks.names, warnings

    return read_masks


def test_colours_are_counted_as_they_appear_the_same_in_all_masks(read):
    labels, names, warnings = read([ORANGE], [BLUE, ORANGE])
    assert labels == {0: [1, 0, 0], 1: [2, 1, 0]}
    assert (names, len(warnings)) == ({}, 1)
    assert "(250, 120, 0) is object 1, (10, 20, 200) is object 2" in warnings[0]


def test_colours_of_the_palette_of_davis_are_its_ids_and_void(read):
    labels, *_ = read([DAVIS[5], DAVIS[255]], [DAVIS[1], DAVIS[5]])
    assert labels == {0: [5, 0, 0], 1: [1, 5, 0]}


def test_a_label_map_gives_order_names_and_background(read):
    label_map = "# label:color_rgb:parts:actions\nbackground:255,255,255::\ncat:10,20,200::\n"
    labels, names, _ = read(
        [ORANGE, BLUE], background=WHITE, label_map=label_map + "dog:250,120,0::\n"
    )
    assert labels == {0: [2, 1, 0]}
    assert names == {1: "cat", 2: "dog"}


def test_pictures_with_a_palette_and_transparency_are_read_by_colour(tmp_path, frames):
    pixels = np.zeros((8, 9), np.uint8)
    pixels[:, :4] = 2
    image = Image.fromarray(pixels)
    image.putpalette(bytes([*WHITE, *BLUE, *ORANGE]))
    image.save(tmp_path / "first.png", transparency=0)
    labels, _ = read_annotations(tmp_path / "first.png", frames, colours=True)
    np.testing.assert_array_equal(labels[0], pixels > 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"background": WHITE}, "no black pixel, so it is not clear which colour is background"),
        ({"label_map": "cat:1,2,3::"}, r"has the colour \(10, 20, 200\), which .* does not list"),
        ({"label_map": "cat"}, "has the line 'cat', and lines such as"),
        ({"label_map": "a:1,2,3::\nb:1,2,3::"}, "two of 1,2,3"),
        ({"format": "JPEG"}, "is a JPEG, which changes colours"),
    ],
)
def test_what_cannot_be_read_is_refused(read, options, message):
    with pytest.raises(InputError, match=message):
        read([ORANGE, BLUE], **options)


def test_soft_edges_are_refused(tmp_path, frames):
    small = Image.new("RGB", (9, 8))
    small.paste(ORANGE, (2, 2, 6, 6))
    small.resize((36, 32), Image.Resampling.BICUBIC).resize((9, 8)).save(tmp_path / "first.png")
    with pytest.raises(InputError, match="soft"):
        read_annotations(tmp_path / "first.png", frames, colours=True)


def test_annotations_have_no_colours(tmp_path, frames):
    (tmp_path / "marks.json").write_text("{}")
    with pytest.raises(InputError, match="no colours; leave --colours out"):
        read_annotations(tmp_path / "marks.json", frames, colours=True)
