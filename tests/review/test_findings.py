"""What is found in constructed label maps and pictures."""

import numpy as np
import pytest

from rotoline.review.findings import Finding, find_all
from rotoline.review.measures import Measuring
from rotoline.review.ranking import LISTED, rank_frames, suppress_neighbours, urgencies

SIZE = (60, 100)
RED, BLUE = (200, 30, 30), (30, 30, 200)


def square(row, col, side=16, label=1, on=None):
    labels = np.zeros(SIZE, np.uint8) if on is None else on.copy()
    labels[row : row + side, col : col + side] = label
    return labels


def findings(labels, *, confidence=0.9, colours=None, marked=(), indices=None):
    """Kind, frame and objects of all findings in label maps."""
    ids = sorted(set(np.unique(labels).tolist()) - {0})
    measuring = Measuring(ids, SIZE, [f"f{t}" for t in marked])
    for t, one in enumerate(labels):
        values = confidence[t] if isinstance(confidence, list) else confidence
        colour = colours[t] if colours else RED
        picture = np.full((*SIZE, 3), colour, np.uint8)
        index = t if indices is None else indices[t]
        measuring.add(f"f{t}", index, one, dict.fromkeys(ids, values), picture)
    return find_all(measuring.finish())


def kinds(*args, **kwargs):
    return [(one.kind, one.frame, one.object_ids) for one in findings(*args, **kwargs)]


def test_nothing_is_found_in_an_object_that_moves_steadily():
    assert kinds([square(20, 5 + 12 * t) for t in range(6)]) == []
    assert kinds([np.zeros(SIZE, np.uint8), square(20, 20)]) == []  # a new object


def test_low_confidence_of_a_visible_object():
    found = findings([square(20, 20)] * 3, confidence=[0.9, 0.4, 0.8])
    assert [(one.kind, one.frame) for one in found] == [("low confidence", 1)]
    assert found[0].severity == pytest.approx(0.6)
    assert found[0].reason == "object 1: confidence 0.40"


def test_jumps_in_area_and_place():
    grown = [square(20, 20), square(20, 20), square(16, 16, 24)]
    assert kinds(grown) == [("area", 2, (1,))]
    moved = [square(20, 5), square(20, 5), square(20, 60), square(20, 60)]
    assert kinds(moved) == [("place", 2, (1,))]


def test_changes_of_a_few_pixels_are_no_jumps():
    assert kinds([square(20, 20, 1), square(20, 20, 1), square(20, 21, 1)]) == []


def test_frames_without_results_between_two_are_no_jump():
    assert kinds([square(20, 5), square(20, 60)], indices=[3, 9]) == []


def test_objects_that_begin_to_touch_and_that_take_over():
    apart = square(20, 60, label=2, on=square(20, 10))
    touch = square(20, 26, label=2, on=square(20, 10))
    found = kinds([apart, touch, touch])
    assert ("contact", 1, (1, 2)) in found
    assert ("contact", 2, (1, 2)) not in found
    swapped = square(20, 60, label=1, on=square(20, 10, label=2))
    taken = [one for one in findings([apart, swapped]) if one.kind == "taken over"]
    assert [one.object_ids for one in taken] == [(1, 2), (2, 1)]
    assert taken[0].severity == 1
    assert taken[0].reason == "object 2 takes 100% of the place of object 1"


def test_an_object_that_vanishes_and_returns():
    empty = np.zeros(SIZE, np.uint8)
    found = findings([square(20, 20), empty, empty, square(20, 0), empty])
    assert [(one.kind, one.frame) for one in found] == [
        ("vanishes", 1),
        ("returns", 3),
        ("vanishes", 4),
    ]
    assert [one.reason for one in found] == [
        "object 1 vanishes inside the frame",
        "object 1 returns at the border of the frame after 2 frames",
        "object 1 vanishes at the border of the frame",
    ]
    assert found[0].severity > found[2].severity


def test_a_scene_cut_is_found_and_explains_the_jumps():
    moved = [square(20, 5), square(20, 5), square(20, 60), square(20, 60)]
    assert kinds(moved, colours=[RED, RED, BLUE, BLUE]) == [("cut", 2, ())]


def test_a_flash_is_no_cut():
    colours = [RED, RED, (255, 255, 255), RED, RED]
    assert kinds([square(20, 20)] * 5, colours=colours) == []


def test_a_marked_frame_is_right_and_the_one_before_it_is_not():
    moved = [square(20, 5), square(20, 5), square(20, 60), square(20, 60)]
    found = findings(moved, marked=[2], confidence=[0.9, 0.9, 0.1, 0.9])
    assert [(one.kind, one.frame) for one in found] == [("place", 1)]
    assert found[0].reason.startswith("from here to the marked frame f2, object 1")
    assert kinds(moved, marked=[1, 2]) == []


def finding(frame, severity, *object_ids):
    return Finding(frame, "low confidence", object_ids or (1,), severity, "")


def test_urgency_counts_each_object_once():
    found = [finding(0, 0.5), finding(0, 0.4), finding(0, 0.3, 2), finding(1, 0.4, 1, 2)]
    assert urgencies(found, 3) == pytest.approx([0.8, 0.4, 0])


def test_the_ranking_spreads_over_the_clip():
    bad = [finding(t, 0.6 + t / 1000) for t in range(100, 130)] + [finding(20, 0.4)]
    listed = rank_frames(bad, 200)
    frames = [one.frame for one in listed]
    assert frames[0] == 129
    assert 20 in frames
    assert np.diff(sorted(frames)).min() > 5
    assert len(rank_frames([finding(t, 0.5) for t in range(10_000)], 10_000)) == LISTED


def test_what_was_found_around_a_listed_frame_is_listed_with_it():
    listed = rank_frames([finding(50, 0.9), finding(52, 0.5, 2), finding(51, 0.5)], 100)
    assert [one.frame for one in listed] == [50]
    assert [one.frame for one in listed[0].nearby] == [52]
    assert listed[0].object_ids == [1, 2]


def test_neighbours_are_suppressed():
    values = np.array([0, 0.5, 0.9, 0.5, 0, 0.3])
    assert suppress_neighbours(values, 1, 9) == [2, 5]
    assert suppress_neighbours(values, 0, 2) == [2, 1]
