import pytest

from rotoline.data.splits import (
    DEVELOPMENT_SPLIT,
    EVEN,
    HALVES,
    ODD,
    SEQUENCES,
    SPLITS,
    sequences_of,
)
from rotoline.data.training_clips import load_clips
from rotoline.errors import InputError


def test_halves_are_disjoint_and_cover_all():
    assert len(SEQUENCES) == 30
    assert list(SEQUENCES) == sorted(SEQUENCES)
    assert not set(HALVES[ODD]) & set(HALVES[EVEN])
    assert sorted(HALVES[ODD] + HALVES[EVEN]) == list(SEQUENCES)
    assert len(HALVES[ODD]) == len(HALVES[EVEN]) == 15
    assert HALVES[EVEN][0] == "bear"
    assert set(DEVELOPMENT_SPLIT) <= set(SEQUENCES)


def test_a_split_is_left_out_by_its_name_and_sequences_by_theirs():
    assert [sequences_of(name) for name in SPLITS] == list(SPLITS.values())
    assert sequences_of(" bear, bus,") == ("bear", "bus")
    assert sequences_of("") == ()


def test_training_without_one_half_sees_the_other(tmp_path, write_sequence):
    for name in ("bear", "bmx-bumps", "boat"):
        places = (tmp_path / kind / "480p" / name for kind in ("JPEGImages", "Annotations"))
        write_sequence(*places)
    for half, left in ((ODD, ["bear", "boat"]), (EVEN, ["bmx-bumps"])):
        assert [clip.name for clip in load_clips(tmp_path, sequences_of(half))] == left
    with pytest.raises(InputError, match=r"no sequence oddd to leave out.*or a split: .*odd, even"):
        load_clips(tmp_path, sequences_of("oddd"))
