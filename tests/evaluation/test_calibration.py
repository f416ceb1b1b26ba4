import math

import numpy as np
import pytest

from rotoline.evaluation.calibration import (
    auroc,
    calibrate,
    expected_calibration_error,
    reliability,
    spearman,
    worst_decile_recall,
)

CONFIDENCE = np.array([0.0, 0.25, 0.25, 0.75, 1.0, 1.0])
QUALITY = np.array([0.0, 0.5, 0.0, 0.75, 0.5, 1.0])


def test_bins_hold_their_lower_end_and_the_last_both():
    table = reliability(CONFIDENCE, QUALITY, bins=4)
    assert [one.entries for one in table] == [1, 2, 0, 3]
    assert table[1][:2] == (0.25, 0.5)
    assert table[1].confidence == table[1].quality == 0.25
    assert table[3].confidence == pytest.approx(2.75 / 3)
    assert table[3].quality == pytest.approx(0.75)
    assert math.isnan(table[2].confidence)


def test_expected_error_is_the_weighted_gap():
    # Gaps: 0 of one entry, 0 of two (.25 and .25), 1/6 of three.
    assert expected_calibration_error(CONFIDENCE, QUALITY, bins=4) == pytest.approx(3 / 6 * (1 / 6))


def test_confidence_that_tells_the_truth_has_no_error():
    values = np.linspace(0, 1, 31)
    assert expected_calibration_error(values, values) == pytest.approx(0)
    assert spearman(values, values**3) == pytest.approx(1)
    assert spearman(values, -values) == pytest.approx(-1)
    assert worst_decile_recall(values, values) == 1


def test_auroc_counts_pairs_in_order_and_half_of_equal_ones():
    positive = np.array([True, True, False, False, False])
    # 0.9 above all three; 0.5 equal to one, above one, below one.
    score = np.array([0.9, 0.5, 0.5, 0.1, 0.7])
    assert auroc(score, positive) == pytest.approx((3 + 1.5) / 6)
    assert math.isnan(auroc(score, np.ones(5, bool)))


def test_spearman_shares_the_ranks_of_equal_values():
    # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
    found = spearman(np.array([0.1, 0.2, 0.2, 0.9]), np.array([0.1, 0.3, 0.5, 0.6]))
    assert found == pytest.approx(4.5 / math.sqrt(4.5 * 5))
    assert math.isnan(spearman(np.ones(3), np.arange(3)))


def test_worst_tenth_is_looked_for_in_the_least_confident_tenth():
    quality = np.arange(20) / 20
    confidence = quality.copy()
    confidence[[1, 19]] = confidence[[19, 1]]
    assert worst_decile_recall(confidence, quality) == 0.5


def test_equal_values_across_the_limit_count_as_the_mean_over_all_choices():
    quality = np.arange(20) / 20
    assert worst_decile_recall(np.ones(20), quality) == pytest.approx(0.1)
    # One of two certain; the other is any of 19, of which one is right.
    assert worst_decile_recall(np.array([0.0] + [1.0] * 19), quality) == pytest.approx(
        (1 + 1 / 19) / 2
    )


def test_all_measures_together():
    found = calibrate(CONFIDENCE, QUALITY)
    assert found.entries == 6
    assert found.failures == pytest.approx(2 / 6)
    # Failures: 0.0 below all four others; 0.25 below three and equal to one.
    assert found.auroc == pytest.approx((4 + 3.5) / 8)
