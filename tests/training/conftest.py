"""Clips as the training holds them."""

import pytest
import torch

from rotoline.training.clips import Clip
from rotoline.training.draw import Draw


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
    """A function that makes a `Draw` of a seed."""
    return lambda seed: Draw(torch.Generator().manual_seed(seed))
