"""Both published backbones: their parameters by name and shape, and what is done to batch norms."""

import pytest
import torch

from rotoline.nets.resnet import ResNet101
from rotoline.nets.vgg import VGG16
from rotoline.systems.paper.segmentation import SegmentationNet

PUBLISHED, CLASSIFIER = 44_549_160, 2_049_000
"""Parameters of torchvision's resnet101, and of its `fc` alone."""


def batch_norm(name, width):
    shapes = {f"{name}.{part}": (width,) for part in ("weight", "bias")}
    shapes |= {f"{name}.running_{part}": (width,) for part in ("mean", "var")}
    return {**shapes, f"{name}.num_batches_tracked": ()}


def published_resnet101():
    """Every tensor of the published checkpoint but `fc`, by the rules of its architecture."""
    shapes = {"conv1.weight": (64, 3, 7, 7), **batch_norm("bn1", 64)}
    inputs = 64
    for stage, (blocks, width) in enumerate(
        zip((3, 4, 23, 3), (64, 128, 256, 512), strict=True), start=1
    ):
        for block in range(blocks):
            name = f"layer{stage}.{block}"
            shapes[f"{name}.conv1.weight"] = (width, inputs, 1, 1)
            shapes[f"{name}.conv2.weight"] = (width, width, 3, 3)
            shapes[f"{name}.conv3.weight"] = (4 * width, width, 1, 1)
            for index, channels in enumerate((width, width, 4 * width), start=1):
                shapes |= batch_norm(f"{name}.bn{index}", channels)
            if block == 0:
                shapes[f"{name}.downsample.0.weight"] = (4 * width, inputs, 1, 1)
                shapes |= batch_norm(f"{name}.downsample.1", 4 * width)
            inputs = 4 * width
    return shapes


def shapes_of(net):
    return {name: tuple(value.shape) for name, value in net.state_dict().items()}


def count(net):
    return sum(parameter.numel() for parameter in net.parameters())


def randomise(net):
    """Give every batch norm statistics and weights of its own."""
    generator = torch.Generator().manual_seed(1)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5, generator=generator)
            torch.nn.init.normal_(module.bias, std=0.1, generator=generator)
    return net


def statistics(net):
    return {k: v.clone() for k, v in net.state_dict().items() if "running" in k}


def test_resnet_has_the_published_tensors_without_the_classifier():
    with torch.device("meta"):
        net = ResNet101()
    assert shapes_of(net) == published_resnet101()
    assert count(net) == PUBLISHED - CLASSIFIER == 42_500_160


def test_vgg_has_the_published_tensors_without_the_classifier():
    widths = {0: 64, 2: 64, 5: 128, 7: 128, 10: 256, 12: 256, 14: 256}
    widths |= dict.fromkeys((17, 19, 21, 24, 26, 28), 512)
    expected, inputs = {}, 3
    for index, width in widths.items():
        expected[f"features.{index}.weight"] = (width, inputs, 3, 3)
        expected[f"features.{index}.bias"] = (width,)
        inputs = width
    with torch.device("meta"):
        net = VGG16()
    assert shapes_of(net) == expected
    assert count(net) == 14_714_688


def test_stride_is_in_the_3x3_convolution_of_the_first_block():
    with torch.device("meta"):
        net = ResNet101()
    for stage, stride in ((net.layer1, 1), (net.layer2, 2), (net.layer3, 2), (net.layer4, 2)):
        first, *rest = stage
        assert first.conv1.stride == first.conv3.stride == (1, 1)
        assert first.conv2.stride == first.downsample[0].stride == (stride, stride)
        assert all(block.conv2.stride == (1, 1) for block in rest)
        assert all(block.downsample is None for block in rest)


@pytest.mark.slow
def test_maps_are_at_an_eighth_and_down():
    with torch.device("meta"):
        resnet = ResNet101((1, 1, 1, 1))(torch.zeros(2, 3, 64, 96))
        vgg = VGG16()(torch.zeros(2, 3, 64, 96))
    assert [tuple(x.shape) for x in resnet] == [(2, 512, 8, 12), (2, 1024, 4, 6), (2, 2048, 2, 3)]
    assert [tuple(x.shape) for x in vgg] == [
        (2, 256, 16, 24),
        (2, 512, 8, 12),
        (2, 512, 4, 6),
        (2, 512, 2, 3),
    ]


def test_vgg_maps_leave_after_the_last_relu_of_their_stage():
    torch.manual_seed(0)
    net, x = VGG16(), torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        found = net(x)
        expected = [net.features[:end](x) for end in (16, 23, 30, 31)]
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)
        assert one.min() >= 0


@pytest.mark.parametrize("blocks", [(1, 1, 1, 1), (2, 1, 2, 1)])
def test_folded_computes_what_unfolded_does(blocks):
    torch.manual_seed(0)
    net = randomise(ResNet101(blocks)).eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        expected, found = net(x), net.fold()(x)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_folded_segmentation_network_has_no_gradients_and_the_same_logits():
    torch.manual_seed(0)
    net = SegmentationNet((1, 1, 1, 1)).eval()
    randomise(net.backbone)
    frame = torch.rand(1, 3, 64, 96) * 255
    with torch.inference_mode():
        torch.testing.assert_close(net.forward(frame), net.fold()(frame), rtol=1e-4, atol=1e-4)
    assert not any(parameter.requires_grad for parameter in net.parameters())


@pytest.mark.parametrize("measures", [False, True])
def test_statistics_stay_frozen_unless_they_are_to_be_measured(measures):
    torch.manual_seed(0)
    net = SegmentationNet((1, 1, 1, 1))
    net.measure_statistics = measures
    before = statistics(net)
    assert net.train() is net
    assert net.training
    net(torch.rand(2, 3, 64, 64) * 255)
    changed = [name for name, value in statistics(net).items() if not value.equal(before[name])]
    assert len(changed) == (len(before) if measures else 0)
