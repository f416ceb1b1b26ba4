import copy

import pytest
import torch

from rotoline.nets import efficientnet
from rotoline.nets.efficientnet import CHANNELS, EfficientNetLite0


@pytest.fixture
def backbone():
    """Double precision, and batch norms that do something."""
    torch.manual_seed(0)
    net = EfficientNetLite0().double()
    for norm in net.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.running_mean.normal_(std=0.1)
            norm.running_var.uniform_(0.5, 1.5)
            torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
            torch.nn.init.normal_(norm.bias, std=0.1)
    return net


@torch.no_grad()
def test_maps_are_those_of_convolutions_with_batch_norms(backbone, monkeypatch):
    """While training too, where the statistics neither count nor change, and when folded."""
    pictures = torch.randn(2, 3, 64, 96, dtype=torch.float64)
    before = copy.deepcopy(backbone.state_dict())
    found = backbone.train()(pictures)
    assert [tuple(level.shape[1:]) for level in found] == [
        (channels, 64 // stride, 96 // stride)
        for channels, stride in zip(CHANNELS, (4, 8, 16, 32), strict=True)
    ]
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())
    with monkeypatch.context() as plain:
        plain.setattr(efficientnet, "_convolve", lambda convolution, norm, x: norm(convolution(x)))
        expected = backbone.eval()(pictures)
    torch.testing.assert_close(found, expected)
    backbone.fold()
    torch.testing.assert_close(backbone(pictures), expected)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in backbone.modules())
