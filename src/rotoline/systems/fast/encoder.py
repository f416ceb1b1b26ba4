"""The stage `encode` of the `fast` preset: everything about a frame that all objects share.

    frame ─► [encode] ─► score ─► limit ─► propagate ─► filter ─► fuse ─► labels

The encoder runs once per frame, however many objects there are. See docs/method/fast.md#encode.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from rotoline.kernels.propagation import softmax_gates
from rotoline.nets.efficientnet import CHANNELS, EfficientNetLite0
from rotoline.nets.layers import Pointwise
from rotoline.runtime.device import Precision, autocast

WIDTH = 64
"""Channels of the top-down path and of the embedding, D."""
GUIDANCE = 24
"""Channels of the fine guidance at stride 4, which is added in the refinement network."""
COARSE_GUIDANCE = 32
"""Channels of the coarse guidance at stride 8."""
LOCAL_KEYS = 32
"""Channels of the keys at stride 8, for the search in the previous frame, near each pixel."""
GLOBAL_KEYS = 64
"""Channels of the keys at stride 16, for the search in whole annotated frames."""
LIFTED = 8
"""Channels that a map is lifted to before propagation (32 in the published code)."""
DECODED = 16
"""Channels between the propagated maps and the refined logit."""


class Features(NamedTuple):
    """The result of one pass over B frames of `H x W` pixels; h, w = H / 4, W / 4."""

    embedding: Tensor
    """`(B, 64, h, w)`, with mean square 1 in every pixel: the input of the ridge classifiers."""
    guidance: Tensor
    """`(B, 24, h, w)`: appearance of the frame, for the refinement network."""
    coarse_guidance: Tensor
    """`(B, 32, h / 2, w / 2)`: appearance of the frame with wider context, for the same network."""
    gates: Tensor
    """`(B, 4, 3, h, w)`: gates of the spatial propagation, for all channels and
    objects."""
    edges: Tensor
    """`(B, 24, h, w)`: added to the lifted maps before the propagation (8 channels) and to the
    decoded maps after it (16)."""
    local_keys: Tensor
    """`(B, 32, h / 2, w / 2)`: unit vectors, similar where two consecutive frames show the same
    point."""
    global_keys: Tensor
    """`(B, 64, h / 4, w / 4)`: unit vectors, similar where any two frames show the same object."""
    objectness: Tensor
    """`(B, 1, h, w)`: logit of whether a pixel belongs to any object, whichever it is: the paper's
    generic foreground. It is learned from all masks of the training pictures, and part of
    `guidance`."""


class TopDown(NamedTuple):
    """The top-down path of B frames, 64 channels each."""

    far: Tensor
    """`(B, 64, h / 4, w / 4)`, stride 16."""
    coarse: Tensor
    """`(B, 64, h / 2, w / 2)`, stride 8."""
    fine: Tensor
    """`(B, 64, h, w)`, stride 4."""


class _Smooth(nn.Sequential):
    """Depthwise 3x3, 1x1, ReLU."""

    def __init__(self, channels: int):
        super().__init__(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
            Pointwise(channels, channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, C, h, w)` to the same shape."""
        depthwise, pointwise, _ = self
        # With gradients, an operation in place on a matrix product would copy the whole map.
        return functional.relu(pointwise(depthwise(x)), inplace=not torch.is_grad_enabled())


class Encoder(nn.Module):
    """Backbone maps at strides 4 to 32, summed top-down to stride 4.

    Input: frames `(B, 3, H, W)` in [0, 255], H and W multiples of 8 (of 32 for exact alignment).
    """

    precision: Precision = "float32"
    """Precision of the activations in the backbone when clips are segmented. Its maps are float32,
    and all other layers work in float32."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = EfficientNetLite0()
        self.lateral = nn.ModuleList(Pointwise(channels, WIDTH) for channels in CHANNELS)
        self.smooth = nn.ModuleList(_Smooth(WIDTH) for _ in CHANNELS)
        self.embed = Pointwise(WIDTH, WIDTH)
        self.guide = Pointwise(WIDTH, GUIDANCE)
        # Weights of before have neither of these two, and work as they did; and a new network has
        # the random numbers in all other layers that it had without them.
        with torch.random.fork_rng(devices=()):
            self.objectness = Pointwise(WIDTH, 1)
            self.guide_objectness = nn.Conv2d(1, GUIDANCE, 3, padding=1, bias=False)
        for parameter in (*self.objectness.parameters(), self.guide_objectness.weight):
            nn.init.zeros_(parameter)
        self.guide_coarse = Pointwise(WIDTH, COARSE_GUIDANCE)
        self.gate = nn.Sequential(
            nn.Conv2d(WIDTH, 32, 3, padding=1), nn.ReLU(inplace=True), Pointwise(32, 16)
        )
        self.edges = Pointwise(WIDTH, LIFTED + DECODED)
        self.local_key = Pointwise(WIDTH, LOCAL_KEYS)
        self.global_key = Pointwise(WIDTH, GLOBAL_KEYS)

    def forward(self, frames: Tensor) -> Features:
        """Encode frames `(B, 3, H, W)` in [0, 255], once for all objects."""
        return self.from_backbone(self.backbone_maps(frames))

    def backbone_maps(self, frames: Tensor) -> list[Tensor]:
        """Maps of frames `(B, 3, H, W)` in [0, 255] at strides 4, 8, 16 and 32."""
        normalised = (frames - 127.0).mul_(1 / 128)
        if self.precision == "float32":
            maps: list[Tensor] = self.backbone(normalised)
            return maps
        with autocast(normalised.device, self.precision):
            return [one.float() for one in self.backbone(normalised)]

    def from_backbone(self, maps: Sequence[Tensor]) -> Features:
        """The features of frames whose `backbone_maps` are known."""
        return self.features(self.top_down(maps))

    def top_down(self, maps: Sequence[Tensor]) -> TopDown:
        """Sum up the backbone maps from the coarsest to the finest."""
        return TopDown(*self._levels(maps, (3, 2, 1, 0))[1:])

    def coarse_top_down(self, maps: Sequence[Tensor]) -> Tensor:
        """`TopDown.coarse` alone."""
        return self._levels(maps, (3, 2, 1))[-1]

    def _levels(self, maps: Sequence[Tensor], indices: tuple[int, ...]) -> list[Tensor]:
        levels: list[Tensor] = []
        for index in indices:
            level = self.lateral[index](maps[index])
            if levels:
                level = level + functional.interpolate(
                    levels[-1], size=level.shape[-2:], mode="bilinear", align_corners=False
                )
            levels.append(self.smooth[index](level))
        return levels

    def features(self, path: TopDown) -> Features:
        """Everything that is read from the top-down path.

        Gates whose layers are frozen have no gradient.
        """
        far, coarse, fine = path
        is_learned = any(parameter.requires_grad for parameter in self.gate.parameters())
        with torch.set_grad_enabled(torch.is_grad_enabled() and is_learned):
            gates = softmax_gates(self.gate(fine).unflatten(1, (4, 4)).contiguous())
        objectness: Tensor = self.objectness(fine)
        return Features(
            self.embedding(fine),
            self.guide(fine) + self.guide_objectness(2 * objectness.sigmoid() - 1),
            self.guide_coarse(coarse),
            gates,
            self.edges(fine),
            self.local_keys(coarse),
            self.global_keys(far),
            objectness,
        )

    def embedding(self, fine: Tensor) -> Tensor:
        """`Features.embedding` from the top-down path at stride 4."""
        embedding: Tensor = self.embed(fine)
        return embedding * (embedding.square().mean(1, keepdim=True) + 1e-6).rsqrt()

    def local_keys(self, coarse: Tensor) -> Tensor:
        """`Features.local_keys` from the top-down path at stride 8."""
        return functional.normalize(self.local_key(coarse), dim=1)

    def global_keys(self, far: Tensor) -> Tensor:
        """`Features.global_keys` from the top-down path at stride 16."""
        return functional.normalize(self.global_key(far), dim=1)
