"""What the objects' logits are computed from, with stand-ins for the networks."""

from types import SimpleNamespace

import pytest
import torch

from rotoline.systems.fast.memory_readout import MemoryFrames
from rotoline.systems.fast.refinement import RefinementNet
from rotoline.systems.fast.scoring import (
    ScoringConfig,
    TemporalContext,
    best_other_object,
    readout_maps,
    refine,
    score_objects,
)

H, W = 4, 8
SCALE, SHIFT = 3.0, -0.5


def maps(*objects):
    """One row of pixels per object."""
    return torch.tensor(objects, dtype=torch.float32)[:, None]


class Recorder:
    """A refinement network that keeps its inputs and adds one to every logit."""

    def __init__(self):
        self.inputs = []

    def __call__(self, *inputs):
        self.inputs.append(inputs)
        return inputs[0] + 1


class Readout:
    """Readouts that say which inputs they were given, as constant maps."""

    def from_previous(self, keys, previous_keys, scores):
        rows = len(scores)
        shift = float(previous_keys.mean() - keys.mean())
        return (torch.arange(rows)[:, None, None] + shift).expand(rows, H // 2, W // 2)

    def from_memory(self, features, memory):
        return memory.values.mean(1)[:, None, None].expand(-1, H // 2, W // 2)


@pytest.fixture
def net():
    return SimpleNamespace(
        logit_scale=torch.tensor(SCALE),
        logit_shift=torch.tensor(SHIFT),
        refinement=Recorder(),
        memory_readout=Readout(),
    )


@pytest.fixture
def features(make_features):
    return make_features(H, W, torch.float32)


def make_context(rows, features):
    generator = torch.Generator().manual_seed(3)
    return TemporalContext(
        scores=torch.rand(rows, H, W, generator=generator),
        local_keys=features.local_keys + 7,
        memory=MemoryFrames(torch.zeros(64, 1), torch.arange(rows)[:, None] / 10, torch.ones(1)),
    )


def classifiers(rows):
    return torch.randn(rows, 65, generator=torch.Generator().manual_seed(4))


def appearance(rows, features):
    """Logits from the classifiers alone, pixel by pixel."""
    pixels = features.embedding[0].flatten(1)
    found = classifiers(rows)
    outputs = found[:, :-1] @ pixels + found[:, -1:]
    return (SCALE * outputs + SHIFT).unflatten(1, (H, W))


def scored(net, count, features, context, config):
    readouts = readout_maps(net, features, context)
    return score_objects(net, classifiers(count), features, context, readouts, config)


def inputs_by_row(net):
    """What the refinement network was given, row by row, of however many rows a batch has."""
    for logit, previous, readout, others, given in net.refinement.inputs:
        for at in range(len(logit)):
            rows = (None if one is None else one[at] for one in (readout, others))
            yield logit[at], previous[at], *rows, given


def test_without_context_a_logit_is_the_scaled_output_of_the_classifier(net, features):
    context = make_context(3, features)
    logits = scored(net, 3, features, context, ScoringConfig(context="off"))
    torch.testing.assert_close(logits, appearance(3, features))
    assert net.refinement.inputs == []


def test_previous_context_is_the_previous_scores_and_the_other_objects(net, features):
    context = make_context(3, features)
    config = ScoringConfig(context="previous")
    logits = scored(net, 3, features, context, config)
    torch.testing.assert_close(logits, appearance(3, features) + 1)
    expected = best_other_object(appearance(3, features)[:2], context.scores[:2])
    for row, (logit, previous, readout, others, given) in enumerate(inputs_by_row(net)):
        torch.testing.assert_close(logit[0], appearance(3, features)[row])
        assert torch.equal(previous[0], context.scores[row])
        assert readout is None
        if row < 2:
            torch.testing.assert_close(others, expected[row])
        else:  # the union has no other objects
            assert others is None
        assert given is features


def test_full_context_has_both_readouts_of_every_row(net, features):
    context = make_context(3, features)
    scored(net, 3, features, context, ScoringConfig())
    rows = list(inputs_by_row(net))
    assert len(rows) == 3
    for row, (_, _, readout, _, _) in enumerate(rows):
        assert readout.shape == (2, H // 2, W // 2)
        carried, looked_up = readout
        torch.testing.assert_close(carried, torch.full_like(carried, row + 7.0))
        torch.testing.assert_close(looked_up, torch.full_like(looked_up, row / 10))
    carried, looked_up = readout_maps(net, features, context)
    assert carried.shape == looked_up.shape == (3, H // 2, W // 2)


@pytest.mark.parametrize("objects", [1, 2, 3, 5])
def test_objects_in_one_batch_are_refined_like_one_by_one(net, make_features, objects):
    net.refinement = RefinementNet().requires_grad_(requires_grad=False).eval()
    features = make_features(16, 24, torch.float32)
    generator = torch.Generator().manual_seed(5)
    rows = objects if objects == 1 else objects + 1  # several have their union as the last row
    logits = 3 * torch.randn(rows, 16, 24, generator=generator)
    scores = torch.rand(rows, 16, 24, generator=generator)
    readouts = torch.rand(2, rows, 8, 12, generator=generator)
    others = best_other_object(logits[:-1], scores[:-1]) if objects > 1 else None
    found = refine(net, logits, features, scores, tuple(readouts), others)
    for row in range(rows):
        beside = others[row][None] if others is not None and row < objects else None
        inputs = logits[row][None, None], scores[row][None, None], readouts[:, row][None], beside
        alone = net.refinement(*inputs, features)[0, 0]
        torch.testing.assert_close(found[row], alone, atol=1e-5, rtol=0)


def test_lone_object_has_no_other_objects(net, features):
    context = make_context(1, features)
    logits = scored(net, 1, features, context, ScoringConfig())
    assert logits.shape == (1, H, W)
    ((_, _, _, others, _),) = net.refinement.inputs
    assert others is None


def test_best_other_of_two_objects_is_the_other():
    logits, scores = maps([3, -1, 2], [1, -4, 2]), maps([0.9, 0.1, 0.5], [0.2, 0.1, 0.7])
    others = best_other_object(logits, scores)
    torch.testing.assert_close(others[:, 0], logits.flip(0))
    torch.testing.assert_close(others[:, 1], scores.flip(0))


def test_best_other_of_several_objects_is_the_highest_other():
    """Pixels: one leads; two share the lead; all are alike; no object is there."""
    logits = maps([3, 5, 4, -1], [1, 5, 4, -2], [2, 1, 4, -3])
    expected = maps([2, 5, 4, -2], [3, 5, 4, -1], [3, 5, 4, -1])
    others = best_other_object(logits, logits.roll(1, 0) / 10)
    assert others.shape == (3, 2, 1, 4)
    torch.testing.assert_close(others[:, 0], expected)
    # Each quantity is compared by itself: who leads now need not have led before.
    torch.testing.assert_close(others[:, 1], expected.roll(1, 0) / 10)
