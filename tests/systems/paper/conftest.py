"""A shallow network, untrained, and a frame with two easy objects."""

import pytest
import torch

from rotoline.systems.paper.fine_tuning import AnnotatedFrame
from rotoline.systems.paper.segmentation import SegmentationNet

SIZE = (64, 96)


@pytest.fixture(scope="module")
def net():
    """The network from which every object starts."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = SegmentationNet((1, 1, 1, 1)).requires_grad_(False).eval()
    for layer in (made.feat, made.score):  # as drawn they are so small that nothing moves for long
        layer.weight *= 20
    return made


@pytest.fixture
def annotated():
    """One frame with a red and a blue object on grey noise."""
    generator = torch.Generator().manual_seed(1)
    frame = 100 + 20 * torch.rand(1, 3, *SIZE, generator=generator)
    masks = torch.zeros(2, *SIZE)
    masks[0, 8:40, 8:40] = masks[1, 24:56, 56:88] = 1
    for channel, mask in ((0, masks[0]), (2, masks[1])):
        frame[0, :, mask > 0] = 20.0
        frame[0, channel, mask > 0] = 240.0
    return [AnnotatedFrame(frame, masks)]
