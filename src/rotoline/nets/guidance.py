"""The paper's spatial propagation network: VGG-16 guidance, gates per channel, two rounds.

Structure of the authors' released network for VOC, with the paper's guidance: encoder conv1_1 to
pool5 of VGG-16, a decoder that mirrors it with skip links, three gates per channel, direction and
pixel at half of the frame's resolution.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rotoline.kernels.propagation import propagate, signed_gates, softmax_gates
from rotoline.nets.resnet import MEAN, STD

CHANNELS = 32
"""Channels that a score map is lifted to."""

_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_TAPS = (15, 22, 29)
"""Layers of `features` after which conv3_3, conv4_3 and conv5_3 (with their ReLU) leave."""


class VGG16(nn.Module):
    """Images `(B, 3, H, W)`, normalised, to conv3_3, conv4_3, conv5_3 and pool5.

    Names and shapes of the parameters are those of the checkpoint that torchvision publishes,
    without the classifier. Maps are at 1/4, 1/8, 1/16 and 1/32.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for widths in _STAGES:
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


class Guidance(nn.Module):
    """Frames `(B, 3, H, W)` in [0, 255] to gate logits `(B, 4, 3, 32, H / 2, W / 2)`.

    H and W are multiples of 32.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = VGG16()
        self.from5 = nn.Conv2d(512, 512, 1)
        self.up4 = nn.Conv2d(512, 512, 3, padding=1)
        self.up3 = nn.Conv2d(512, 256, 3, padding=1)
        self.gate = nn.Conv2d(256, CHANNELS * 3 * 4, 3, padding=1)

    def forward(self, frames: Tensor) -> Tensor:
        """Decode from pool5, adding the encoder's map of the same size at each step."""
        mean, std = (
            torch.tensor(values, device=frames.device)[:, None, None] * 255
            for values in (MEAN, STD)
        )
        conv3, conv4, conv5, pool5 = self.encoder((frames - mean) / std)
        x = _double(self.from5(pool5)) + conv5
        x = _double(functional.relu(self.up4(x), inplace=True)) + conv4
        x = _double(functional.elu(self.up3(functional.relu(x)))) + conv3
        return self.gate(_double(x)).unflatten(1, (4, 3, CHANNELS))


class GuidedPropagation(nn.Module):
    """Score maps, sharpened under the guidance of their frame (paper, section on the SPN).

    The map of background and foreground is lifted to 32 channels at half resolution, scanned in
    four directions and merged by the maximum, once more with the same gates, brought back to full
    resolution and decoded.

    Deviation: the gates are a softmax over the three neighbours and "take x" (its logit fixed at
    0, which loses nothing), so every scan is a convex combination. `signed` chooses the paper's
    rule, a sum of absolute values of at most 1, with which maps may leave their range.

    Args:
        signed: Whether gates may be negative. The weights keep it, as the empty tensor `signed`.
    """

    def __init__(self, *, signed: bool = False) -> None:
        super().__init__()
        if signed:
            self.register_buffer("signed", torch.zeros(0))
        self.guidance = Guidance()
        self.lift = nn.Conv2d(2, CHANNELS, 4, stride=2, padding=1)
        self.decode = nn.Conv2d(CHANNELS, 64, 3, padding=1)
        self.leave = nn.Conv2d(64, 2, 3, padding=1)
        self._start_as_a_copy()

    @torch.no_grad()
    def _start_as_a_copy(self) -> None:
        """Let even channels carry the background and odd ones the foreground, with little noise.

        So the untrained network gives back its map, slightly blurred, and training need not find
        out first what is to be sharpened.
        """
        parity = torch.arange(2)[:, None] == torch.arange(64)[None] % 2
        for layer in (self.lift, self.decode, self.leave, self.guidance.gate):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        self.lift.weight += parity.T[:CHANNELS, :, None, None] / 16
        same = (parity.T.float() @ parity.float()[:, :CHANNELS]) * 2 / CHANNELS
        self.decode.weight[:, :, 1, 1] += same
        self.leave.weight[:, :, 1, 1] += parity * (8 / 64)
        if not self.is_signed:  # signed gates are near 0 as they are
            self.guidance.gate.bias -= 2.0

    @property
    def is_signed(self) -> bool:
        """Whether gates may be negative."""
        return hasattr(self, "signed")

    def gates(self, frames: Tensor) -> Tensor:
        """Gates `(B, 4, 3, 32, H / 2, W / 2)` of frames `(B, 3, H, W)`: once for all objects."""
        logits = self.guidance(frames)
        if self.is_signed:
            return signed_gates(logits)
        # Four logits, the last of them 0, ahead of the channels.
        return softmax_gates(functional.pad(logits, (0, 0, 0, 0, 0, 0, 0, 1)))

    def forward(self, scores: Tensor, gates: Tensor) -> Tensor:
        """Sharpen score maps of one frame.

        Args:
            scores: `(K, 1, H, W)` in [0, 1].
            gates: Of that frame, B = 1; or of K frames, one for each map.

        Returns:
            `(K, 2, H, W)`: logits of background and foreground.
        """
        lifted = self.lift(torch.cat((1 - scores, scores), dim=1))
        gates = gates.to(lifted.dtype)
        twice = propagate(propagate(lifted, gates, merge="max"), gates, merge="max")
        return self.leave(functional.relu(self.decode(_double(twice)), inplace=True))


def _double(maps: Tensor) -> Tensor:
    return functional.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)
