import numpy as np
import pytest

from rotoline.errors import InputError
from rotoline.evaluation.measure import mean_scores
from rotoline.evaluation.rows import Row, difference, mean_over


def test_clip_measured_with_two_weights_counts_once(make_measure):
    clips = [
        make_measure("girls", [0.2, 0.4], weights="odd"),
        make_measure("girls", [0.6, 0.8], weights="even"),
        make_measure("bear", [0.9, 0.9, 0.9]),
    ]
    row = Row(name="mean", clips=clips)
    assert row.count == 2
    assert row.scores["J&F"] == pytest.approx((0.5 + 0.9) / 2)
    assert row.interval.mean == pytest.approx(0.7)
    assert mean_over(clips, lambda one: one.j[0]) == pytest.approx((0.4 + 0.9) / 2)


def test_gap_is_the_mean_of_differences_of_the_same_frames(make_measure):
    unseen = [make_measure("a", [0.5, 0.7]), make_measure("b", [0.1] * 3)]
    fitted = [make_measure("b", [0.3] * 3), make_measure("a", [0.7, 0.9])]
    gap = Row(name="gap", clips=fitted, minus=unseen)
    assert gap.interval == pytest.approx((0.2, 0.2, 0.2))
    assert gap.scores["J"] == pytest.approx(0.2)


def test_difference_is_paired_by_clip(make_measure):
    before = Row(name="all", clips=[make_measure("a", [0.1, 0.9]), make_measure("b", [0.5] * 4)])
    after = Row(name="all", clips=[make_measure("b", [0.6] * 4), make_measure("a", [0.2, 1.0])])
    assert difference(before, after) == pytest.approx((0.1, 0.1, 0.1))
    alone = Row(name="all", clips=after.clips[:1])
    with pytest.raises(InputError, match="different clips in the row all: a is in one of them"):
        difference(before, alone)


def test_clip_with_coarse_masks_has_the_j_alone(make_measure):
    coarse, exact = make_measure("a", [0.5, 0.7], f=()), make_measure("b", [0.4], f=[0.8])
    assert coarse.scores == pytest.approx({"J&F": 0.6, "J": 0.6, "J recall": 0.5})
    assert coarse.j_and_f_per_frame.tolist() == [0.5, 0.7]
    means = mean_scores([coarse, exact])
    assert means["J&F"] == pytest.approx(0.6)
    assert means["F"] == pytest.approx(0.8)
    assert np.isnan(mean_scores([coarse])["F"])
