"""Stage 4 of 6: sharpen each score map by learned spatial propagation.

    frames ─► foreground ─► adapt ─► score ─► [propagate] ─► regions ─► fuse ─► labels

The gates say between which neighbouring pixels scores may flow. They depend on the frame alone and
are computed once for all objects. See docs/method.md#propagate, nets/objects.py for the network of
`fast` and nets/guidance.py for the paper's.
"""

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from rotoline.nets.embedding import Features
from rotoline.nets.guidance import GuidedPropagation
from rotoline.nets.objects import Propagation


class PropagateConfig(BaseModel):
    """Whether to propagate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    """Off for measuring what the stage brings."""


def sharpen(
    net: Propagation, logits: Tensor, features: Features, config: PropagateConfig
) -> Tensor:
    """Sharpen logits `(K, 1, h, w)` under the guidance of the frame."""
    if not config.enabled or len(logits) == 0:
        return logits
    return net(logits, features)


def propagate_scores(
    net: GuidedPropagation, logits: Tensor, pixels: Tensor, config: PropagateConfig
) -> Tensor:
    """Sharpen logits under the guidance of the pixels themselves, as in the paper.

    Args:
        net: The paper's network.
        logits: `(K, 1, H, W)`, on the CPU.
        pixels: `(1, 3, H, W)` in [0, 255], on the device of the net.
        config: Whether to propagate.

    Returns:
        `(K, 1, H, W)`: logits, on the CPU.
    """
    if not config.enabled or len(logits) == 0:
        return logits
    gates = net.gates(pixels)
    # One object at a time: lifted to 32 channels, all of them at once could fill the memory.
    sharpened = [net(one[None].to(pixels.device).sigmoid(), gates).float() for one in logits]
    return torch.cat([(two[:, 1:] - two[:, :1]).cpu() for two in sharpened])
