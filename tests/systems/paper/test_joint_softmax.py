"""One network with a softmax over all objects, on one small frame with two easy objects."""

import pytest
import torch

from rotoline.runtime.progress import ignore
from rotoline.systems.paper.fine_tuning import FineTuning
from rotoline.systems.paper.joint_softmax import log_odds, to_labels, tune_jointly, widened

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
    objects, foreground = log_odds(joint)
    torch.testing.assert_close(objects[0], two[1] - two[0])
    torch.testing.assert_close(foreground[0], two[1] - two[0])


def test_log_odds_are_those_of_the_probabilities():
    logits = torch.randn(4, 5, 6, generator=torch.Generator().manual_seed(0))
    p = logits.double().softmax(0)
    objects, foreground = log_odds(logits)
    expected = (p[1:] / (1 - p[1:])).log()
    torch.testing.assert_close(objects.double(), expected, atol=1e-5, rtol=1e-5)
    together = ((1 - p[0]) / p[0]).log()
    torch.testing.assert_close(foreground[0].double(), together, atol=1e-5, rtol=1e-5)


def test_of_overlapping_masks_the_first_counts():
    masks = torch.tensor([[[1.0, 1.0, 0.0, 0.0]], [[0.0, 1.0, 1.0, 0.0]]])
    assert to_labels(masks).tolist() == [[1, 1, 2, 0]]
