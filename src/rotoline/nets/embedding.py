"""The shared embedding: everything about a frame that does not depend on the objects in it."""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from rotoline.kernels.propagation import softmax_gates
from rotoline.nets.mobile import CHANNELS, EfficientNetLite0

WIDTH = 64
"""Channels of the top-down path and of the embedding, D."""
GUIDANCE = 24
"""Channels of the fine guidance, which joins every object's first layer."""
COARSE_GUIDANCE = 32
"""Channels of the coarse guidance at stride 8."""
KEYS = 32
"""Channels of the keys at stride 8, which say what moved where since the frame before."""
FAR_KEYS = 64
"""Channels of the keys at stride 16, by which marked frames are searched."""
LIFTED = 8
"""Channels that a score map is lifted to for propagation (the published code has 32)."""
DECODED = 16
"""Channels between the propagated map and the sharpened score."""

STRIDE = 32
"""Frames come in multiples of it, so that all levels line up."""


def fitting_size(height: float, width: float) -> tuple[int, int]:
    """The size nearest to `height` and `width` that the embedding takes."""
    return tuple(max(STRIDE, round(extent / STRIDE) * STRIDE) for extent in (height, width))


class Features(NamedTuple):
    """What one pass over B frames of `H x W` pixels gives; h, w = H / 4, W / 4."""

    embedding: Tensor
    """`(B, 64, h, w)`, mean square 1 in every pixel: the objects' linear rules read this."""
    guidance: Tensor
    """`(B, 24, h, w)`: what the frame looks like, for the prior-aware fusion."""
    coarse_guidance: Tensor
    """`(B, 32, h / 2, w / 2)`: the same with wider context."""
    gates: Tensor
    """`(B, 4, 3, h, w)`: how much each pixel takes from its neighbours, for the propagation."""
    edges: Tensor
    """`(B, 24, h, w)`: what the frame adds before (8) and after (16) the propagation."""
    keys: Tensor
    """`(B, 32, h / 2, w / 2)`, unit vectors, alike where two neighbouring frames show the same."""
    far_keys: Tensor
    """`(B, 64, h / 4, w / 4)`, unit vectors, alike where any two frames show the same object."""


class _Smooth(nn.Sequential):
    """Depthwise 3x3, 1x1, ReLU."""

    def __init__(self, channels: int):
        super().__init__(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
            nn.Conv2d(channels, channels, 1),
            nn.ReLU(inplace=True),
        )


class Embedding(nn.Module):
    """Backbone maps at strides 4 to 32, summed top-down to stride 4.

    Input: frames `(B, 3, H, W)` in [0, 255], H and W multiples of 8 (of 32 for exact alignment).
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = EfficientNetLite0()
        self.lateral = nn.ModuleList(nn.Conv2d(channels, WIDTH, 1) for channels in CHANNELS)
        self.smooth = nn.ModuleList(_Smooth(WIDTH) for _ in CHANNELS)
        self.embed = nn.Conv2d(WIDTH, WIDTH, 1)
        self.guide = nn.Conv2d(WIDTH, GUIDANCE, 1)
        self.guide_coarse = nn.Conv2d(WIDTH, COARSE_GUIDANCE, 1)
        self.gate = nn.Sequential(
            nn.Conv2d(WIDTH, 32, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(32, 16, 1)
        )
        self.edges = nn.Conv2d(WIDTH, LIFTED + DECODED, 1)
        self.key = nn.Conv2d(WIDTH, KEYS, 1)
        self.far_key = nn.Conv2d(WIDTH, FAR_KEYS, 1)

    def forward(self, frames: Tensor) -> Features:
        """Look at frames once, for all objects."""
        maps = self.backbone((frames - 127.0).mul_(1 / 128))
        levels: list[Tensor] = []
        for index in (3, 2, 1, 0):
            level = self.lateral[index](maps[index])
            if levels:
                level = level + functional.interpolate(
                    levels[-1], size=level.shape[-2:], mode="bilinear", align_corners=False
                )
            levels.append(self.smooth[index](level))
        far, coarse, fine = levels[1:]
        embedding = self.embed(fine)
        embedding = embedding * (embedding.square().mean(1, keepdim=True) + 1e-6).rsqrt()
        gates = softmax_gates(self.gate(fine).unflatten(1, (4, 4)).contiguous())
        return Features(
            embedding,
            self.guide(fine),
            self.guide_coarse(coarse),
            gates,
            self.edges(fine),
            functional.normalize(self.key(coarse), dim=1),
            functional.normalize(self.far_key(far), dim=1),
        )
