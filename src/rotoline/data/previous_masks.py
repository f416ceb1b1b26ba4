"""Errors of a tracker in the masks of the previous frame, for many objects at once.

`rotoline.learning.mask_errors` makes the same kinds of errors in one mask.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.learning.mask_errors import MAX_SHIFT, NEARBY, window_mean
from rotoline.learning.sampler import Sampler

GROWTH = 15
"""Side of the square, in pixels, in whose middle a border can move by growing or shrinking."""
BLOB = 24
"""Distance in pixels of the random values between which blobs are interpolated."""


class MaskErrors(NamedTuple):
    """The errors of one mask."""

    is_lost: bool
    """Whether nothing is left."""
    shift: tuple[int, int]
    """Rows down and columns to the right."""
    threshold: float
    """Share of a square of `GROWTH` pixels that is object at the new border; .5 for no change."""
    missing: tuple[float, float]
    """Top and left of a missing rectangle, a quarter of the frame high and wide, as fractions of
    height and width; from 1 on there is none."""
    on_other: float
    """Blobs with a value above this are taken of the object that it may be confused with."""
    near: float
    """Blobs with a value above this are added near the mask."""
    blobs: Tensor
    """float32 `(h, w)`: random values of about unit variance."""


def sample_errors(size: tuple[int, int], sampler: Sampler) -> MaskErrors:
    """Sample the errors of a mask of a size (height, width)."""
    rows, columns = (max(2, length // BLOB) for length in size)
    return MaskErrors(
        is_lost=sampler.chance(0.1),
        shift=(sampler.integer(-MAX_SHIFT, MAX_SHIFT), sampler.integer(-MAX_SHIFT, MAX_SHIFT)),
        threshold=sampler.uniform(0.05, 0.95) if sampler.chance(0.5) else 0.5,
        missing=(sampler.uniform(0, 1), sampler.uniform(0, 1)) if sampler.chance(0.2) else (1, 1),
        on_other=sampler.uniform(-1, 0.5) if sampler.chance(0.35) else torch.inf,
        near=0.6 if sampler.chance(0.35) else torch.inf,
        blobs=sampler.noise(rows, columns),
    )


def corrupt(masks: Tensor, others: Tensor, errors: Sequence[MaskErrors]) -> Tensor:
    """Corrupt the true masks of the previous frame as a tracker's errors do.

    Args:
        masks: float32 `(M, H, W)`, 0 or 1.
        others: float32 `(M, H, W)`, 0 or 1: the objects that they may be confused with.
        errors: M of them.

    Returns:
        float32 `(M, H, W)`, 0 or 1.
    """
    device, (height, width) = masks.device, masks.shape[1:]

    def column(values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32).to(device)[:, None, None]

    rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
    down, right = (column([one.shift[axis] for one in errors])[:, 0].long() for axis in (0, 1))
    masks = masks.gather(1, ((rows - down) % height)[..., None].expand_as(masks))
    masks = masks.gather(2, ((columns - right) % width)[:, None].expand_as(masks))
    threshold = column([one.threshold for one in errors])
    masks = torch.where(threshold == 0.5, masks, (window_mean(masks, GROWTH) > threshold).float())
    extents = ((rows[:, None], height, 0), (columns, width, 1))
    beyond = [
        at - (length * column([one.missing[axis] for one in errors])).floor()
        for at, length, axis in extents
    ]
    quarters = (height // 4, width // 4)
    gone = [(one >= 0) & (one < extent) for one, extent in zip(beyond, quarters, strict=True)]
    masks = masks * ~(gone[0] & gone[1])
    blobs = functional.interpolate(
        torch.stack([one.blobs for one in errors]).to(device)[:, None],
        size=(height, width),
        mode="bicubic",
        align_corners=False,
    )[:, 0]
    masks = torch.maximum(masks, others * (blobs > column([one.on_other for one in errors])))
    is_near = (window_mean(masks, NEARBY) > 0.02) & (blobs > column([one.near for one in errors]))
    kept = column([not one.is_lost for one in errors])
    return torch.maximum(masks, is_near.float()) * kept
