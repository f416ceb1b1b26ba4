"""Paste an object of one clip over the frames of another: several objects with an exact truth.

Synthetic: light, grain and motion of the two do not match. For comparing versions of the
pipeline on several objects, never for saying how good it is on real clips.
"""

import numpy as np
from scipy import ndimage

from rotoline.types import Frame, LabelMap

BEHIND, IN_FRONT = 1, 2
"""Ids of the clip's own object and of the one pasted over it."""


def paste_object(frame: Frame, other: Frame, mask: np.ndarray) -> Frame:
    """Return `frame` with the pixels of `other` inside `mask` pasted over it.

    The border is softened inside the mask alone: a pixel of the mask shows `other` by more than
    half, from 5/9 for a lone pixel to all where its eight neighbours belong to the mask too, and
    a pixel outside shows nothing of it. So the mask is exactly where the object is to be seen.

    Args:
        frame: uint8 `(H, W, 3)`; stays as it is.
        other: uint8 `(H, W, 3)`.
        mask: bool `(H, W)`.
    """
    inner = ndimage.uniform_filter(mask.astype(np.float64), size=3, mode="nearest")
    share = np.where(mask, 0.5 + 0.5 * inner, 0.0)[..., None]
    return np.round(share * other + (1 - share) * frame).astype(np.uint8)


def stack_labels(behind: np.ndarray, in_front: np.ndarray) -> LabelMap:
    """Return the truth of two bool masks `(H, W)`: 1 behind, 2 in front of it, 0 elsewhere."""
    return np.where(in_front, IN_FRONT, np.where(behind, BEHIND, 0)).astype(np.uint8)


def place(
    picture: np.ndarray, size: tuple[int, int], shift: tuple[float, float], *, mirrored: bool
) -> np.ndarray:
    """Return `picture` on an empty canvas, moved.

    Args:
        picture: `(H, W)` or `(H, W, 3)`; what leaves the canvas is cut off.
        size: Height and width of the canvas.
        shift: How far down and to the right, as shares of `size`; negative is up and left.
        mirrored: Whether left and right change places first.

    Example:
        >>> place(np.array([[1, 2, 3, 4]]), (1, 4), (0, 0.25), mirrored=False)
        array([[0, 1, 2, 3]])
        >>> place(np.array([[1, 2, 3, 4]]), (1, 4), (0, -0.5), mirrored=True)
        array([[2, 1, 0, 0]])
    """
    if mirrored:
        picture = picture[:, ::-1]
    down, right = (round(share * extent) for share, extent in zip(shift, size, strict=True))
    canvas = np.zeros((*size, *picture.shape[2:]), picture.dtype)
    target = canvas[max(down, 0) :, max(right, 0) :]
    source = picture[max(-down, 0) :, max(-right, 0) :]
    height, width = (min(a, b) for a, b in zip(target.shape[:2], source.shape[:2], strict=True))
    target[:height, :width] = source[:height, :width]
    return canvas
