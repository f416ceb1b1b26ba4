"""The refinement network against its definition, on small random maps."""

import copy

import pytest
import torch
from torch.nn import functional

from rotoline.systems.fast.refinement import RefinementNet

H, W, K = 8, 12, 3


@pytest.fixture
def net(randomise):
    return randomise(RefinementNet())


@pytest.fixture
def features(make_features):
    return make_features(H, W)


@pytest.fixture
def inputs():
    """Logits, previous scores, readouts and the best other object, of K objects."""
    generator = torch.Generator().manual_seed(2)

    def uniform(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    logit = 12 * uniform(K, 1, H, W) - 6
    others = torch.cat((10 * uniform(K, 1, H, W) - 5, uniform(K, 1, H, W)), dim=1)
    return logit, uniform(K, 1, H, W), uniform(K, 2, H // 2, W // 2), others


def plain(net, logit, previous, readout, others, features):
    """The definition in plain order: one convolution over everything that an object brings."""
    brought = torch.cat((logit / 4, previous, others[:, :1] / 4, others[:, 1:]), dim=1)
    weight = torch.cat((net.in_conv.weight, net.in_conv_others.weight), dim=1)
    fine = functional.conv2d(brought, weight, net.in_conv.bias, padding=1) + features.guidance
    fine = fine.relu()
    seen = functional.conv2d(2 * readout - 1, net.in_conv_readout.weight, padding=1)
    coarse = (net.down(fine) + features.coarse_guidance + seen).relu()
    for convolution, dilation in zip(net.context, (2, 4), strict=True):
        assert convolution.dilation == (dilation, dilation)
        coarse = coarse + convolution(coarse).relu()
    back = functional.interpolate(net.up(coarse), scale_factor=2, mode="bilinear")
    return logit + net.out_conv((back + fine).relu())


def test_correction_is_that_of_the_definition(net, features, inputs):
    found = net(*inputs, features)
    assert found.shape == (K, 1, H, W)
    torch.testing.assert_close(found, plain(net, *inputs, features))
    assert (found - inputs[0]).abs().mean() > 0.1


def test_objects_together_are_each_object_alone(net, features, inputs):
    together = net(*inputs, features)
    alone = [net(*(part[k : k + 1] for part in inputs), features) for k in range(K)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_correction_is_added_to_the_logit(net, features, inputs):
    torch.nn.init.zeros_(net.out_conv.weight)
    torch.nn.init.constant_(net.out_conv.bias, 0.5)
    torch.testing.assert_close(net(*inputs, features), inputs[0] + 0.5)


def test_beyond_saturation_a_logit_says_nothing_more(net, features, inputs):
    logit, *rest = inputs
    high, higher = torch.full_like(logit, 8.0), torch.full_like(logit, 30.0)
    torch.testing.assert_close(
        net(high, *rest, features) - high, net(higher, *rest, features) - higher
    )


def test_readout_of_one_half_says_as_much_as_none(net, features, inputs):
    logit, previous, readout, others = inputs
    unknown = torch.full_like(readout, 0.5)
    without = net(logit, previous, None, others, features)
    torch.testing.assert_close(net(logit, previous, unknown, others, features), without)
    assert (net(*inputs, features) - without).abs().max() > 0.1


def test_other_objects_that_are_nowhere_known_say_as_much_as_none(net, features, inputs):
    logit, previous, readout, others = inputs
    without = net(logit, previous, readout, None, features)
    torch.testing.assert_close(
        net(logit, previous, readout, torch.zeros_like(others), features), without
    )
    assert (net(*inputs, features) - without).abs().max() > 0.1


def test_inputs_stay_as_they_are(net, features, inputs):
    before = copy.deepcopy((inputs, features))
    net(*inputs, features)
    for one, other in zip((*inputs, *features), (*before[0], *before[1]), strict=True):
        assert torch.equal(one, other)


def test_a_correction_depends_on_64_pixels_of_the_frame_to_each_side(randomise, make_features):
    """A map has a quarter of the frame's height and width, so on 16 of its pixels."""
    net, features = randomise(RefinementNet()), make_features(64, 64)
    for parameter in net.parameters():
        parameter.abs_()  # nothing cancels, and no ReLU is closed for good
    features = features._replace(
        guidance=features.guidance.abs(), coarse_guidance=features.coarse_guidance.abs()
    )
    logit = torch.zeros(1, 1, 64, 64, dtype=torch.float64, requires_grad=True)
    corrected = net(logit, torch.zeros_like(logit), None, None, features)
    (gradient,) = torch.autograd.grad(corrected[0, 0, 32, 32], logit)
    reached = gradient[0, 0].nonzero()
    assert reached.amin(0).tolist() == [16, 16]
    assert reached.amax(0).tolist() == [48, 48]
