"""Maps at the size of the frame: enlarged, and near the borders corrected by the frame's colours.

    frame ─► encode ─► score ─► limit ─► propagate ─► filter ─► fuse ─► labels
                                                                 └─ upsample

A map has a quarter of the working size, so a pixel of it is 4 pixels of a frame of 480 rows, 9 of
one of 1080 and 18 of one of 2160. Bilinear interpolation knows nothing of where between them a
border is; the frame does. See docs/method/fast.md#fuse.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional

from rotoline.types import Frame, upsample, upsample_in_turn

WIDTH = 8
"""Channels of all layers but the last."""
TILE, MARGIN = 64, 6
"""Side of a tile, and the pixels around it that its result depends on, so that tiles show no
seams."""
TILES_AT_ONCE = 32
"""Tiles that are computed together: 20 MB."""
MIN_FACTOR = 5
"""Frames in which a pixel of the map is smaller are not corrected: at 480 rows, where it is 4, the
correction was worth nothing (docs/decisions/0013-borders.md)."""
MAX_FACTOR = 10
"""Largest number of pixels for one of the map, in each direction. Larger frames are corrected at a
half or a third of their size, since borders in them are that soft."""
REACH = 1
"""How far from a border the map is corrected in full, in pixels of the map; half of that is added
in which the correction fades."""


class UpsamplingConfig(BaseModel):
    """Enlarging maps to the size of the frame."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    """Whether enlarged maps are corrected near the borders; the weights must have learned it."""


class Upsampler(nn.Module):
    """Corrects enlarged logits from the colours around them.

    Source:
        Paper, section "Spatial Propagation Network", which refines maps at the size of the frame.
        Deviation: four small convolutions near the borders alone. With a spatial propagation among
        them borders were the same, in twice the time (docs/decisions/0013-borders.md, which also
        says what the correction is worth).
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(channels, WIDTH, 3, padding=dilation, dilation=dilation)
            for channels, dilation in ((5, 1), (WIDTH, 2), (WIDTH, 2))
        )
        self.out_conv = nn.Conv2d(WIDTH, 1, 3, padding=1)
        # A new network changes nothing.
        for parameter in self.out_conv.parameters():
            nn.init.zeros_(parameter)

    @property
    def is_learned(self) -> bool:
        """Whether the network changes anything: weights of before it was there have 0 for it."""
        return bool(self.out_conv.weight.any())

    def forward(self, frames: Tensor, logits: Tensor) -> Tensor:
        """Return what is to be added to enlarged logits.

        Args:
            frames: float `(N, 3, H, W)` in [0, 255].
            logits: float `(N, 1, H, W)`.

        Returns:
            `(N, 1, H, W)`.
        """
        inputs = (frames / 64 - 2, logits.clamp(-8, 8) / 4, 2 * logits.sigmoid() - 1)
        seen = torch.cat(inputs, dim=1)
        for layer in self.layers:
            seen = functional.relu(layer(seen))
        correction: Tensor = self.out_conv(seen)
        return correction


def enlarge(
    net: Upsampler, config: UpsamplingConfig, logits: Tensor, frame: Frame
) -> Iterator[Tensor]:
    """Enlarge maps as the settings say; arguments as for `upsample_with_frame`."""
    if config.enabled and net.is_learned:
        return upsample_with_frame(net, logits, frame)
    return upsample_in_turn(logits, frame.shape[:2])


def upsample_with_frame(net: Upsampler, logits: Tensor, frame: Frame) -> Iterator[Tensor]:
    """Enlarge the maps of all objects to the size of a frame, one after the other.

    They are corrected near the borders if a pixel of them is large enough (`MIN_FACTOR`). Memory
    does not grow with the number of objects.

    Args:
        net: The network.
        logits: float `(K, h, w)`.
        frame: RGB, uint8 `(H, W, 3)`.

    Yields:
        float `(H, W)` for each object.
    """
    height, width = frame.shape[:2]
    factor = height / logits.shape[-2]
    if factor < MIN_FACTOR:
        yield from upsample_in_turn(logits, (height, width))
        return
    scale = math.ceil(factor / MAX_FACTOR)
    size = math.ceil(height / scale), math.ceil(width / scale)
    # PyTorch warns about arrays that may not be written, such as those of Pillow.
    own = np.require(frame, requirements=("C", "W"))
    picture = torch.from_numpy(own).permute(2, 0, 1)[None].float()
    if scale > 1:
        picture = functional.interpolate(picture, size=size, mode="area")
    for one in logits:
        enlarged = sharpen(net, upsample(one[None], size), border_weights(one, size), picture)
        yield upsample(enlarged, (height, width))[0] if scale > 1 else enlarged[0]


def border_weights(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """How much of the correction counts in each pixel.

    Args:
        logits: float `(h, w)`, of one object.
        size: Height and width of the result.

    Returns:
        float `(1, *size)` in [0, 1]: 1 within `REACH` pixels of the map from a border, 0 away from
        all borders.
    """
    inside = (logits > 0).float()[None, None]
    side = 2 * REACH + 1
    grown = functional.max_pool2d(inside, side, 1, REACH)
    shrunk = 1 - functional.max_pool2d(1 - inside, side, 1, REACH)
    return upsample((grown - shrunk)[0], size)


def sharpen(net: Upsampler, logits: Tensor, weights: Tensor, picture: Tensor) -> Tensor:
    """Add the weighted correction to one enlarged map, tile by tile.

    Args:
        net: The network.
        logits: float `(1, H, W)`.
        weights: float `(1, H, W)` in [0, 1].
        picture: float `(1, 3, H, W)` in [0, 255].

    Returns:
        float `(1, H, W)`.
    """
    height, width = logits.shape[-2:]
    down, right = -height % TILE, -width % TILE
    used = functional.max_pool2d(functional.pad(weights, (0, right, 0, down)), TILE)[0] > 0
    rows, columns = used.nonzero(as_tuple=True)
    if len(rows) == 0:
        return logits
    padding = (MARGIN, MARGIN + right, MARGIN, MARGIN + down)
    stacked = functional.pad(torch.cat((picture[0], logits))[None], padding, mode="replicate")[0]
    side = TILE + 2 * MARGIN
    tiles = stacked.unfold(1, side, TILE).unfold(2, side, TILE)
    corrections = logits.new_zeros(len(used) * TILE, used.shape[1] * TILE)
    table = corrections.unfold(0, TILE, TILE).unfold(1, TILE, TILE)
    inner = slice(MARGIN, MARGIN + TILE)
    for part in torch.arange(len(rows)).split(TILES_AT_ONCE):
        at = rows[part], columns[part]
        chosen = tiles[:, at[0], at[1]].transpose(0, 1).contiguous()
        table[at] = net(chosen[:, :3], chosen[:, 3:])[:, 0, inner, inner]
    return logits + weights * corrections[:height, :width]
