"""A run that is killed at any moment goes on, and gives what it would have given."""

import random

import pytest

MOMENTS = 20


@pytest.mark.slow
def test_run_killed_at_any_moment_goes_on_bit_identically(tmp_path, segment, files_of):
    whole = segment(tmp_path / "whole", every=3)
    assert whole["code"] == 0, whole["errors"]
    expected = files_of(tmp_path / "whole")
    assert expected["status"] == "complete"
    chosen = random.Random(0).sample(range(1, whole["moments"] + 1), MOMENTS)
    for number, moment in enumerate(sorted(chosen)):
        output = tmp_path / f"{moment}"
        killed = segment(output, at=moment, every=1 + number % 3)
        assert killed["signal"] == 9, moment
        resumed = segment(output, "--resume", every=3)
        assert resumed["code"] == 0, (moment, resumed["errors"])
        assert files_of(output) == expected, moment
