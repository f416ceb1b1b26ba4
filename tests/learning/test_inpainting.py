import pytest
import torch
from torch.nn import functional

from rotoline.learning.inpainting import inpaint_background


def hole(size, rows, cols):
    inside = torch.zeros(1, *size)
    inside[:, rows, cols] = 1
    return inside


HOLES = {
    "none": hole((40, 56), slice(0), slice(0)),
    "in the middle": hole((40, 56), slice(10, 30), slice(15, 40)),
    "at the border": hole((40, 56), slice(None), slice(0, 30)),
    "all but a corner": 1 - hole((33, 47), slice(0, 4), slice(0, 4)),
    "nearly all of a wide picture": hole((16, 256), slice(None), slice(8, None)),
}


@pytest.mark.parametrize("inside", HOLES.values(), ids=HOLES)
@pytest.mark.slow
def test_filled_hole_looks_like_its_surroundings(inside):
    size = inside.shape[1:]
    even = torch.tensor([10.0, 100.0, 250.0])[:, None, None].expand(3, *size)
    torch.testing.assert_close(inpaint_background(even, inside), even, rtol=1e-4, atol=1e-2)
    picture = 50 + 100 * torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    loud = torch.where(inside > 0, 1000.0, picture)  # what is in the hole does not count
    filled = inpaint_background(loud, inside)
    near = functional.max_pool2d(inside, 5, stride=1, padding=2) > 0
    torch.testing.assert_close(filled[:, ~near[0]], picture[:, ~near[0]])
    assert filled.min() >= 49
    assert filled.max() <= 151


def test_hole_without_surroundings_is_black():
    assert not inpaint_background(torch.full((3, 30, 41), 99.0), torch.ones(1, 30, 41)).any()
