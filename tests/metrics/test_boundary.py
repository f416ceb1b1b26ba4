import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from rotoline.errors import InputError
from rotoline.metrics import boundary_accuracy, boundary_map, reference

# Tolerances that give these radii, in pixels, on a 10 x 10 frame (diagonal 14.14).
RADIUS_0, RADIUS_1, RADIUS_2 = 0.0, 0.008, 0.1


def mask_of(*rows):
    return np.array([[character == "#" for character in row] for row in rows])


def block(rows, columns, size=(10, 10)):
    mask = np.zeros(size, dtype=bool)
    mask[slice(*rows), slice(*columns)] = True
    return mask


def blobs(seed, size):
    """Two smooth random masks of one size that partly agree."""
    noise = np.random.default_rng(seed).normal(size=(2, *size))
    first, second = ndimage.gaussian_filter(noise, sigma=(0, 2, 2))
    return first > 0.1, first + 0.6 * second > 0.1


@st.composite
def mask_pairs(draw):
    shape = draw(array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=8))
    return draw(arrays(bool, shape)), draw(arrays(bool, shape))


@pytest.mark.parametrize(
    ("mask", "outline"),
    [
        (mask_of("...", ".#.", "..."), mask_of("##.", "##.", "...")),
        (mask_of("#..", "...", "..."), mask_of("#..", "...", "...")),
        # The last row looks east only, the last column south only, the corner nowhere.
        (mask_of("...", "...", "..#"), mask_of("...", ".##", ".#.")),
        (mask_of("...", "...", "#.."), mask_of("...", "#..", "#..")),
        (mask_of("..#", "...", "..."), mask_of(".##", "...", "...")),
        (mask_of("....", ".##.", ".##.", "...."), mask_of("###.", "#.#.", "###.", "....")),
        (mask_of(".##"), mask_of("#..")),
        (mask_of(".", "#", "#"), mask_of("#", ".", ".")),
        (mask_of("###", "###"), mask_of("...", "...")),
        (mask_of("#"), mask_of(".")),
    ],
)
def test_outline_matches_hand_worked_cases(mask, outline):
    before = mask.copy()
    np.testing.assert_array_equal(boundary_map(mask), outline)
    np.testing.assert_array_equal(mask, before)


# The outline of the 3 x 3 square is a ring of 4 x 4: 12 pixels. Moved by one column, the
# upper and the lower side share 3 + 3. Moved by two with radius 1, the right end of both
# sides (2 pixels) and the right side between them (2) find no partner: 8 of 12 do.
# The outline of one pixel is a block of 2 x 2. Moved by (2, 2), the nearest pixels of the
# two blocks are sqrt(2) apart, the next ones sqrt(5): radius 2 matches 1 of 4.
@pytest.mark.parametrize(
    ("prediction", "tolerance", "expected"),
    [
        (block((2, 5), (2, 5)), RADIUS_0, 1.0),
        (block((2, 5), (3, 6)), RADIUS_0, 6 / 12),
        (block((2, 5), (3, 6)), RADIUS_1, 1.0),
        (block((2, 5), (4, 7)), RADIUS_1, 8 / 12),
        (block((2, 5), (4, 7)), RADIUS_2, 1.0),
    ],
)
def test_moved_square_matches_hand_worked_cases(prediction, tolerance, expected):
    truth = block((2, 5), (2, 5))
    value = boundary_accuracy(prediction, truth, tolerance)
    assert value == pytest.approx(expected, abs=1e-15)
    assert type(value) is float
    assert value == boundary_accuracy(truth, prediction, tolerance)


@pytest.mark.parametrize(("tolerance", "expected"), [(RADIUS_1, 0.0), (RADIUS_2, 1 / 4)])
def test_tolerance_is_a_disk_and_not_a_square(tolerance, expected):
    truth, prediction = block((3, 4), (3, 4)), block((5, 6), (5, 6))
    assert boundary_accuracy(prediction, truth, tolerance) == expected


def test_a_false_speck_costs_precision_only():
    truth = block((2, 5), (2, 5))
    prediction = truth | block((8, 9), (8, 9))
    precision, recall = 12 / 16, 1.0
    expected = 2 * precision * recall / (precision + recall)
    assert boundary_accuracy(prediction, truth) == expected


@pytest.mark.parametrize(("shift", "expected"), [(8, 1.0), (9, 0.0)])
def test_default_radius_is_8_pixels_at_480p_for_an_object_at_the_border(shift, expected):
    size = (480, 854)
    truth, prediction = block((0, 480), (0, 300), size), block((0, 480), (0, 300 + shift), size)
    assert boundary_accuracy(prediction, truth) == expected


@pytest.mark.parametrize(
    ("prediction", "truth", "expected"),
    [
        (block((0, 0), (0, 0)), block((0, 0), (0, 0)), 1.0),
        (block((0, 0), (0, 0)), block((2, 5), (2, 5)), 0.0),
        (block((2, 5), (2, 5)), block((0, 0), (0, 0)), 0.0),
        # No outline inside the frame: full counts as empty, and so does any 1 x 1 frame.
        (block((0, 10), (0, 10)), block((0, 0), (0, 0)), 1.0),
        (block((0, 10), (0, 10)), block((2, 5), (2, 5)), 0.0),
        (mask_of("#"), mask_of("."), 1.0),
        (np.ones((0, 3), dtype=bool), np.ones((0, 3), dtype=bool), 1.0),
    ],
)
def test_masks_without_outline(prediction, truth, expected):
    assert boundary_accuracy(prediction, truth) == expected


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(mask_pairs(), st.sampled_from([0.0, 0.008, 0.15, 0.3, 0.99]))
@pytest.mark.slow
def test_agrees_with_the_reference_on_any_mask(pair, tolerance):
    outline = [tuple(pixel) for pixel in np.argwhere(boundary_map(pair[0])).tolist()]
    assert outline == reference.boundary_pixels(pair[0])
    assert boundary_accuracy(*pair, tolerance) == reference.boundary_accuracy(*pair, tolerance)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tolerance", [0.008, 0.05, 0.1])
def test_agrees_with_the_reference_on_blobs(seed, tolerance):
    prediction, truth = blobs(seed, size=(29, 43))
    value = boundary_accuracy(prediction, truth, tolerance)
    assert value == reference.boundary_accuracy(prediction, truth, tolerance)
    assert 0 < value < 1 or tolerance > 0.008


def test_agrees_with_the_distance_transform_at_480p():
    prediction, truth = blobs(5, size=(480, 854))
    predicted, true = boundary_map(prediction), boundary_map(truth)
    precision = (ndimage.distance_transform_edt(~true)[predicted] <= 8).mean()
    recall = (ndimage.distance_transform_edt(~predicted)[true] <= 8).mean()
    expected = 2 * precision * recall / (precision + recall)
    assert boundary_accuracy(prediction, truth) == pytest.approx(expected, rel=1e-12)


def test_refuses_bad_input():
    mask = block((2, 5), (2, 5))
    with pytest.raises(InputError, match=r"10 x 10 but truth is 9 x 10"):
        boundary_accuracy(mask, mask[:9])
    with pytest.raises(InputError, match=r"mask holds int64 values; a mask is bool"):
        boundary_map(mask.astype(np.int64))
    for tolerance in (-0.1, 1.0, 8, float("nan")):
        with pytest.raises(InputError, match=r"share of the frame's diagonal"):
            boundary_accuracy(mask, mask, tolerance)
