"""Paste an object of one clip over the frames of another: several objects with exact true masks.

The light, grain and motion of the two clips do not match. Composites compare versions of the
pipeline on several objects; they do not measure how good it is on real clips.
"""

import numpy as np
from scipy import ndimage

from rotoline.types import Frame, LabelMap

BEHIND, IN_FRONT = 1, 2
"""Ids of the clip's own object and of the one pasted over it."""


def paste_object(frame: Frame, other: Frame, mask: np.ndarray) -> Frame:
    """Return `frame` with the pixels of `other` inside `mask` pasted over it.

    The border is softened inside the mask only. The opacity of a pixel of the mask grows with the
    number of its eight neighbours in the mask, from 5/9 for an isolated pixel to 1; outside the
    mask it is 0. So the mask is exactly where the object is visible.

    Args:
        frame: uint8 `(H, W, 3)`; not changed.
        other: uint8 `(H, W, 3)`, the picture of the object.
        mask: bool `(H, W)`, where the object is.
    """
    inner = ndimage.uniform_filter(mask.astype(np.float64), size=3, mode="nearest")
    opacity = np.where(mask, 0.5 + 0.5 * inner, 0.0)[..., None]
    pasted: Frame = np.round(opacity * other + (1 - opacity) * frame).astype(np.uint8)
    return pasted


def stack_labels(behind: np.ndarray, in_front: np.ndarray) -> LabelMap:
    """Return the label map of two bool masks `(H, W)`: 1 behind, 2 in front, 0 for background."""
    return np.where(in_front, IN_FRONT, np.where(behind, BEHIND, 0)).astype(np.uint8)


def place(
    picture: np.ndarray, size: tuple[int, int], shift: tuple[float, float], *, mirrored: bool
) -> np.ndarray:
    """Return `picture`, shifted, on a canvas of zeros.

    Args:
        picture: `(H, W)` or `(H, W, 3)`; what leaves the canvas is cut off.
        size: Height and width of the canvas.
        shift: Distance down and to the right, as fractions of `size`; negative is up and left.
        mirrored: Whether to exchange left and right first.

    Example:
        >>> place(np.array([[1, 2, 3, 4]]), (1, 4), (0, 0.25), mirrored=False)
        array([[0, 1, 2, 3]])
        >>> place(np.array([[1, 2, 3, 4]]), (1, 4), (0, -0.5), mirrored=True)
        array([[2, 1, 0, 0]])
    """
    if mirrored:
        picture = picture[:, ::-1]
    down, right = (round(fraction * extent) for fraction, extent in zip(shift, size, strict=True))
    canvas = np.zeros((*size, *picture.shape[2:]), picture.dtype)
    target = canvas[max(down, 0) :, max(right, 0) :]
    source = picture[max(-down, 0) :, max(-right, 0) :]
    height, width = (min(a, b) for a, b in zip(target.shape[:2], source.shape[:2], strict=True))
    target[:height, :width] = source[:height, :width]
    return canvas
