"""A data folder in small: drawn clips under the names of the development clips."""

import numpy as np
import pytest
from PIL import Image

from rotoline.io.masks import write_mask
from rotoline.model import load_model

DAVIS = "davis-2016-train"


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.fixture
def make_data(tmp_path, make_clip):
    """A function that writes sequences of one object, each further to the right than the one
    before, and schoolgirls with objects 2 and 5."""

    def make(*names, frames=5, girls=True):
        data = tmp_path / "data"
        for k, name in enumerate(names):
            pictures, labels = make_clip(frames=frames, speed=3 + 2 * k)
            pictures, labels = (np.roll(arrays, 40 * k, axis=2) for arrays in (pictures, labels))
            for kind, arrays in (("JPEGImages", pictures), ("Annotations", labels)):
                folder = data / DAVIS / kind / "480p" / name
                folder.mkdir(parents=True)
                for t, array in enumerate(arrays):
                    if kind == "JPEGImages":
                        Image.fromarray(array).save(folder / f"{t:05d}.jpg", quality=95)
                    else:
                        Image.fromarray(array > 0).save(folder / f"{t:05d}.png")
        if girls:
            pictures, labels = make_clip(frames=frames, ids=(2, 5))
            for kind in ("JPEGImages", "Annotations"):
                (data / "davis-2017-schoolgirls" / kind).mkdir(parents=True)
            for t, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
                at = data / "davis-2017-schoolgirls"
                Image.fromarray(picture).save(at / "JPEGImages" / f"{t:05d}.jpg", quality=95)
                write_mask(at / "Annotations" / f"{t:05d}.png", np.array(label))
        return data

    return make
