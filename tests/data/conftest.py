"""Small data sets on disk."""

import numpy as np
import pytest
from PIL import Image

SIZE = (24, 32)


@pytest.fixture
def write_labels():
    """A function that writes a label map as a PNG with a palette."""

    def write(path, labels):
        image = Image.fromarray(labels)
        image.putpalette(list(range(256)) * 3)
        image.save(path)

    return write


@pytest.fixture
def write_sequence(write_labels):
    """A function that writes frames and palette masks of one sequence; returns the label maps.

    Frame `i` is grey with the value 10 * i; a mask has a square of object 1 and, from frame 1 on,
    one of object 2.
    """

    def write(frames, masks, *, stems=("00000", "00001", "00002"), masked=None, size=SIZE):
        frames.mkdir(parents=True, exist_ok=True)
        masks.mkdir(parents=True, exist_ok=True)
        labels = {}
        for index, stem in enumerate(stems):
            picture = np.full((*size, 3), 10 * index, np.uint8)
            Image.fromarray(picture).save(frames / f"{stem}.jpg", quality=100)
            if masked is not None and index not in masked:
                continue
            label = np.zeros(size, np.uint8)
            label[2:8, 2:8] = 1
            if index:
                label[12:20, 12:20] = 2
            write_labels(masks / f"{stem}.png", label)
            labels[index] = label
        return labels

    return write


@pytest.fixture
def davis(tmp_path, write_sequence):
    """A data set in the layout of DAVIS-2017: cows and bear in `val`, fish in `train`."""
    root = tmp_path / "DAVIS"
    for name in ("bear", "cows", "fish"):
        write_sequence(root / "JPEGImages/480p" / name, root / "Annotations/480p" / name)
    lists = root / "ImageSets/2017"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("cows\nbear\n\n")
    (lists / "train.txt").write_text("fish\n")
    return root


@pytest.fixture
def youtube_vos(tmp_path, write_sequence):
    """A data set in the layout of YouTube-VOS; objects of `late` first appear in its frame 1."""
    root = tmp_path / "YouTube-VOS"
    split = root / "valid"
    stems = ("00000", "00005", "00010")
    for name, masked in (("late", (1,)), ("early", (0, 2))):
        write_sequence(
            split / "JPEGImages" / name, split / "Annotations" / name, stems=stems, masked=masked
        )
    (split / "meta.json").write_text('{"videos": {"late": {}, "early": {}}}')
    return root
