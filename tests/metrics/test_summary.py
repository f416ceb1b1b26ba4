import weakref

import numpy as np
import pytest

from rotoline.errors import InputError
from rotoline.metrics import SequenceScores, evaluate_sequence, scored_frames, summarise


def labels(*rows):
    return np.array([[int(character) for character in row] for row in rows], dtype=np.uint8)


TRUTH = labels("000000", "011022", "011022", "000000")


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


def test_scored_frames_leave_out_the_ends_unless_told():
    names = ["a", "b", "c"]
    assert scored_frames(names, every_frame=False) == ["b"]
    assert scored_frames(names, every_frame=True) == names
    assert scored_frames(["a"], every_frame=True) == ["a"]
    with pytest.raises(InputError, match=r"has 2 frames .* score every frame"):
        scored_frames(names[:2], every_frame=False)


def test_sequence_matches_hand_worked_case():
    # Object 1 loses its right column in frame b (J 2/4, outline within one pixel: F 1).
    # Object 2 is found in a and b and missing in c.
    frames = [
        ("a", TRUTH, TRUTH),
        ("b", labels("000000", "010022", "010022", "000000"), TRUTH),
        ("c", labels("000000", "011000", "011000", "000000"), TRUTH),
    ]
    scores = evaluate_sequence(iter(frames), object_ids=[2, 1])

    second, first = scores.objects
    assert (first.object_id, first.frames) == (1, ("a", "b", "c"))
    assert (first.j, first.f) == ((1.0, 0.5, 1.0), (1.0, 1.0, 1.0))
    assert (first.j_mean, first.j_recall, first.j_decay) == pytest.approx((5 / 6, 2 / 3, -0.25))
    assert (second.object_id, second.j, second.f) == (2, (1.0, 1.0, 0.0), (1.0, 1.0, 0.0))
    assert (second.f_mean, second.f_recall, second.f_decay) == pytest.approx((2 / 3, 2 / 3, 1.0))

    assert scores.j == pytest.approx((5 / 6 + 2 / 3) / 2)
    assert scores.f == pytest.approx((1 + 2 / 3) / 2)
    assert scores.j_and_f == pytest.approx((scores.j + scores.f) / 2)
    assert (scores.j_recall, scores.f_recall) == pytest.approx((2 / 3, 5 / 6))
    assert (scores.j_decay, scores.f_decay) == pytest.approx((0.375, 0.5))


def test_true_ids_that_are_not_asked_for_are_background():
    truth = TRUTH.copy()
    truth[0] = 255
    scores = evaluate_sequence([("a", labels("000000", "011000", "011000", "000000"), truth)], [1])
    assert (scores.j, scores.f) == (1.0, 1.0)


def test_object_absent_from_prediction_and_truth_counts_as_right():
    assert evaluate_sequence([("a", TRUTH, TRUTH)], [1, 2, 300]).j == 1.0


def test_pooled_objects_weigh_the_same_whatever_their_sequence():
    two = evaluate_sequence([("a", TRUTH, TRUTH)], [1, 2])
    one = evaluate_sequence([("a", np.zeros_like(TRUTH), TRUTH)], [1])
    assert SequenceScores(two.objects + one.objects).j == pytest.approx(2 / 3)


def test_frames_are_let_go_one_by_one():
    alive: weakref.WeakSet[np.ndarray] = weakref.WeakSet()
    most = 0

    class Tracked(np.ndarray):
        __hash__ = object.__hash__
        __eq__ = np.ndarray.__eq__

    def stream():
        nonlocal most
        for index in range(5):
            predicted = TRUTH.copy().view(Tracked)
            alive.add(predicted)
            most = max(most, len(alive))
            yield str(index), predicted, TRUTH

    evaluate_sequence(stream(), [1, 2])
    assert most <= 2


@pytest.mark.parametrize(
    ("predicted", "message"),
    [
        (TRUTH[:, :5], r"frame 00007: the prediction is 4 x 5 but the truth is 4 x 6"),
        (TRUTH * 4, r"frame 00007: the prediction holds the ids 4, 8, but the objects are 1, 2"),
        (TRUTH > 0, r"frame 00007: the prediction is bool of shape \(4, 6\)"),
        (TRUTH[None], r"frame 00007: the prediction is uint8 of shape \(1, 4, 6\)"),
        (TRUTH / 1, r"frame 00007: the prediction is float64"),
    ],
)
def test_refuses_a_bad_frame_by_name(predicted, message):
    with pytest.raises(InputError, match=message):
        evaluate_sequence([("00000", TRUTH, TRUTH), ("00007", predicted, TRUTH)], [1, 2])


def test_refuses_nothing_to_score():
    with pytest.raises(InputError, match="there are no frames"):
        evaluate_sequence([], [1])
    for ids in ([], [0, 1], [1, 1], [-1]):
        with pytest.raises(InputError, match="pass at least one id"):
            evaluate_sequence([("a", TRUTH, TRUTH)], ids)
    with pytest.raises(InputError, match="no objects to average"):
        SequenceScores(())
