"""What is learned from masks: which rows, and which shares of the pixels of the maps.

The rows are every object and, if there are several, their union.

The union is the foreground. A lone object is its own union, so nothing is learned twice. The union
of a frame that does not show all objects is unknown, because the missing ones may be there without
being annotated; if no frame shows all objects, the union is learned from every frame.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional


def with_union(masks: Tensor) -> Tensor:
    """Append the union to masks `(K, h, w)` as the last row; one object is its own union."""
    return masks if len(masks) == 1 else torch.cat((masks, masks.amax(0, keepdim=True)))


def rows_learned_from(shown: Mapping[int, Tensor]) -> dict[int, Tensor]:
    """Return which rows are learned from each annotated frame.

    Args:
        shown: By frame index the objects annotated in it, bool `(K,)`.

    Returns:
        By frame index bool `(R,)`, with R = K for one object and K + 1 for several.
    """
    if len(next(iter(shown.values()))) == 1:
        return dict(shown)
    none_is_whole = not any(bool(objects.all()) for objects in shown.values())
    return {
        index: torch.cat((objects, (objects.all() | none_is_whole)[None]))
        for index, objects in shown.items()
    }


def known_shares(masks: Tensor, known: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Reduce masks `(K, H, W)` and `known`, all 0 or 1, to blocks of stride x stride.

    Args:
        masks: One for each object.
        known: `(H, W)`, or `(K, H, W)` for each object.
        stride: Side of the blocks.

    Returns:
        `(K, h, w)` each: the share of the known pixels of a block that the object covers, and the
        share of the block's pixels that are known.
    """
    counted = functional.avg_pool2d(known.expand_as(masks), stride)
    covered = functional.avg_pool2d(masks * known, stride)
    return covered / counted.clamp(min=1 / stride**2), counted
