import numpy as np
import pytest
from PIL import Image

from rotoline.data.stills import (
    STILL_SETS,
    inside_black_bars,
    read_stills,
    regions_as_objects,
    shows_object,
)
from rotoline.errors import InputError


@pytest.fixture
def write_still(tmp_path):
    """A function that writes a grey picture and its mask into a set; returns their paths."""

    def write(name, labels, ending="webp", stem="one", picture=None):
        masks = tmp_path / name / STILL_SETS[name].label_folder
        images = tmp_path / name / "images"
        for folder in (masks, images):
            folder.mkdir(parents=True, exist_ok=True)
        if picture is None:
            picture = np.full((*labels.shape, 3), 120, np.uint8)
        Image.fromarray(picture).save(images / f"{stem}.{ending}")
        Image.fromarray(labels).save(masks / f"{stem}.png")
        return images / f"{stem}.{ending}", masks / f"{stem}.png"

    return write


def blocks(*labels):
    """A mask of blocks of 20 x 10 pixels with these labels, side by side."""
    return np.repeat(np.array([labels], np.uint8), 10, axis=1).repeat(20, axis=0)


def test_pictures_of_every_format_are_read_with_their_masks(write_still, tmp_path):
    for index, ending in enumerate(("jpg", "jpeg", "png", "webp")):
        write_still("coco-instances", blocks(0, index + 1), ending, stem=ending)
    write_still("clothing-co-parsing", blocks(0, 7, 58))
    found = list(read_stills(tmp_path))
    names = [still.name for _, still in found]
    assert names[:4] == [f"coco-instances/{one}" for one in ("jpeg", "jpg", "png", "webp")]
    assert names[4:] == ["clothing-co-parsing/one"]
    assert sorted({int(still.labels.max()) for _, still in found}) == [1, 2, 3, 4, 58]
    assert found[-1][0].kind == "garments"


def test_grey_mask_of_unknown_pixels_is_no_object(write_still, tmp_path):
    write_still("oxford-pets", blocks(0, 255), stem="unknown")
    write_still("oxford-pets", blocks(1, 255), stem="pet")
    ((_, still),) = read_stills(tmp_path)
    assert still.name == "oxford-pets/pet"
    assert np.array_equal(still.labels, blocks(1, 255))


def test_stills_without_an_object_large_enough_are_left_out(write_still, tmp_path):
    labels = np.zeros((100, 100), np.uint8)
    labels[:5, :10] = 1
    write_still("sod-bsds", labels, stem="small")
    write_still("clothing-co-parsing", np.where(labels > 0, 3, blocks_like(labels)), stem="dress")
    assert [still.name for _, still in read_stills(tmp_path)] == ["clothing-co-parsing/dress"]
    assert not shows_object(labels, "instances")


def blocks_like(labels):
    """Many small garments, one in each column."""
    rows = np.arange(labels.shape[0])[:, None] < 1
    return np.where(rows, 1 + np.arange(labels.shape[1]) % 50, 0).astype(np.uint8)


def test_still_without_its_mask_or_picture_is_refused_by_name(write_still, tmp_path):
    picture, mask = write_still("penn-fudan", blocks(0, 1))
    saved = mask.read_bytes()
    mask.unlink()
    with pytest.raises(InputError, match=r"penn-fudan/masks/one\.png does not exist"):
        list(read_stills(tmp_path))
    mask.write_bytes(saved)
    write_still("penn-fudan", blocks(0, 1), stem="two")
    picture.unlink()
    with pytest.raises(InputError, match=r"masks/one\.png belongs to no picture in .*images"):
        list(read_stills(tmp_path))


def test_regions_of_a_class_are_objects_and_scraps_are_unknown():
    labels = np.zeros((100, 100), np.uint8)
    labels[10:30, 10:30] = 12
    labels[60:80, 10:30] = 12
    labels[10:30, 30:50] = 3  # touches the first, of another class
    labels[90:93, 90:93] = 12
    labels[50, :] = 255
    objects = regions_as_objects(labels)
    assert sorted(np.unique(objects)) == [0, 1, 2, 3, 255]
    found = [set(np.unique(objects[part])) for part in (
        np.s_[10:30, 10:30], np.s_[60:80, 10:30], np.s_[10:30, 30:50], np.s_[90:93, 90:93],
    )]  # fmt: skip
    assert all(len(ids) == 1 for ids in found)
    assert len(set().union(*found[:3])) == 3
    assert found[3] == {255}
    assert (objects[50] == 255).all()
    assert np.array_equal(objects == 0, labels == 0)


def test_black_bars_are_cropped_from_picture_and_mask(write_still, tmp_path):
    picture = np.full((60, 80, 3), 100, np.uint8)
    picture[:12] = picture[50:] = 3
    picture[5, 2] = 90  # noise in a bar
    picture[30:34, 20:60] = 0  # a black thing is no bar
    assert inside_black_bars(picture) == (slice(12, 50), slice(0, 80))
    labels = np.zeros((60, 80), np.uint8)
    labels[20:45, 10:70] = 1
    for name in ("teacher-occlusion", "penn-fudan"):
        write_still(name, labels, "png", picture=picture)
    sizes = {still.name: still.labels.shape for _, still in read_stills(tmp_path)}
    assert sizes == {"teacher-occlusion/one": (38, 80), "penn-fudan/one": (60, 80)}
    black = np.zeros((4, 6, 3), np.uint8)
    assert inside_black_bars(black) == (slice(0, 4), slice(0, 6))
