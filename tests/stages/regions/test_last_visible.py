import numpy as np
import pytest

from rotoline.stages.regions import last_visible
from rotoline.stages.regions.last_visible import (
    NEARBY_MIN_SCORE,
    NEARBY_RADIUS,
    LastVisible,
    object_pixels_to_remove,
    pixels_to_remove,
)

CONFIG = LastVisible()


@pytest.fixture(autouse=True)
def _nothing_is_near(monkeypatch):
    """Everything would be near on maps as small as these; one test is about being near."""
    monkeypatch.setattr(last_visible, "NEARBY_RADIUS", 0)


def removed_of(scores, last, hidden, largest=100):
    """The pixels removed from objects last seen in `last`, `hidden` frames ago."""
    count = len(scores)
    return pixels_to_remove(scores, last, np.full(count, largest), np.full(count, hidden), CONFIG)


def test_look_alike_far_away_goes_and_the_object_stays():
    score = np.zeros((8, 12))
    score[2:5, 1:4] = 0.9
    score[2:6, 8:12] = 0.95
    last_seen = np.zeros((8, 12), bool)
    last_seen[2:5, 2:5] = True
    removed = object_pixels_to_remove(score, last_seen, CONFIG)
    assert removed[2:6, 8:12].all()
    assert removed.sum() == 16


def test_part_inside_the_last_mask_stays_with_the_best_region():
    """A thin occluder cuts the object in two; both parts were inside it a frame ago."""
    score = np.full((6, 9), 0.8)
    score[:, 5] = 0.1
    removed = object_pixels_to_remove(score, np.ones((6, 9), bool), CONFIG)
    assert not removed.any()


def test_part_that_emerges_behind_a_pole_stays_if_it_is_certain(monkeypatch):
    monkeypatch.setattr(last_visible, "NEARBY_RADIUS", NEARBY_RADIUS)
    assert (NEARBY_RADIUS, NEARBY_MIN_SCORE) == (4, 0.8)
    last_seen = np.zeros((12, 30), bool)
    last_seen[:, :8] = True
    score = np.where(last_seen, 0.9, 0.0)
    score[:, 10:12] = 0.85  # behind the pole, which covers columns 8 and 9
    score[:, 25:] = 0.95
    removed = object_pixels_to_remove(score, last_seen, CONFIG)
    assert not removed[:, 10:12].any()
    assert removed[:, 25:].all()
    score[:, 10:12] = 0.75
    assert object_pixels_to_remove(score, last_seen, CONFIG)[:, 10:12].all()


def test_hidden_object_loses_every_region():
    score = np.zeros((6, 6))
    score[0, 0] = 0.9
    last_seen = np.zeros((6, 6), bool)
    last_seen[4:, 4:] = True
    assert object_pixels_to_remove(score, last_seen, CONFIG)[0, 0]


def test_object_hidden_for_long_may_reappear_in_another_place():
    scores = np.zeros((1, 6, 6))
    scores[0, 0, :3] = 0.97
    scores[0, 2, :3] = 0.85
    last = np.zeros((1, 6, 6), bool)
    last[0, 5, 5] = True
    regions = scores[0] > 0.5
    best = np.arange(6)[:, None] < 1
    hidden = CONFIG.reentry_min_hidden_frames
    assert (removed_of(scores, last, hidden - 1)[0] == regions).all()
    assert (removed_of(scores, last, hidden)[0] == regions & ~best).all()
    uncertain = np.minimum(scores, 0.75)
    assert (removed_of(uncertain, last, 50)[0] == regions).all()


def test_object_does_not_reappear_as_something_far_larger():
    scores = np.zeros((1, 6, 6))
    scores[0, :3] = 0.99  # 18 pixels
    last = np.zeros((1, 6, 6), bool)
    last[0, 5, 5] = True
    assert not removed_of(scores, last, 50, largest=9).any()
    assert removed_of(scores, last, 50, largest=8).sum() == 18


def test_object_does_not_reappear_as_another_object():
    scores = np.zeros((2, 4, 4))
    scores[0, 0] = 0.97
    scores[1, 0] = 0.99
    last = np.zeros((2, 4, 4), bool)
    last[0, 3, 3] = True
    last[1, 0] = True
    removed = removed_of(scores, last, 50)
    assert removed[0, 0].all()
    assert not removed[1].any()


def test_maps_without_regions_or_without_anything_else_are_fine():
    nothing = np.zeros((3, 3), bool)
    assert not object_pixels_to_remove(np.zeros((3, 3)), nothing, CONFIG).any()
    assert object_pixels_to_remove(np.ones((3, 3)), nothing, CONFIG).all()


def test_diagonal_neighbours_are_one_region():
    score = np.array([[0.9, 0.0], [0.0, 0.9]])
    last_seen = np.array([[True, False], [False, False]])
    assert not object_pixels_to_remove(score, last_seen, CONFIG).any()


def test_equal_overlap_goes_to_the_larger_region(monkeypatch):
    monkeypatch.setattr(last_visible, "MIN_IOU", 0.0)
    score = np.array([[0.9, 0.9, 0.0, 0.9]])
    removed = object_pixels_to_remove(score, np.zeros((1, 4), bool), CONFIG)
    assert removed.tolist() == [[False, False, False, True]]
