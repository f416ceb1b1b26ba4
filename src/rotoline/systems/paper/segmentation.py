"""The stage `score` of the `paper` preset: ResNet-101, a hypercolumn, a linear head.

    frame ─► encode ─► [score] ─► limit ─► propagate ─► filter ─► fuse ─► labels

The same network for the foreground and for every object (paper, section on the segmentation
network; widths, scales and upsampling from the authors' released network).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rotoline.nets.layers import channels_last, normalise_imagenet, upsample2x
from rotoline.nets.resnet import BLOCKS, CHANNELS, ResNet101

SCALES = (0.2, 0.2, 1.0)
"""Factors of the maps of stages 3, 4 and 5 in the hypercolumn."""
FEATURES = 128
"""Channels between the two 1x1 convolutions of the head; nothing non-linear is between them."""

Maps = tuple[Tensor, Tensor, Tensor]
"""`(B, 512, h, w)`, `(B, 1024, h / 2, w / 2)`, `(B, 2048, h / 4, w / 4)`: stages 3, 4 and 5, with
h, w = H / 8, W / 8."""


class SegmentationNet(nn.Module):
    """Frames `(B, 3, H, W)` in [0, 255] to logits `(B, C, H, W)` of the background and others.

    C is 2, background and foreground; a joint network has an output for each object
    (`rotoline.systems.paper.joint_softmax.widened`).

    H and W are multiples of 32. While training, batch statistics stay unchanged unless
    `measure_statistics` is set, as in the authors' network.
    """

    def __init__(self, blocks: tuple[int, int, int, int] = BLOCKS):
        super().__init__()
        self.backbone = ResNet101(blocks)
        self.feat = nn.Conv2d(sum(CHANNELS), FEATURES, 1)
        self.score = nn.Conv2d(FEATURES, 2, 1)
        for layer in (self.feat, self.score):
            nn.init.normal_(layer.weight, std=0.01)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        self.measure_statistics = False

    def train(self, mode: bool = True) -> "SegmentationNet":  # noqa: FBT001, FBT002 (as in nn.Module)
        """Set the mode; batch norms measure statistics only if `measure_statistics` is set."""
        super().train(mode)
        if not self.measure_statistics:
            for module in self.backbone.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def fold(self) -> "SegmentationNet":
        """Prepare for inference: batch norms folded, channels last, no gradients."""
        self.eval()
        self.backbone.fold()
        return channels_last(self.requires_grad_(requires_grad=False))

    def forward(self, frames: Tensor) -> Tensor:
        """Logits at the size of the frames."""
        return upsample_logits(self.coarse(self.maps(frames)))

    def maps(self, frames: Tensor) -> Maps:
        """The three maps of the hypercolumn, not scaled."""
        maps: Maps = self.backbone(normalise_imagenet(frames))
        return maps

    def head(self) -> tuple[Tensor, Tensor]:
        """Both 1x1 convolutions as one: weights `(C, 3584)` and biases `(C,)`.

        Nothing non-linear lies between them, so their product is the same map.
        """
        score, bias = self.score.weight.flatten(1), self.feat.bias
        assert bias is not None
        assert self.score.bias is not None
        return (
            score @ self.feat.weight.flatten(1),
            score @ bias + self.score.bias,
        )

    def coarse(self, maps: Maps) -> Tensor:
        """Logits `(B, C, H / 8, W / 8)`."""
        return project(maps, *self.head())

    def forward_reference(self, frames: Tensor) -> Tensor:
        """The same as `forward` in the order of the paper: upsample, concatenate, convolve.

        This is the slow plain reference: it upsamples 3,072 channels where `forward` upsamples 2.
        """
        stage3, stage4, stage5 = (
            scale * part for scale, part in zip(SCALES, self.maps(frames), strict=True)
        )
        deep = torch.cat((stage4, upsample2x(stage5)), dim=1)
        hypercolumn = torch.cat((stage3, upsample2x(deep)), dim=1)
        return upsample_logits(self.score(self.feat(hypercolumn)))


def project(maps: Maps, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply linear heads to the hypercolumn, projecting before upsampling.

    Bilinear upsampling and a 1x1 convolution commute, since one works within channels and the other
    within pixels, and the weights of an interpolation sum to one. So each map is projected at its
    own size, and only as many channels as there are outputs are upsampled.

    Args:
        maps: As `SegmentationNet.maps` gives them.
        weight: `(C, 3584)`: the columns of stages 3, 4 and 5 in order.
        bias: `(C,)`.

    Returns:
        `(B, C, h, w)` at 1/8 of the frames.
    """
    parts = weight.split([part.shape[1] for part in maps], dim=1)
    projected = [
        functional.conv2d(part, scale * columns[:, :, None, None])
        for part, columns, scale in zip(maps, parts, SCALES, strict=True)
    ]
    return projected[0] + upsample2x(projected[1] + upsample2x(projected[2])) + bias[:, None, None]


def upsample_logits(coarse: Tensor) -> Tensor:
    """From 1/8 to the size of the frames, aligned bilinear.

    Deviation: the crop offsets of the released network shift stage 4 by about 9.5 pixels and the
    others by up to 2.5; here nothing is shifted.
    """
    return functional.interpolate(coarse, scale_factor=8, mode="bilinear", align_corners=False)
