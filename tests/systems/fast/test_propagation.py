"""The spatial propagation network against its definition, on small random maps."""

import copy

import pytest
import torch
from torch.nn import functional

from rotoline.kernels.propagation import reference
from rotoline.systems.fast.encoder import LIFTED
from rotoline.systems.fast.propagation import NEARBY, PropagationNet, within_nearby

H, W, K = 4, 9, 2


@pytest.fixture
def net(randomise):
    return randomise(PropagationNet())


@pytest.fixture
def features(make_features):
    return make_features(H, W)


@pytest.fixture
def logit():
    generator = torch.Generator().manual_seed(2)
    return 12 * torch.rand(K, 1, H, W, generator=generator, dtype=torch.float64) - 6


def plain(net, logit, features, scan):
    """The definition: lift, scan in four directions, keep the maximum, again, decode."""
    before, after = features.edges[:, :LIFTED], features.edges[:, LIFTED:]
    lifted = (net.lift(torch.cat((logit / 4, logit.sigmoid()), dim=1)) + before).relu()
    once = scan(lifted).amax(0)
    twice = scan(once).amax(0)
    decoded = (net.decode(torch.cat((lifted, twice), dim=1)) + after).relu()
    return logit + net.out_conv(decoded)


def test_refined_logits_are_those_of_the_definition(net, features, logit):
    found = net(logit, features)
    assert found.shape == (K, 1, H, W)
    gates = features.gates[:, :, :, None]  # shared by all channels
    expected = plain(net, logit, features, lambda x: reference.scan(x, gates))
    torch.testing.assert_close(found, expected)
    assert (found - logit).abs().mean() > 0.1


def test_closed_gates_leave_two_convolutions(net, features, logit):
    closed = features._replace(gates=torch.zeros_like(features.gates))
    expected = plain(net, logit, closed, lambda x: x.expand(4, *x.shape))
    torch.testing.assert_close(net(logit, closed), expected)


def test_a_map_reaches_as_far_as_the_gates_let_it(net, features, logit):
    """Open gates carry a change in the first column to the last one; a closed column stops it."""
    gates = torch.zeros_like(features.gates)
    gates[:, 0, 1] = 0.9  # to the right, from the same row
    changed = logit.clone()
    changed[:, :, :, 0] += 3.0

    def columns_that_change():
        gated = features._replace(gates=gates)
        change = (net(changed, gated) - net(logit, gated)).abs()
        return (change.amax((0, 1, 2)) > 0).tolist()

    assert columns_that_change() == [True] * W
    gates[..., 5] = 0
    # The two convolutions after the scans see one column further each.
    assert columns_that_change() == [True] * 7 + [False] * (W - 7)


def test_objects_together_are_each_object_alone(net, features, logit):
    alone = [net(one[None], features) for one in logit]
    torch.testing.assert_close(net(logit, features), torch.cat(alone))


def test_network_that_decodes_nothing_returns_its_input(net, features, logit):
    torch.nn.init.zeros_(net.out_conv.weight)
    torch.nn.init.zeros_(net.out_conv.bias)
    assert torch.equal(net(logit, features), logit)


def test_lifted_maps_are_bounded_whatever_the_logit(net, features, logit):
    high, higher = torch.full_like(logit, 40.0), torch.full_like(logit, 90.0)
    torch.testing.assert_close(net(high, features) - high, net(higher, features) - higher)


def test_inputs_stay_as_they_are(net, features, logit):
    before, kept = copy.deepcopy(features), logit.clone()
    net(logit, features)
    assert torch.equal(logit, kept)
    assert all(torch.equal(one, other) for one, other in zip(features, before, strict=True))


def test_gradients_reach_every_parameter(net, features, logit):
    net.requires_grad_(True)
    loss = functional.binary_cross_entropy_with_logits(net(logit, features), (logit > 0).double())
    gradients = torch.autograd.grad(loss, list(net.parameters()))
    assert all(gradient.any() for gradient in gradients)


def test_refined_logits_stay_between_those_nearby():
    """Against the definition, pixel by pixel, with a hole in the middle of an object."""
    generator = torch.Generator().manual_seed(4)
    logits = torch.rand(2, 30, 40, generator=generator) + 1  # object everywhere
    logits[1] = 3 * torch.randn(30, 40, generator=generator)
    refined = logits + 4 * torch.randn(2, 30, 40, generator=generator)
    refined[0, 10:20, 10:30] = -5.0
    expected = refined.clone()
    for k, y, x in torch.cartesian_prod(*(torch.arange(n) for n in logits.shape)).tolist():
        top, left = max(0, y - NEARBY), max(0, x - NEARBY)
        around = logits[k, top : y + NEARBY + 1, left : x + NEARBY + 1]
        expected[k, y, x] = refined[k, y, x].clamp(around.min(), around.max())
    found = within_nearby(refined, logits)
    assert torch.equal(found, expected)
    assert (found[0] > 0).all()


def test_a_border_may_move_but_not_far():
    columns = torch.arange(60.0)
    logits = torch.where(columns < 30, 4.0, -4.0).expand(1, 20, 60)
    moved = torch.where(columns < 30 - NEARBY, 4.0, -4.0).expand(1, 20, 60)
    assert torch.equal(within_nearby(moved, logits), moved)
    further = torch.where(columns < 20, 4.0, -4.0).expand(1, 20, 60)
    assert torch.equal(within_nearby(further, logits), moved)
