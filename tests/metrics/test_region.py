import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from rotoline.errors import InputError
from rotoline.metrics import reference, region_similarity

EMPTY = np.zeros((4, 6), dtype=bool)
FULL = np.ones((4, 6), dtype=bool)


@st.composite
def mask_pairs(draw):
    shape = draw(array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=8))
    return draw(arrays(bool, shape)), draw(arrays(bool, shape))


def square(column):
    mask = np.zeros((10, 10), dtype=bool)
    mask[2:5, column : column + 3] = True
    return mask


@pytest.mark.parametrize(
    ("prediction", "truth", "expected"),
    [
        (square(2), square(2), 1.0),
        (square(3), square(2), 6 / 12),
        (square(4), square(2), 3 / 15),
        (square(5), square(2), 0.0),
        (square(2), np.ones((10, 10), dtype=bool), 9 / 100),
        (EMPTY, EMPTY, 1.0),
        (EMPTY, FULL, 0.0),
        (FULL, EMPTY, 0.0),
        (np.ones((1, 1), dtype=bool), np.ones((1, 1), dtype=bool), 1.0),
        (np.ones((0, 3), dtype=bool), np.ones((0, 3), dtype=bool), 1.0),
    ],
)
def test_matches_hand_worked_cases(prediction, truth, expected):
    value = region_similarity(prediction, truth)
    assert value == expected
    assert type(value) is float


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(mask_pairs())
def test_agrees_with_the_reference(pair):
    assert region_similarity(*pair) == reference.region_similarity(*pair)


@pytest.mark.parametrize(
    ("prediction", "truth", "message"),
    [
        (EMPTY, EMPTY[:, :5], r"4 x 6 but truth is 4 x 5 .*resize the prediction"),
        (EMPTY.astype(np.uint8), EMPTY, r"prediction holds uint8 values; a mask is bool"),
        (EMPTY, EMPTY[None], r"truth has shape \(1, 4, 6\)"),
    ],
)
def test_refuses_masks_that_cannot_be_compared(prediction, truth, message):
    with pytest.raises(InputError, match=message):
        region_similarity(prediction, truth)
