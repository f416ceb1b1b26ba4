import pytest

from rotoline.learning import schedule


def test_learning_rate_is_the_papers_for_a_mean_over_the_pixels():
    assert schedule.PIXELS == 409_920
    assert pytest.approx(1e-8 * 0.01 * 409_920) == schedule.LEARNING_RATE
    # With momentum a step adds up to rate / (1 - momentum): 1e-8 per pixel, as the paper says.
    assert pytest.approx(1e-8) == schedule.LEARNING_RATE / (1 - schedule.MOMENTUM) / schedule.PIXELS


def test_learning_rate_is_halved_after_10_000_and_20_000_of_30_000_steps():
    rates = [schedule.halved(1.0, at, schedule.HALVE_EVERY) for at in range(schedule.STEPS)]
    changes = {at: rates[at] for at in range(1, schedule.STEPS) if rates[at] != rates[at - 1]}
    assert rates[0] == 1.0
    assert changes == {10_000: 0.5, 20_000: 0.25}


def test_learning_rate_is_constant_where_it_is_never_halved():
    assert {schedule.halved(0.3, step, 0) for step in (0, 1, 10_000, 99_999)} == {0.3}
