import numpy as np
import pytest

from rotoline.errors import InputError
from rotoline.evaluation.bootstrap import mean_interval


def test_same_runs_differ_by_exactly_nothing():
    interval = mean_interval([np.zeros(48), np.zeros(7)])
    assert interval == (0, 0, 0)
    assert not interval.excludes_zero


@pytest.mark.parametrize("gain", [0.125, -0.125])
def test_constant_gain_is_certain(gain):
    interval = mean_interval([np.full(48, gain), np.full(7, gain)])
    assert interval == (gain, gain, gain)
    assert interval.excludes_zero


def test_gain_on_one_of_two_sequences_is_not_certain():
    """Each sequence is drawn twice in a quarter of the resamples."""
    interval = mean_interval([np.full(30, 0.5), np.zeros(60)])
    assert interval == (0.25, 0, 0.5)
    assert not interval.excludes_zero


def test_neighbours_that_err_together_make_the_interval_wider():
    scattered = np.tile([0.0, 1.0], 100)
    together = np.repeat([0.0, 1.0], 100)
    narrow, wide = mean_interval([scattered]), mean_interval([together])
    assert narrow.mean == wide.mean == 0.5
    assert narrow.high - narrow.low < 0.01
    assert wide.high - wide.low > 0.3


def test_interval_is_that_of_the_normal_distribution_for_many_frames():
    """Blocks of ten of white noise vary as its frames do."""
    noise = np.random.default_rng(0).normal(0.2, 1.0, 4000)
    interval = mean_interval([noise])
    expected = 1.96 * noise.std() / np.sqrt(len(noise))
    assert interval.high - interval.mean == pytest.approx(expected, rel=0.15)
    assert interval.mean - interval.low == pytest.approx(expected, rel=0.15)


def test_nothing_to_compare_is_refused():
    for nothing in ([], [np.zeros(3), np.zeros(0)]):
        with pytest.raises(InputError, match="no frames"):
            mean_interval(nothing)
