"""How much of a pixel belongs to an object, for formats that have a matte or an alpha channel."""

import numpy as np
from numpy.typing import NDArray

from rotoline.types import FrameResult, ObjectId

OPAQUE = 65_535
"""Alpha of a pixel that belongs to the object altogether."""


def alpha_of(result: FrameResult, object_id: ObjectId, *, soft: bool) -> NDArray[np.uint16]:
    """The alpha of one object in a frame, uint16 `(H, W)` from 0 to 65535.

    Args:
        result: Of the frame.
        object_id: One of its `object_ids`.
        soft: Whether alpha is the score of the object; else it is 0 or 65535, as in its mask.

    Raises:
        InputError: Alpha is to be soft, and there are no scores.
    """
    if soft:
        return _from_scores(result.scores[result.object_ids.index(object_id)])
    return np.where(result.labels == object_id, OPAQUE, 0).astype(np.uint16)


def alpha_of_all(result: FrameResult, *, soft: bool) -> NDArray[np.uint16]:
    """The alpha of all objects together: as `alpha_of`, of the object with the highest one."""
    if soft:
        return _from_scores(result.scores.max(axis=0))
    return np.where(result.labels > 0, OPAQUE, 0).astype(np.uint16)


def to_bits(alpha: NDArray[np.uint16], bits: int) -> NDArray[np.uint16]:
    """Alpha with fewer bits, rounded: from 0 to `2**bits - 1`."""
    rounded = (alpha.astype(np.uint32) * (2**bits - 1) + OPAQUE // 2) // OPAQUE
    return np.asarray(rounded, np.uint16)


def to_bytes(alpha: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Alpha with 8 bits, rounded: from 0 to 255."""
    return to_bits(alpha, 8).astype(np.uint8)


def _from_scores(scores: NDArray[np.float32]) -> NDArray[np.uint16]:
    return (scores * OPAQUE).round().astype(np.uint16)
