"""ResNet-101, the backbone of the `paper` preset.

Names and shapes of the parameters are those of the checkpoint that torchvision publishes, without
the classifier, so that the weights of `rotoline weights fetch resnet101-imagenet` load without
conversion.

Deviation from the authors' Caffe network: a stage's stride is in its first 3x3 convolution (as
published for PyTorch) and not in the first 1x1.
"""

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from rotoline.nets.layers import fold_batch_norms

BLOCKS = (3, 4, 23, 3)
"""Blocks in stages 2 to 5: `layer1` to `layer4`."""

CHANNELS = (512, 1024, 2048)
"""Channels of the maps that leave the backbone: stages 3, 4 and 5."""


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1, plus the input; each convolution with a batch norm."""

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
            if stride > 1 or inputs != outputs
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps `(B, inputs, H, W)` to `(B, 4 * width, H / stride, W / stride)`."""
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = functional.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet101(nn.Module):
    """Images `(B, 3, H, W)`, normalised, to the maps of stages 3, 4 and 5.

    Args:
        blocks: Blocks of each stage; other numbers than the published ones make small networks for
            tests.
    """

    def __init__(self, blocks: tuple[int, int, int, int] = BLOCKS):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _stage(64, 64, blocks[0], 1)
        self.layer2 = _stage(256, 128, blocks[1], 2)
        self.layer3 = _stage(512, 256, blocks[2], 2)
        self.layer4 = _stage(1024, 512, blocks[3], 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps `(B, 512, H / 8, W / 8)`, 1024 channels at 1/16 and 2048 at 1/32."""
        x = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        x = functional.max_pool2d(x, 3, 2, 1)
        stage3 = self.layer2(self.layer1(x))
        stage4 = self.layer3(stage3)
        return stage3, stage4, self.layer4(stage4)

    def fold(self) -> "ResNet101":
        """Fold every batch norm into the convolution before it, for inference."""
        pairs = [("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3")]
        fold_batch_norms(self, pairs[:1])
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in stage:
                assert isinstance(block, Bottleneck)
                fold_batch_norms(block, pairs)
                if block.downsample is not None:
                    convolution, norm = block.downsample.eval()
                    assert isinstance(convolution, nn.Conv2d)
                    assert isinstance(norm, nn.BatchNorm2d)
                    block.downsample = nn.Sequential(fuse_conv_bn_eval(convolution, norm))
        return self


def _stage(inputs: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    first = Bottleneck(inputs, width, stride)
    return nn.Sequential(first, *(Bottleneck(4 * width, width, 1) for _ in range(blocks - 1)))
