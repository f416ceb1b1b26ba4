"""The segmentation network against its plain form, and the guided propagation network."""

import pytest
import torch
from torch.nn import functional

from rotoline.systems.paper.network import PaperNet, network_from_state
from rotoline.systems.paper.segmentation import FEATURES, SegmentationNet, project
from rotoline.systems.paper.spn import CHANNELS, GuidedPropagationNet
from rotoline.weights.files import read_weights, save_weights


@pytest.fixture
def net():
    """A small network whose head has biases too, in float64."""
    torch.manual_seed(0)
    made = SegmentationNet((1, 1, 1, 1)).double().train()
    torch.nn.init.normal_(made.feat.bias)
    torch.nn.init.normal_(made.score.bias)
    return made


def frames(height, width, batch=1):
    generator = torch.Generator().manual_seed(2)
    return torch.rand(batch, 3, height, width, generator=generator, dtype=torch.float64) * 255


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (32, 160), (96, 32), (160, 96)])
def test_forward_computes_what_the_paper_says(net, size):
    x = frames(*size, batch=2)
    with torch.inference_mode():
        found, expected = net(x), net.forward_reference(x)
    assert found.shape == (2, 2, *size)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    assert expected.std() > 1e-3  # not equal because all is zero


def test_both_forms_have_the_same_gradients(net):
    x = frames(64, 96)
    weight = torch.randn(1, 2, 64, 96, dtype=torch.float64)
    gradients = [
        torch.autograd.grad((form(x) * weight).sum(), list(net.parameters()))
        for form in (net.forward, net.forward_reference)
    ]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)
        assert one.any()


def test_head_is_the_product_of_both_convolutions(net):
    weight, bias = net.head()
    assert weight.shape == (2, 512 + 1024 + 2048)
    hypercolumn = torch.randn(1, 3584, 3, 5, dtype=torch.float64)
    expected = net.score(net.feat(hypercolumn))
    found = functional.conv2d(hypercolumn, weight[:, :, None, None], bias)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_projection_gives_each_stage_its_own_columns_and_scale():
    """Constant maps stay constant when they are upsampled, so the sum is known."""
    maps = tuple(
        torch.full((1, channels, size, size), value)
        for channels, size, value in ((512, 4, 1.0), (1024, 2, 10.0), (2048, 1, 100.0))
    )
    weight = torch.zeros(2, 3584)
    weight[0, 0] = weight[0, 512] = weight[0, 1536] = 1.0
    weight[1, 511], weight[1, 1535], weight[1, 3583] = 1.0, 2.0, 3.0
    found = project(maps, weight, torch.tensor([0.5, -0.5]))
    assert found.shape == (1, 2, 4, 4)
    expected = torch.tensor([0.2 + 2.0 + 100.0 + 0.5, 0.2 + 4.0 + 300.0 - 0.5])
    torch.testing.assert_close(found, expected[:, None, None].expand(1, 2, 4, 4))


def test_frames_are_normalised_as_the_published_weights_expect(net):
    x = frames(32, 32)
    mean, std = (
        torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    with torch.inference_mode():
        found, expected = net.maps(x), net.backbone((x / 255 - mean) / std)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def spn():
    """Untrained, built once: it is as large as VGG-16."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return GuidedPropagationNet().eval()


@pytest.fixture(scope="module")
def scene(spn):
    """Two score maps `(2, 1, 64, 96)` and the gates of their frame."""
    generator = torch.Generator().manual_seed(3)
    scores = torch.zeros(2, 1, 64, 96)
    scores[0, :, 16:48, 24:72], scores[1, :, 8:40, 8:32] = 0.9, 0.7
    with torch.inference_mode():
        return scores, spn.gates(torch.rand(1, 3, 64, 96, generator=generator) * 255)


def test_gates_are_a_share_for_every_neighbour_channel_and_direction(scene):
    _, gates = scene
    assert gates.shape == (1, 4, 3, CHANNELS, 32, 48)
    assert gates.min() >= 0
    assert gates.sum(2).max() < 1  # what is left is "take x"
    by_channel = gates.permute(3, 0, 1, 2, 4, 5).flatten(1)
    assert by_channel.unique(dim=0).shape[0] == CHANNELS


def test_gates_are_given_for_every_frame_by_itself(spn):
    x = frames(32, 64, batch=2).float()
    with torch.inference_mode():
        both, alone = spn.gates(x), torch.cat([spn.gates(x[:1]), spn.gates(x[1:])])
    assert both.shape == (2, 4, 3, CHANNELS, 16, 32)
    torch.testing.assert_close(both, alone, rtol=1e-4, atol=1e-5)


def test_untrained_propagation_nearly_copies_its_map(spn, scene):
    scores, gates = scene
    with torch.inference_mode():
        logits = spn(scores, gates)
    assert logits.shape == (2, 2, 64, 96)
    found = logits[:, 1] > logits[:, 0]
    wrong = found != (scores[:, 0] > 0.5)
    inside = functional.max_pool2d(scores, 13, 1, 6) == -functional.max_pool2d(-scores, 13, 1, 6)
    assert not wrong[inside[:, 0]].any()
    assert wrong.float().mean() < 0.05


def test_maps_of_one_frame_share_its_gates(spn, scene):
    scores, gates = scene
    with torch.inference_mode():
        both = spn(scores, gates)
        alone = torch.cat([spn(one[None], gates) for one in scores])
        repeated = spn(scores, gates.expand(2, -1, -1, -1, -1, -1).contiguous())
    torch.testing.assert_close(both, alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(both, repeated, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_signed_gates_follow_the_papers_rule_and_are_kept_by_the_weights(tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = PaperNet((1, 1, 1, 1), signed_gates=True)
    net.spn.guidance.gate.weight.data *= 100
    about = dict.fromkeys(("licence", "data", "command", "commit"), "test")
    about |= {"seed": 0, "steps": 0, "network_options": {"signed_gates": True}}
    save_weights(tmp_path / "signed.safetensors", net, about)
    record, state = read_weights(tmp_path / "signed.safetensors")
    loaded = network_from_state(state, **record.network_options)
    assert loaded.spn.signed_gates
    with torch.inference_mode():
        gates = loaded.spn.gates(frames(32, 64).float())
    sums = gates.abs().sum(2)
    assert gates.min() < 0
    assert 0.9 < sums.max() <= 1 + 1e-6


def test_gradients_reach_every_part_of_the_propagation_network(spn):
    x = frames(32, 32).float()
    logits = spn(torch.rand(1, 1, 32, 32), spn.gates(x))
    found = torch.autograd.grad(logits.square().sum(), list(spn.parameters()))
    names = [name for name, _ in spn.named_parameters()]
    assert [name for name, value in zip(names, found, strict=True) if not value.any()] == []


def test_hypercolumn_has_the_published_width():
    net = SegmentationNet((1, 1, 1, 1))
    assert net.feat.weight.shape == (FEATURES, 3584, 1, 1)
    assert net.score.weight.shape == (2, FEATURES, 1, 1)
