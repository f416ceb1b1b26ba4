"""Training data as files to send."""

import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from rotoline.data import packing
from rotoline.data.packing import pack
from rotoline.data.stills import UNKNOWN
from rotoline.data.training_clips import load_clips
from rotoline.errors import ConfigError

SHAPES = {"coco-instances": (50, 60), "voc-animals-classes": (400, 340), "oxford-pets": (30, 40)}


@pytest.fixture
def data(tmp_path, write_sequence, write_labels):
    """A video, and stills: small and large, with unknown pixels, with nothing but these."""
    folder = tmp_path / "data"
    davis = folder / "davis-2016-train"
    write_sequence(davis / "JPEGImages/480p/bear", davis / "Annotations/480p/bear")
    for name, shape in SHAPES.items():
        (folder / name / "images").mkdir(parents=True)
        (folder / name / "masks").mkdir()
        Image.new("RGB", shape[::-1], (200, 90, 30)).save(folder / name / "images/one.jpg")
        labels = np.zeros(shape, np.uint8)
        labels[5:20, 5:25] = 7
        labels[22:26] = UNKNOWN
        write_labels(folder / name / "masks/one.png", labels)
    return folder


def test_unpacked_data_are_the_data(data, tmp_path):
    parts = list(pack(data, tmp_path / "parts", 60))
    assert [(part.path.name, part.pictures) for part in parts] == [
        ("video-1.zip", 3),
        ("stills-1.zip", 3),
    ]
    for part in parts:
        with zipfile.ZipFile(part.path) as file:
            file.extractall(tmp_path / "unpacked")
    before, after = load_clips(data, ()), load_clips(tmp_path / "unpacked", ())
    assert [clip.name for clip in after] == [clip.name for clip in before]
    for one, other in zip(before, after, strict=True):
        for t, frame in enumerate(one.frames):
            assert torch.equal(one.labels[t], other.labels[t]), one.name
            assert (frame.float() - other.frames[t]).abs().mean() < 4


def test_parts_are_no_larger_than_asked(data, tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "LARGEST", 2**19)
    parts = list(pack(data, tmp_path / "parts", 1))
    assert len(parts) == 2
    with pytest.raises(ConfigError, match=r"0\.5 MiB are too small"):
        next(pack(data, tmp_path / "parts", 0.5))


def test_many_parts_hold_every_picture_once(data, tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "LARGEST", 2000)
    monkeypatch.setattr(packing, "_encode", lambda picture: [(picture.picture_name, b"." * 1500)])
    parts = list(pack(data, tmp_path / "parts", 4000 / 2**20))
    assert [part.pictures for part in parts] == [2, 1, 2, 1]
    assert all(part.path.stat().st_size <= 4000 for part in parts)
    names = [name for part in parts for name in zipfile.ZipFile(part.path).namelist()]
    assert len(names) == len(set(names)) == 6
