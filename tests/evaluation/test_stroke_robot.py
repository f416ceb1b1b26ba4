"""The robot that paints strokes."""

import numpy as np

from rotoline.evaluation.stroke_robot import draw_stroke, largest_region
from rotoline.interact import draw_hints


def paint(mask):
    stroke = draw_stroke(mask, is_object=True)
    return draw_hints([stroke] if stroke else [], mask.shape).positive


def test_stroke_runs_along_the_middle_of_the_largest_region():
    wrong = np.zeros((80, 200), dtype=bool)
    wrong[20:44, 20:180] = True  # a bar
    wrong[60:70, 5:15] = True  # something smaller
    stroke = paint(wrong)
    rows, cols = np.nonzero(stroke)
    assert not (stroke & ~wrong).any()
    assert 22 <= rows.min() <= rows.max() <= 42
    assert cols.min() < 40
    assert cols.max() > 160


def test_stroke_follows_a_bend_and_stays_inside():
    rows, cols = np.mgrid[:150, :150] - 75
    ring = (np.hypot(rows, cols) < 65) & (np.hypot(rows, cols) > 45) & (rows < 20)
    stroke = paint(ring)
    assert not (stroke & ~ring).any()
    assert abs(np.hypot(rows, cols)[stroke].mean() - 55) < 4
    assert stroke[:40].any()
    assert (stroke & (cols < -40)).any()
    assert (stroke & (cols > 40)).any()


def test_smallest_and_largest_regions_have_strokes():
    one = np.zeros((10, 12), dtype=bool)
    assert not paint(one).any()
    assert not largest_region(one).any()
    one[4, 7] = True
    assert np.array_equal(paint(one), one)
    line = np.zeros((300, 900), dtype=bool)
    line[150, 10:890] = True
    assert paint(line).any()
    assert paint(np.ones((480, 854), dtype=bool)).sum() > 800
