from pathlib import Path

import pytest

from rotoline.data.splits import EVEN, HALVES, ODD
from rotoline.errors import InputError
from rotoline.evaluation.halves import halves_rows, halves_subjects
from rotoline.evaluation.results import Results

WEIGHTS = {ODD: Path("odd"), EVEN: Path("even")}


@pytest.fixture
def make_results(make_measure):
    """A function that makes results of measures."""
    empty = {"command": (), "config": {}, "weights": {}, "versions": {}, "device": {}, "commit": ""}
    return lambda *clips: Results(clips=clips, **empty)


def test_no_sequence_is_measured_as_unseen_by_weights_fitted_on_it(make_data):
    data = make_data("bear", "bmx-bumps", "boat", "scooter-gray")
    subjects = halves_subjects(data, WEIGHTS)
    for one in subjects:
        assert one.weights == WEIGHTS[one.weights_name]
    groups = {}
    for one in subjects:
        groups.setdefault(one.clip.group, []).append((one.clip.name, one.weights_name))
    assert list(groups) == ["unseen", "fitted", "synthetic", "multi-object"]
    assert len(groups["unseen"]) == len(groups["fitted"]) == 4
    assert all(name not in HALVES[half] for name, half in groups["unseen"])
    assert all(name in HALVES[half] for name, half in groups["fitted"])
    assert groups["synthetic"] == [
        ("synthetic-scooter-gray-bmx-bumps", EVEN), ("synthetic-scooter-gray-mirrored", EVEN),
    ]  # fmt: skip
    assert groups["multi-object"] == [("schoolgirls", ODD), ("schoolgirls", EVEN)]
    assert len({one.label for one in subjects}) == len(subjects)


def test_composites_of_both_halves_are_left_out(make_data):
    """Either weights have seen one of the two sequences."""
    subjects = halves_subjects(make_data("horsejump-low", "kite-walk"), WEIGHTS, fitted=False)
    assert [(one.clip.name, one.clip.group) for one in subjects] == [
        ("horsejump-low", "unseen"),
        ("kite-walk", "unseen"),
        ("schoolgirls", "multi-object"),
        ("schoolgirls", "multi-object"),
    ]


def test_clips_are_chosen_by_name(make_data, tmp_path):
    data = make_data("bear", "boat", girls=False)
    chosen = halves_subjects(data, WEIGHTS, only=["boat"])
    assert [one.label for one in chosen] == ["boat (odd)", "boat (even)"]
    with pytest.raises(InputError, match=r"no clip bera .* choose from bear, boat"):
        halves_subjects(data, WEIGHTS, only=["bera"])
    with pytest.raises(InputError, match="no sequence of DAVIS-2016 train"):
        halves_subjects(tmp_path, WEIGHTS)


def test_rows_have_the_kinds_of_clips_and_the_gap(make_measure, make_results):
    results = make_results(
        make_measure("bear", [0.5], weights=ODD, thin=0.5),
        make_measure("tennis", [0.7], weights=ODD, area=0.01),
        make_measure("bear", [0.8], weights=EVEN, group="fitted"),
        make_measure("tennis", [0.9], weights=EVEN, group="fitted"),
    )
    rows = {row.name: row for row in halves_rows(results)}
    assert {name: row.scores["J&F"] for name, row in rows.items()} == pytest.approx(
        {
            "unseen": 0.6,
            "fitted": 0.85,
            "gap: fitted minus unseen": 0.25,
            "unseen: thin parts": 0.5,
            "unseen: small objects": 0.7,
            "unseen: the old development split": 0.7,
        }
    )
    alone = make_results(*results.clips[:2])
    assert "gap: fitted minus unseen" not in {row.name for row in halves_rows(alone)}
