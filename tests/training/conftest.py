"""Clips as the training holds them."""

import pytest
import torch
from PIL import Image

from rotoline.data.sampler import Sampler
from rotoline.data.training_clips import Clip


@pytest.fixture
def clips(make_clip):
    """Two short clips."""
    made = []
    for name, ids in (("a", (1,)), ("b", (1, 1))):
        pictures, labels = make_clip(frames=5, ids=ids)
        frames = [torch.from_numpy(p).permute(2, 0, 1).contiguous() for p in pictures]
        made.append(Clip(name, frames, [torch.from_numpy(label) for label in labels]))
    return made


@pytest.fixture
def draw_from():
    """A function that makes a `Sampler` of a seed."""
    return lambda seed: Sampler(torch.Generator().manual_seed(seed))


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
