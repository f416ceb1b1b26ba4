import numpy as np
import pytest
import torch

from rotoline.stages.regions import REMOVED, RegionsConfig, Seen, choose_regions, remove_regions

CONFIG = RegionsConfig(reach=0)
"""Everything is near on maps as small as these; one test is about being near."""


def seen(last, *hidden, largest=100):
    """Objects that were last seen there and never covered more than `largest` pixels."""
    return Seen(last, np.full(len(hidden), largest), np.array(hidden))


def test_look_alike_far_away_goes_and_the_object_stays():
    score = np.zeros((8, 12))
    score[2:5, 1:4] = 0.9
    score[2:6, 8:12] = 0.95
    last_seen = np.zeros((8, 12), bool)
    last_seen[2:5, 2:5] = True
    removed = choose_regions(score, last_seen, CONFIG)
    assert removed[2:6, 8:12].all()
    assert removed.sum() == 16


def test_part_inside_the_last_mask_stays_beside_the_best_region():
    """A thin occluder cuts the object in two; both parts were inside it a frame ago."""
    score = np.full((6, 9), 0.8)
    score[:, 5] = 0.1
    removed = choose_regions(score, np.ones((6, 9), bool), CONFIG)
    assert not removed.any()


def test_part_that_comes_out_behind_a_pole_stays_if_it_is_sure():
    last_seen = np.zeros((12, 30), bool)
    last_seen[:, :8] = True
    score = np.where(last_seen, 0.9, 0.0)
    score[:, 10:12] = 0.85  # beside the pole, columns 8 and 9
    score[:, 25:] = 0.95
    config = RegionsConfig(reach=4, near_score=0.8)
    removed = choose_regions(score, last_seen, config)
    assert not removed[:, 10:12].any()
    assert removed[:, 25:].all()
    score[:, 10:12] = 0.75
    assert choose_regions(score, last_seen, config)[:, 10:12].all()


def test_hidden_object_loses_every_region():
    score = np.zeros((6, 6))
    score[0, 0] = 0.9
    last_seen = np.zeros((6, 6), bool)
    last_seen[4:, 4:] = True
    assert choose_regions(score, last_seen, CONFIG)[0, 0]


def test_object_hidden_for_long_may_come_back_elsewhere():
    score = np.zeros((6, 6))
    score[0, :3] = 0.97
    score[2, :3] = 0.8
    logits = torch.tensor(score).logit(eps=1e-4)[None].float()
    last_seen = np.zeros((1, 6, 6), bool)
    last_seen[0, 5, 5] = True
    for frames, stays in ((CONFIG.return_after - 1, False), (CONFIG.return_after, True)):
        kept = remove_regions(logits, seen(last_seen, frames), CONFIG).sigmoid()[0]
        assert bool(kept[0, 0] > 0.9) is stays
        assert kept[2].max() < 0.1
    uncertain = logits.clamp(max=1.0)
    kept = remove_regions(uncertain, seen(last_seen, 50), CONFIG)
    assert kept.max() < 0


def test_object_does_not_come_back_as_something_far_larger():
    logits = torch.full((1, 6, 6), -5.0)
    logits[0, :3] = 5.0  # 18 pixels
    last_seen = np.zeros((1, 6, 6), bool)
    last_seen[0, 5, 5] = True
    for largest, stays in ((9, True), (8, False)):
        kept = remove_regions(logits, seen(last_seen, 50, largest=largest), CONFIG)
        assert bool(kept.max() > 0) is stays


def test_object_does_not_come_back_as_another_object():
    logits = torch.full((2, 4, 4), -5.0)
    logits[0, 0, :] = 4.0
    logits[1, 0, :] = 6.0
    last_seen = np.zeros((2, 4, 4), bool)
    last_seen[0, 3, 3] = True
    last_seen[1, 0] = True
    kept = remove_regions(logits, seen(last_seen, 50, 0), CONFIG)
    assert kept[0].max() < 0
    assert kept[1, 0].min() == 6.0


def test_diagonal_neighbours_are_one_region():
    score = np.array([[0.9, 0.0], [0.0, 0.9]])
    last_seen = np.array([[True, False], [False, False]])
    assert not choose_regions(score, last_seen, CONFIG).any()


def test_equal_overlap_goes_to_the_larger_region():
    score = np.array([[0.9, 0.9, 0.0, 0.9]])
    removed = choose_regions(
        score, np.zeros((1, 4), bool), CONFIG.model_copy(update={"least_overlap": 0.0})
    )
    assert removed.tolist() == [[False, False, False, True]]


def test_kept_pixels_keep_their_logits():
    logits = torch.tensor([[[3.0, 2.0, -1.0, 1.5]]])
    last_seen = np.array([[[True, True, False, False]]])
    result = remove_regions(logits, seen(last_seen, 0), CONFIG)
    assert result.tolist() == [[[3.0, 2.0, -1.0, REMOVED]]]
    off = CONFIG.model_copy(update={"enabled": False})
    assert remove_regions(logits, seen(last_seen, 0), off) is logits


@pytest.mark.parametrize("value", [0.0, 1.0, -2])
def test_refuses_thresholds_out_of_range(value):
    with pytest.raises(ValueError, match="threshold"):
        RegionsConfig(threshold=value)
