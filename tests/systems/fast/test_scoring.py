import torch

from rotoline.systems.fast.scoring import best_other_object


def maps(*objects):
    """One row of pixels per object."""
    return torch.tensor(objects, dtype=torch.float32)[:, None]


def test_rival_of_one_of_two_objects_is_the_other():
    logits, scores = maps([3, -1, 2], [1, -4, 2]), maps([0.9, 0.1, 0.5], [0.2, 0.1, 0.7])
    rivals = best_other_object(logits, scores)
    torch.testing.assert_close(rivals[:, 0], logits.flip(0))
    torch.testing.assert_close(rivals[:, 1], scores.flip(0))


def test_rival_of_several_objects_is_the_highest_other():
    """Pixels: one leads; two share the lead; all are alike; nobody is there."""
    logits = maps([3, 5, 4, -1], [1, 5, 4, -2], [2, 1, 4, -3])
    expected = maps([2, 5, 4, -2], [3, 5, 4, -1], [3, 5, 4, -1])
    rivals = best_other_object(logits, logits.roll(1, 0) / 10)
    assert rivals.shape == (3, 2, 1, 4)
    torch.testing.assert_close(rivals[:, 0], expected)
    # Each quantity is compared by itself: who leads now need not have led before.
    torch.testing.assert_close(rivals[:, 1], expected.roll(1, 0) / 10)
