"""ResNet-101 without its classifier, as a unit of time: how long one pass takes on this machine.

    python benchmarks/resnet.py [--tiny] [--label NAME]

The network is not that of the preset `paper`: it stays as it is, so that figures of different
versions can be compared. Its channels-last output is checked against that of contiguous tensors.
"""

import statistics
import time

import torch
from torch import nn
from torch.nn import functional

from _report import check_equal, describe_machine, make_parser, report

_STAGES = ((64, 3, 1), (128, 4, 2), (256, 23, 2), (512, 3, 2))


class _Bottleneck(nn.Module):
    """Convolutions with their batch norms folded in; the stride is in the first, as in Caffe."""

    def __init__(self, inputs, width, stride):
        super().__init__()
        self.first = nn.Conv2d(inputs, width, 1, stride)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.third = nn.Conv2d(width, 4 * width, 1)
        changes = stride > 1 or inputs != 4 * width
        self.shortcut = nn.Conv2d(inputs, 4 * width, 1, stride) if changes else nn.Identity()

    def forward(self, x):
        y = functional.relu(self.first(x), inplace=True)
        y = functional.relu(self.second(y), inplace=True)
        return functional.relu(self.third(y) + self.shortcut(x), inplace=True)


def make_resnet101():
    """Make the network with random weights: only the time counts."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 64, 7, 2, 3), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for width, blocks, stride in _STAGES:
        for block in range(blocks):
            layers.append(_Bottleneck(inputs, width, stride if block == 0 else 1))
            inputs = 4 * width
    net = nn.Sequential(*layers).eval().requires_grad_(requires_grad=False)
    return net.to(memory_format=torch.channels_last)


def measure(height, width, passes=5):
    """Time some passes after one to warm up, and return the JSON line with their median."""
    net = make_resnet101()
    image = torch.randn(1, 3, height, width).contiguous(memory_format=torch.channels_last)
    times = []
    with torch.inference_mode():
        for _ in range(passes + 1):
            began = time.perf_counter()
            found = net(image)
            times.append(time.perf_counter() - began)
        plain = net.to(memory_format=torch.contiguous_format)
        checked = check_equal(found, plain(image.contiguous()), "contiguous")
    line = {"resnet101_seconds": round(statistics.median(times[1:]), 4)}
    return line | {"size": [height, width], **checked, **describe_machine()}


def main():
    """Time passes at the working size of the presets."""
    options = make_parser(__doc__).parse_args()
    case = (64, 96, 1) if options.tiny else (480, 864, 5)
    report([measure(*case)], options.label)


if __name__ == "__main__":
    main()
