"""The stage `propagate` of the `paper` preset: VGG-16 guidance, gates per channel, two rounds.

    frame ─► encode ─► score ─► limit ─► [propagate] ─► filter ─► fuse ─► labels

Structure of the authors' released network for VOC, with the paper's guidance: encoder conv1_1 to
pool5 of VGG-16, a decoder that mirrors it with skip links, three gates per channel, direction and
pixel at half of the frame's resolution.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rotoline.kernels.propagation import propagate, signed_gates, softmax_gates
from rotoline.nets.layers import normalise_imagenet, upsample2x
from rotoline.nets.vgg import VGG16

CHANNELS = 32
"""Channels that a score map is lifted to."""


class GuidanceNet(nn.Module):
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
        conv3, conv4, conv5, pool5 = self.encoder(normalise_imagenet(frames))
        x = upsample2x(self.from5(pool5)) + conv5
        x = upsample2x(functional.relu(self.up4(x), inplace=True)) + conv4
        x = upsample2x(functional.elu(self.up3(functional.relu(x)))) + conv3
        logits: Tensor = self.gate(upsample2x(x)).unflatten(1, (4, 3, CHANNELS))
        return logits


class GuidedPropagationNet(nn.Module):
    """Refines score maps under the guidance of their frame (paper, section on the SPN).

    The map of background and foreground is lifted to 32 channels at half resolution, scanned in
    four directions and merged by the maximum, twice with the same gates, enlarged to full
    resolution and decoded.

    Deviation: the gates are a softmax over the three neighbours and "take x" (its logit fixed at 0,
    without loss of generality), so every scan is a convex combination. `signed_gates` chooses the
    paper's rule, a sum of absolute values of at most 1, with which maps may leave their range.

    Args:
        signed_gates: Whether gates may be negative, as the record of the weights says
            (`network_options`).
    """

    def __init__(self, *, signed_gates: bool = False) -> None:
        super().__init__()
        self.signed_gates = signed_gates
        self.guidance = GuidanceNet()
        self.lift = nn.Conv2d(2, CHANNELS, 4, stride=2, padding=1)
        self.decode = nn.Conv2d(CHANNELS, 64, 3, padding=1)
        self.out_conv = nn.Conv2d(64, 2, 3, padding=1)
        self._initialise_as_identity()

    @torch.no_grad()
    def _initialise_as_identity(self) -> None:
        """Let even channels carry the background and odd ones the foreground, with little noise.

        The untrained network then returns its input, slightly blurred, so that training starts from
        a useful map.
        """
        parity = torch.arange(2)[:, None] == torch.arange(64)[None] % 2
        for layer in (self.lift, self.decode, self.out_conv, self.guidance.gate):
            nn.init.normal_(layer.weight, std=0.01)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        self.lift.weight += parity.T[:CHANNELS, :, None, None] / 16
        same = (parity.T.float() @ parity.float()[:, :CHANNELS]) * 2 / CHANNELS
        self.decode.weight[:, :, 1, 1] += same
        self.out_conv.weight[:, :, 1, 1] += parity * (8 / 64)
        if not self.signed_gates:  # signed gates are near 0 without a bias
            assert self.guidance.gate.bias is not None
            self.guidance.gate.bias.sub_(2.0)

    def gates(self, frames: Tensor) -> Tensor:
        """Gates `(B, 4, 3, 32, H / 2, W / 2)` of frames `(B, 3, H, W)`: once for all objects."""
        logits = self.guidance(frames)
        if self.signed_gates:
            return signed_gates(logits)
        # Four logits, the last of them 0, ahead of the channels.
        return softmax_gates(functional.pad(logits, (0, 0, 0, 0, 0, 0, 0, 1)))

    def forward(self, scores: Tensor, gates: Tensor) -> Tensor:
        """Refine score maps of one frame.

        Args:
            scores: `(K, 1, H, W)` in [0, 1].
            gates: Gates of that frame, B = 1; or of K frames, one for each map.

        Returns:
            `(K, 2, H, W)`: logits of background and foreground.
        """
        lifted = self.lift(torch.cat((1 - scores, scores), dim=1))
        gates = gates.to(lifted.dtype)
        twice = propagate(propagate(lifted, gates, merge="max"), gates, merge="max")
        logits: Tensor = self.out_conv(
            functional.relu(self.decode(upsample2x(twice)), inplace=True)
        )
        return logits
