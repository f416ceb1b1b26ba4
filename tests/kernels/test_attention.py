"""Readouts by similarity: what they mean, by hand and against the reference."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from rotoline.kernels.attention import local_attention, memory_attention, reference

SETTINGS = settings(deadline=None, derandomize=True, max_examples=40)
few = st.integers(1, 5)


def scalar(value):
    return torch.tensor(value, dtype=torch.float64)


def draw(generator, *shape):
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def units(generator, *shape):
    return functional.normalize(draw(generator, *shape) - 0.5, dim=0)


def near_case(seed, channels, count, size):
    generator = torch.Generator().manual_seed(seed)
    queries, keys = (units(generator, channels, *size) for _ in range(2))
    return queries, keys, draw(generator, count, *size)


def far_case(seed, channels, count, pixels):
    generator = torch.Generator().manual_seed(seed)
    queries, keys = (units(generator, channels, extent) for extent in pixels)
    present = (draw(generator, count, pixels[1]) > 0.4).double()
    return queries, keys, draw(generator, count, pixels[1]), present


def test_near_matches_hand_worked_cases():
    # What is one column away has half the weight, and so has what is one row away.
    blank, values = torch.zeros(1, 1, 2, dtype=torch.float64), scalar([[[0.0, 3.0]]])
    half = {"sharpness": scalar(0.0), "decay": scalar(math.log(2)), "reach": 1}
    torch.testing.assert_close(
        local_attention(blank, blank, values, **half), scalar([[[1.0, 2.0]]])
    )
    # The outermost row counts twice at the border.
    blank, values = torch.zeros(1, 3, 1, dtype=torch.float64), scalar([[[3.0], [6.0], [0.0]]])
    flat = {"sharpness": scalar(0.0), "decay": scalar(0.0), "reach": 1}
    expected = scalar([[[4.0], [3.0], [2.0]]])
    torch.testing.assert_close(local_attention(blank, blank, values, **flat), expected)
    # What looks the same counts four times what does not, and the two change places.
    keys, values = torch.eye(2, dtype=torch.float64)[:, None], scalar([[[5.0, 10.0]]])
    alike = {"sharpness": scalar(math.log(4)), "decay": scalar(0.0), "reach": 1}
    found = local_attention(keys.flip(2), keys, values, **alike)
    torch.testing.assert_close(found, scalar([[[9.0, 6.0]]]))


def test_far_matches_hand_worked_cases():
    queries = scalar([[1.0], [0.0]])
    keys = scalar([[1.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # weights 2, 1 and 1/2
    values = scalar([[1.0, 0.0, 1.0]]).expand(3, 3)
    present = scalar([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    found = memory_attention(queries, keys, values, present, sharpness=scalar(math.log(2)))
    # All known; the best match unknown; nothing known.
    torch.testing.assert_close(found[:, 0], scalar([2.5 / 3.5, 0.5 / 1.5, 0.5]))


@pytest.mark.parametrize(("ratio", "expected"), [(900.0, 1.0), (1100.0, 0.5)])
def test_far_says_half_where_what_is_known_hardly_matches(ratio, expected):
    keys = torch.eye(2, dtype=torch.float64)
    values = present = scalar([[0.0, 1.0]])
    found = memory_attention(keys[:, :1], keys, values, present, sharpness=scalar(math.log(ratio)))
    torch.testing.assert_close(found, scalar([[expected]]))


@given(seed=few, channels=few, count=few, size=st.tuples(few, few), reach=st.integers(1, 7))
@SETTINGS
def test_near_agrees_with_the_reference(seed, channels, count, size, reach):
    case = near_case(seed, channels, count, size)
    found = local_attention(*case, sharpness=scalar(5.0), decay=scalar(0.7), reach=reach)
    expected = reference.local_attention(
        *(part.numpy() for part in case), sharpness=5.0, decay=0.7, reach=reach
    )
    torch.testing.assert_close(found, torch.from_numpy(expected), rtol=1e-10, atol=1e-10)


@given(seed=few, channels=few, count=few, pixels=st.tuples(few, st.integers(1, 12)))
@SETTINGS
def test_far_agrees_with_the_reference(seed, channels, count, pixels):
    case = far_case(seed, channels, count, pixels)
    found = memory_attention(*case, sharpness=scalar(3.0))
    expected = reference.memory_attention(*(part.numpy() for part in case), sharpness=3.0)
    torch.testing.assert_close(found, torch.from_numpy(expected), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("sharpness", [0.1, 20.0, 500.0])
def test_nothing_leaves_the_range_of_the_values(sharpness):
    """In single precision too, and however sharp."""
    sharpness = torch.tensor(sharpness)
    case = [part.float() for part in near_case(0, 4, 3, (6, 7))]
    near = local_attention(*case, sharpness=sharpness, decay=torch.tensor(1.0), reach=4)
    far = memory_attention(
        *(part.float() for part in far_case(0, 4, 3, (9, 30))), sharpness=sharpness
    )
    for read in (near, far):
        assert -1e-6 <= float(read.min()) <= float(read.max()) <= 1 + 1e-6
    ones = local_attention(
        *case[:2], torch.ones_like(case[2]), sharpness=sharpness, decay=sharpness, reach=4
    )
    torch.testing.assert_close(ones, torch.ones_like(ones))


def test_gradients():
    def near(queries, keys, values, sharpness, decay):
        return local_attention(queries, keys, values, sharpness=sharpness, decay=decay, reach=2)

    def far(queries, keys, values, sharpness):
        return memory_attention(queries, keys, values, present, sharpness=sharpness)

    case = (*near_case(1, 2, 2, (3, 2)), scalar(3.0), scalar(0.5))
    assert torch.autograd.gradcheck(near, [part.requires_grad_() for part in case])
    *case, present = far_case(1, 3, 2, (3, 5))
    present[0] = 0  # constant one half
    case.append(scalar(3.0))
    assert torch.autograd.gradcheck(far, [part.requires_grad_() for part in case])
