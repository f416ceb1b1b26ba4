"""VGG-16 without its classifier: the encoder of the guidance network of the paper's SPN."""

from torch import Tensor, nn

WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of the convolutions of each block; a pooling follows each block."""

_TAPS = (15, 22, 29)
"""Layers of `features` after which conv3_3, conv4_3 and conv5_3 (with their ReLU) are returned."""


class VGG16(nn.Module):
    """Images `(B, 3, H, W)`, normalised, to conv3_3, conv4_3, conv5_3 and pool5.

    Names and shapes of the parameters are those of the checkpoint that torchvision publishes,
    without the classifier. Maps are at 1/4, 1/8, 1/16 and 1/32 of the image.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for widths in WIDTHS:
            for width in widths:
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(inplace=True)]
                inputs = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps `(B, 256, ...)` and three times `(B, 512, ...)`."""
        maps = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in _TAPS:
                maps.append(x)
        return [*maps, x]
