"""Results that are written without a run."""

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from rotoline.io.writers import find_writer
from rotoline.types import FrameResult


class Frames(NamedTuple):
    """The frames of a video of which nothing but the names and times is needed."""

    size: tuple[int, int]
    count: int
    path: Path = Path("clip.mp4")
    frame_rate: Fraction = Fraction(25)
    pixel_shape: Fraction = Fraction(1)
    problem: None = None

    def name(self, index):
        return f"{index:05d}"

    def find(self, name):
        return int(name) if name.isdigit() and int(name) < self.count else None

    def time(self, index):
        return index / 25


@pytest.fixture
def write_results(tmp_path):
    """A function that writes label maps in a format, and returns the path and the frames.

    The first half comes backwards, as frames before the first annotated one do.
    """

    def write(name, labels, ids, names=None, at=tmp_path / "out"):
        frames = Frames(labels[0].shape, len(labels))
        writer = find_writer(name)(at, frames)
        half = len(labels) // 2
        for index in [*reversed(range(half)), *range(half, len(labels))]:
            confidence = {i: 0.5 * bool((labels[index] == i).any()) for i in ids}
            writer.write(
                FrameResult(
                    index=index,
                    labels=labels[index],
                    confidence=confidence,
                    logits=torch.zeros(len(ids), 1, 1),
                    names=names or {},
                )
            )
        assert list(writer.finish()) in ([], [len(labels)])
        writer.close()
        return at / find_writer(name).target, frames

    return write


def _clip(size, *objects):
    """Label maps from `(id, frame, rows, columns)`."""
    labels = [np.zeros(size, np.uint8) for _ in range(4)]
    for object_id, frame, rows, columns in objects:
        labels[frame][rows, columns] = object_id
    return labels


EVERY = slice(None)
CLIPS = {
    "an object that is never visible": (_clip((6, 8), (1, 0, slice(1, 4), slice(2, 5))), [1, 9]),
    "the whole frame": (_clip((6, 8), (3, 0, EVERY, EVERY), (3, 3, EVERY, EVERY)), [3]),
    "one pixel in each corner": (
        _clip((5, 7), (1, 0, 0, 0), (2, 1, 0, 6), (3, 2, 4, 0), (4, 3, 4, 6)),
        [1, 2, 3, 4],
    ),
    "holes, and another object in one": (
        _clip(
            (9, 9),
            *((1, 1, slice(1, 8), slice(1, 8)), (0, 1, slice(2, 7), slice(2, 7))),
            *((2, 1, slice(3, 6), slice(3, 6)), (0, 1, 4, 4)),
        ),
        [1, 2],
    ),
    "one row": (_clip((1, 11), (1, 0, 0, slice(3, 9)), (1, 2, 0, slice(0, 2))), [1]),
    "one column": (_clip((13, 1), (1, 1, slice(3, 9), 0)), [1]),
    "leaving and returning": (
        _clip((6, 8), (1, 0, 2, slice(1, 3)), (1, 2, 3, slice(2, 8)), (2, 1, EVERY, 0)),
        [1, 2],
    ),
    "254 objects": ([np.arange(255, dtype=np.uint8).reshape(15, 17)] * 2, list(range(1, 255))),
}
"""Label maps of short clips, and the ids of all their objects."""


@pytest.fixture(params=CLIPS)
def clip(request):
    """The label maps of a short clip, and the ids of its objects."""
    return CLIPS[request.param]
