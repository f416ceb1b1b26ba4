"""One network with a softmax over all objects, on one small frame with two easy objects."""

import pytest
import torch

from rotoline.runtime.progress import ignore
from rotoline.systems.paper.fine_tuning import FineTuning
from rotoline.systems.paper.joint_softmax import (
    frames_to_learn_from,
    margins,
    to_labels,
    tune_jointly,
    widened,
)
from rotoline.systems.paper.system import Encoded, JointNetwork

QUICK = FineTuning(networks="joint", steps=30, learning_rate=3e-2, momentum=0.9)


def tune(net, annotated, config=QUICK, seed=0, report=ignore):
    return tune_jointly(net, annotated, config, precision="auto", seed=seed, report=report)


@pytest.mark.slow
def test_one_network_tells_easy_objects_apart(net, annotated):
    start = {name: value.clone() for name, value in net.state_dict().items()}
    frame, masks = annotated[0]
    steps = []
    joint = tune(net, annotated, report=lambda done, total: steps.append((done, total)))
    with torch.inference_mode():
        found = joint(frame)[0].argmax(0)
    for row, mask in enumerate(masks > 0, 1):
        assert ((found == row) & mask).sum() / ((found == row) | mask).sum() > 0.5
    assert all(torch.equal(value, start[name]) for name, value in net.state_dict().items())
    assert not joint.training
    assert not any(parameter.requires_grad for parameter in joint.parameters())
    assert steps == [(step, 30) for step in range(1, 31)]


@pytest.mark.slow
def test_seed_decides_the_network(net, annotated):
    short = QUICK.model_copy(update={"steps": 2})
    first, again, other = (
        torch.cat([value.flatten() for value in tune(net, annotated, short, seed).parameters()])
        for seed in (5, 5, 6)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_objects_start_with_equal_parts_of_the_foreground(net, annotated):
    frame = annotated[0].frame
    with torch.inference_mode():
        before, after = net(frame)[0].softmax(0), widened(net, 3)(frame)[0].softmax(0)
    torch.testing.assert_close(after[0], before[0], atol=1e-5, rtol=0)
    for row in (1, 2, 3):
        torch.testing.assert_close(after[row], before[1] / 3, atol=1e-5, rtol=0)


def test_a_lone_object_is_what_a_network_of_its_own_would_be(net, annotated):
    """Then the softmax has two classes, as in the paper's other row."""
    frame = annotated[0].frame
    with torch.inference_mode():
        two, joint = net(frame)[0], widened(net, 1)(frame)[0]
    objects, foreground = margins(joint)
    torch.testing.assert_close(objects[0], two[1] - two[0])
    torch.testing.assert_close(foreground[0], two[1] - two[0])


def test_the_class_that_the_softmax_gives_a_pixel_has_the_only_positive_margin():
    logits = 2 * torch.randn(4, 50, 60, generator=torch.Generator().manual_seed(0))
    logits[1:, 0] = torch.tensor([3.0, 2.9, 2.8])[:, None]  # none has half of the probability
    logits[0, 0] = 0
    objects, foreground = margins(logits)
    found = torch.where(objects.amax(0) > 0, objects.argmax(0) + 1, 0)
    assert torch.equal(found, logits.argmax(0))
    assert int((objects > 0).sum(0).max()) == 1
    p = logits.double().softmax(0)
    together = ((1 - p[0]) / p[0]).log()
    torch.testing.assert_close(foreground[0].double(), together, atol=1e-5, rtol=1e-5)


def test_touching_objects_have_no_background_between_them(net):
    """Maps are enlarged before the softmax, as in training."""
    coarse = torch.zeros(3, 2, 4)
    coarse[1, :, :2] = coarse[2, :, 2:] = 8
    coarse[1, :, 2:] = coarse[2, :, :2] = -8
    objects, _ = JointNetwork(net, None).score(Encoded(torch.zeros(1, 3, 16, 32), None, coarse))
    assert objects.shape == (2, 16, 32)
    assert (objects.amax(0)[:, 15:17] >= 0).all()


def told_and_masks(told, shown):
    """Flags by frame as `frames_to_learn_from` wants them, with masks of one pixel."""
    masks = {i: torch.tensor(part, dtype=torch.float32)[:, None, None] for i, part in shown.items()}
    return masks, {i: torch.tensor(part, dtype=torch.bool) for i, part in told.items()}


@pytest.mark.parametrize(
    ("told", "shown", "expected"),
    [
        # What frame 0 does not mark may be there all the same; frame 4 has everything.
        ({0: (0, 1), 4: (1, 1)}, {0: (0, 1), 4: (1, 1)}, [4]),
        # Together they show both.
        ({0: (1, 1), 4: (1, 1), 7: (1, 0)}, {0: (1, 0), 4: (0, 1), 7: (1, 0)}, [0, 4]),
        # None tells of both.
        ({0: (0, 1), 7: (1, 0)}, {0: (0, 1), 7: (1, 0)}, [0, 7]),
        # The second object would never be learned from frame 0 alone.
        ({0: (1, 1), 5: (0, 1)}, {0: (1, 0), 5: (0, 1)}, [0, 5]),
        # An empty mask tells of all objects and shows none.
        ({0: (1, 0), 5: (0, 1), 9: (1, 1)}, {0: (1, 0), 5: (0, 1), 9: (0, 0)}, [0, 5]),
        ({3: (1, 1)}, {3: (0, 0)}, [3]),
    ],
)
def test_frames_that_tell_of_all_objects_are_preferred(told, shown, expected):
    assert list(frames_to_learn_from(*told_and_masks(told, shown))) == expected


def test_of_overlapping_masks_the_first_counts():
    masks = torch.tensor([[[1.0, 1.0, 0.0, 0.0]], [[0.0, 1.0, 1.0, 0.0]]])
    assert to_labels(masks).tolist() == [[1, 1, 2, 0]]
