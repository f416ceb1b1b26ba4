"""Training data on disk."""

import pytest
from PIL import Image


@pytest.fixture
def write_data():
    """A function that writes clips into a folder of training data."""

    def write(folder, clips):
        for clip in clips:
            frames = folder / "davis-2016-train" / "JPEGImages" / "480p" / clip.name
            masks = folder / "davis-2016-train" / "Annotations" / "480p" / clip.name
            frames.mkdir(parents=True)
            masks.mkdir(parents=True)
            for index, (frame, label) in enumerate(zip(clip.frames, clip.labels, strict=True)):
                picture = Image.fromarray(frame.permute(1, 2, 0).numpy())
                picture.save(frames / f"{index:05d}.jpg")
                Image.fromarray(label.numpy() > 0).save(masks / f"{index:05d}.png")

    return write
