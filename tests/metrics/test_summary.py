import pytest

from rotoline.errors import InputError
from rotoline.metrics import ObjectScores, SequenceScores, pool_objects, summarise


def scores_of(object_id, j, f):
    frames = tuple(str(index) for index in range(len(j)))
    return ObjectScores(object_id=object_id, frames=frames, j_per_frame=j, f_per_frame=f)


@pytest.mark.parametrize(
    ("values", "mean", "recall", "decay"),
    [
        ([0.75], 0.75, 1.0, 0.0),
        ([1.0, 0.25], 0.625, 0.5, 0.75),
        # Edges 1, 1.5, 2, 2.5, 3 round half up to 1, 2, 2, 3, 3: the last bin is frame 3 alone.
        ([1.0, 0.5, 0.0], 0.5, 1 / 3, 0.75),
        # Edges 1, 2, 3, 4, 5: a bin holds both its ends.
        ([1.0, 0.75, 0.5, 0.5, 0.25], 0.6, 2 / 5, 0.875 - 0.375),
        # Edges 1, 2.75, 4.5, 6.25, 8 round to 1, 3, 5, 6, 8: three frames against three.
        ([1, 1, 0.25, 0, 0, 0, 0.75, 0.75], 3.75 / 8, 4 / 8, 0.75 - 0.5),
        ([0.0, 0.25, 0.75, 1.0], 0.5, 0.5, -0.75),
    ],
)
def test_summary_matches_hand_worked_cases(values, mean, recall, decay):
    assert summarise(values) == pytest.approx((mean, recall, decay), abs=1e-15)


def test_decay_of_more_than_255_frames_compares_the_right_quarters():
    # Edges 0, 100, 200, 300, 400; as uint8 the last two would be 44 and 144.
    values = [1.0] * 101 + [0.25] * 199 + [0.0] * 101
    assert summarise(values).decay == 1.0


@pytest.mark.parametrize("values", [[], [0.5, float("nan")], [[0.5]]])
def test_summary_refuses_values_without_a_mean(values):
    with pytest.raises(InputError, match="one finite value per frame"):
        summarise(values)


def test_sequence_is_the_mean_over_its_objects():
    scores = SequenceScores((scores_of(1, (1.0, 0.25), (0.5, 0.5)), scores_of(2, (0.0,), (1.0,))))
    assert scores.j == pytest.approx((0.625 / 2, 0.5 / 2, 0.75 / 2))
    assert scores.f == pytest.approx((0.75, 0.5, 0.0))
    assert scores.j_and_f == pytest.approx((0.3125 + 0.75) / 2)
    assert scores.objects[0].j_and_f == pytest.approx((0.625 + 0.5) / 2)


def test_pooled_objects_weigh_the_same_whatever_their_sequence():
    two = SequenceScores((scores_of(1, (1.0,), (1.0,)), scores_of(2, (1.0,), (1.0,))))
    one = SequenceScores((scores_of(1, (0.0,), (0.0,)),))
    assert pool_objects([two, one]).j.mean == pytest.approx(2 / 3)


def test_no_objects_have_no_mean():
    with pytest.raises(InputError, match="no objects to average"):
        SequenceScores(())
    with pytest.raises(InputError, match="no objects to average"):
        pool_objects([])
