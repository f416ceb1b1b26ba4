"""Stage 4 of 6: sharpen each score map by learned spatial propagation.

    frames ─► foreground ─► adapt ─► score ─► [propagate] ─► regions ─► fuse ─► labels

The gates say between which neighbouring pixels scores may flow. They depend on the frame alone and
are computed once for all objects. See docs/method.md#propagate and nets/objects.py.
"""

from pydantic import BaseModel, ConfigDict
from torch import Tensor

from rotoline.nets.embedding import Features
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
