"""What was drawn, as pixels."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.spatial import cKDTree

from rotoline.interact import Stroke, apply_exact, draw_hints
from rotoline.interact.strokes import draw_seeds

SIZE = (24, 32)
COORDINATES = st.tuples(
    st.floats(-6, 40, allow_nan=False, width=32), st.floats(-6, 30, allow_nan=False, width=32)
)


def centres():
    rows, cols = np.mgrid[: SIZE[0], : SIZE[1]]
    return cols + 0.5, rows + 0.5


def brush(*points, radius=3.0, tool="brush"):
    return Stroke(tool=tool, radius=radius, points=points)


@settings(max_examples=50, deadline=None)
@given(COORDINATES, st.sampled_from([0.5, 1, 1.5, 2.5, 7.25, 40]))
def test_brush_at_a_point_paints_the_pixels_whose_centres_lie_within_its_radius(point, radius):
    x, y = centres()
    expected = (x - point[0]) ** 2 + (y - point[1]) ** 2 <= radius**2 + 1e-9
    painted = apply_exact(None, [brush(point, radius=radius)], SIZE)
    # Centres as far away as a rounding error from the circle are either.
    is_clear = np.abs(np.hypot(x - point[0], y - point[1]) - radius) > 1e-6
    np.testing.assert_array_equal(painted[is_clear], expected[is_clear])


@settings(max_examples=20, deadline=None)
@given(st.lists(COORDINATES, min_size=2, max_size=5), st.sampled_from([0.5, 2, 3.75]))
def test_brush_paints_what_lies_within_its_radius_of_the_line(points, radius):
    x, y = centres()
    dense = np.concatenate([np.linspace(a, b, 500) for a, b in pairwise(points)])
    centre = np.stack((x.ravel(), y.ravel()), axis=1)
    distance = cKDTree(dense).query(centre)[0].reshape(SIZE)
    painted = apply_exact(None, [brush(*points, radius=radius)], SIZE)
    is_clear = np.abs(distance - radius) > 0.02
    np.testing.assert_array_equal(painted[is_clear], (distance < radius)[is_clear])


def test_one_pixel_wide_brush_on_a_centre_paints_one_pixel():
    painted = apply_exact(None, [brush((7.5, 4.5), radius=0.5)], SIZE)
    assert np.argwhere(painted).tolist() == [[4, 7]]


def test_polygon_has_the_pixels_whose_centres_it_goes_around():
    x, y = centres()
    square = Stroke(tool="polygon", points=((3, 2), (10, 2), (10, 8), (3, 8)))
    inside = apply_exact(None, [square], SIZE)
    np.testing.assert_array_equal(inside, (x > 3) & (x < 10) & (y > 2) & (y < 8))
    triangle = Stroke(tool="polygon", points=((-5, -5), (30.2, -5), (-5, 30.2)))
    np.testing.assert_array_equal(apply_exact(None, [triangle], SIZE), x + y < 25.2)
    # Both turns of a line that crosses itself are inside, and so is where it goes around twice.
    twice = Stroke(tool="polygon", points=square.points * 2)
    np.testing.assert_array_equal(apply_exact(None, [twice], SIZE), inside)
    hole = Stroke(tool="polygon", is_object=False, points=((5, 4), (7, 4), (7, 6), (5, 6)))
    assert (inside & ~apply_exact(inside, [hole], SIZE)).sum() == 4


def test_exact_strokes_count_in_the_order_in_which_they_were_drawn():
    paint, rub = brush((8, 8), radius=4), brush((10, 8), radius=4, tool="eraser")
    painted, rubbed = (
        apply_exact(None, [brush(one.points[0], radius=4)], SIZE) for one in (paint, rub)
    )
    np.testing.assert_array_equal(apply_exact(None, [paint, rub], SIZE), painted & ~rubbed)
    np.testing.assert_array_equal(apply_exact(None, [rub, paint], SIZE), painted)


def test_hints_of_strokes_and_boxes():
    x, y = centres()
    box = Stroke(tool="box", points=((20, 18), (4, 6)))
    outside = ~((x > 4) & (x < 20) & (y > 6) & (y < 18))
    hints = draw_hints([box], SIZE)
    np.testing.assert_array_equal(hints.negative, outside)
    assert not hints.positive.any()
    np.testing.assert_array_equal(hints.unknown, ~outside)
    seeds = draw_seeds([box], SIZE)
    assert seeds[12, 12]
    assert not (seeds & ((np.abs(x - 12) > 4) | (np.abs(y - 12) > 3))).any()
    is_not = Stroke(tool="box", is_object=False, points=((4, 6), (20, 18)))
    np.testing.assert_array_equal(draw_hints([is_not], SIZE).negative, ~outside)
    # A stroke counts more than a box, and the later of two strokes more than the earlier.
    yes = brush((2, 2), (12, 12), radius=2, tool="stroke")
    no = Stroke(tool="stroke", is_object=False, radius=2, points=((12, 12),))
    hints = draw_hints([no, yes, box], SIZE)
    assert hints.positive[2, 2]
    assert hints.positive[11, 11]
    assert not draw_hints([yes, no], SIZE).positive[11, 11]
    assert (sum(part.astype(int) for part in hints) == 1).all()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tool": "box", "points": ((1, 1),)}, "two opposite corners"),
        ({"tool": "polygon", "points": ((1, 1), (2, 2))}, "at least three"),
        ({"tool": "brush", "points": ((1, 1),), "is_object": False}, "eraser"),
        ({"tool": "stroke", "points": ()}, "at least 1"),
        ({"tool": "stroke", "points": ((float("nan"), 1),)}, "finite"),
        ({"tool": "stroke", "points": ((1e9, 1),)}, "less than or equal"),
        ({"tool": "stroke", "points": ((1, 1),), "radius": 0}, "greater than 0"),
    ],
)
def test_strokes_that_mean_nothing_are_refused(wrong, said):
    with pytest.raises(ValidationError, match=said):
        Stroke(**wrong)
