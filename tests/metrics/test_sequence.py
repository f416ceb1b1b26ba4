import weakref

import numpy as np
import pytest

from rotoline.errors import InputError
from rotoline.metrics import SequenceScorer, evaluate_sequence, scored_frames


def labels(*rows):
    return np.array([[int(character) for character in row] for row in rows], dtype=np.uint8)


TRUTH = labels("000000", "011022", "011022", "000000")


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
    assert (first.j_per_frame, first.f_per_frame) == ((1.0, 0.5, 1.0), (1.0, 1.0, 1.0))
    assert first.j == pytest.approx((5 / 6, 2 / 3, -0.25))
    assert (second.object_id, second.j_per_frame, second.f_per_frame) == (
        2,
        (1.0, 1.0, 0.0),
        (1.0, 1.0, 0.0),
    )
    assert second.f == pytest.approx((2 / 3, 2 / 3, 1.0))

    assert scores.j.mean == pytest.approx((5 / 6 + 2 / 3) / 2)
    assert scores.f.mean == pytest.approx((1 + 2 / 3) / 2)
    assert scores.j_and_f == pytest.approx((scores.j.mean + scores.f.mean) / 2)
    assert (scores.j.recall, scores.f.recall) == pytest.approx((2 / 3, 5 / 6))
    assert (scores.j.decay, scores.f.decay) == pytest.approx((0.375, 0.5))


def test_true_ids_that_are_not_asked_for_are_background():
    truth = TRUTH.copy()
    truth[0] = 255
    scores = evaluate_sequence([("a", labels("000000", "011000", "011000", "000000"), truth)], [1])
    assert (scores.j.mean, scores.f.mean) == (1.0, 1.0)


def test_object_absent_from_prediction_and_truth_counts_as_right():
    assert evaluate_sequence([("a", TRUTH, TRUTH)], [1, 2, 300]).j.mean == 1.0


def test_objects_are_scored_in_the_frames_that_are_asked_for():
    scorer = SequenceScorer([1, 2])
    scorer.add("a", TRUTH, TRUTH, only=[1])
    found = scorer.add("b", np.where(TRUTH == 1, 1, 0), TRUTH, only=[1, 2])
    assert found == {1: (1.0, 1.0), 2: (0.0, 0.0)}
    first, second = scorer.scores().objects
    assert (first.frames, second.frames) == (("a", "b"), ("b",))
    late = SequenceScorer([1, 2])
    late.add("a", TRUTH, TRUTH, only=[1])
    assert [one.object_id for one in late.scores().objects] == [1]


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
