"""Boundary accuracy F: how much of each of two outlines lies close to the other.

The specification in plain loops is `rotoline.metrics.reference`; tests compare the two.
"""

import math

import numpy as np

from rotoline.errors import InputError
from rotoline.metrics.inputs import check_mask, check_mask_pair


def boundary_map(mask: np.ndarray) -> np.ndarray:
    """Return the outline of a mask, one pixel wide.

    A pixel is on the outline when it differs from its neighbour to the east, the south or
    the south-east. The last row is compared with the east only, the last column with the south
    only, and the bottom-right pixel is never on the outline. So the outline of an n x n square is
    the ring of an (n + 1) x (n + 1) square that starts one row up and one column left, and the edge
    of the frame is not an outline: a mask that fills the frame has none.

    Args:
        mask: Bool array (H, W).

    Returns:
        A new bool array (H, W), True on the outline.

    Raises:
        InputError: The mask is not bool or has not two axes.

    Example:
        >>> mask = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], dtype=bool)
        >>> boundary_map(mask).astype(int)
        array([[1, 1, 0],
               [1, 1, 0],
               [0, 0, 0]])

    Source:
        davis2017-evaluation, `_seg2bmap` at the size of the input; after D. Martin's
        seg2bmap of the Berkeley segmentation benchmark.
    """
    check_mask(mask, "mask")
    outline = np.zeros(mask.shape, dtype=bool)
    outline[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    outline[:-1] |= mask[:-1] != mask[1:]
    outline[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
    return outline


def boundary_accuracy(prediction: np.ndarray, truth: np.ndarray, tolerance: float = 0.008) -> float:
    """Return F, the balance of precision and recall of the predicted outline.

    With r = ceil(tolerance * sqrt(H^2 + W^2)), in pixels, and outlines by `boundary_map`:
    precision P is the share of predicted outline pixels that have a true outline pixel
    within Euclidean distance r, recall R is the converse, and F = 2PR / (P + R), or 0
    where P + R is 0. If neither mask has an outline, F is 1; if only one has, F is 0. As in the
    official tool, only outlines count, so a mask that fills the frame counts as empty; J
    distinguishes the two.

    Args:
        prediction: Bool array (H, W), the mask to score.
        truth: Bool array (H, W), the true mask.
        tolerance: Radius as a share of the frame's diagonal, in [0, 1). The default is
            that of DAVIS, 8 pixels at 480 x 854; 0 requires identical pixels.

    Returns:
        F in [0, 1]. Swapping the masks changes nothing.

    Raises:
        InputError: A mask is not bool or has not two axes, the sizes differ, or
            `tolerance` lies outside its range.

    Example:
        A square moved by one column, without tolerance: the upper and the lower side
        still share three of four pixels, the other two sides share none.

        >>> truth = np.zeros((10, 10), dtype=bool)
        >>> truth[2:5, 2:5] = True
        >>> boundary_accuracy(np.roll(truth, 1, axis=1), truth, tolerance=0)
        0.5
        >>> boundary_accuracy(np.roll(truth, 1, axis=1), truth)  # radius 1
        1.0

    Source:
        Perazzi et al., CVPR 2016 (contour accuracy); davis2017-evaluation, `f_measure`.
        Deviation: the official function reads a tolerance of 1 or more as pixels; here
        it is refused.
    """
    check_mask_pair(prediction, truth)
    if not 0 <= tolerance < 1:
        raise InputError(
            f"tolerance is {tolerance}; it is a share of the frame's diagonal in [0, 1), "
            f"so divide a radius in pixels by the diagonal"
        )
    predicted, true = boundary_map(prediction), boundary_map(truth)
    n_predicted, n_true = int(np.count_nonzero(predicted)), int(np.count_nonzero(true))
    if n_predicted == 0 or n_true == 0:
        return 1.0 if n_predicted == n_true else 0.0

    height, width = truth.shape
    radius = math.ceil(tolerance * math.sqrt(height**2 + width**2))
    window = _bounding_box(predicted | true)
    predicted, true = predicted[window], true[window]
    precision = float(np.count_nonzero(predicted & dilate_by_disk(true, radius)) / n_predicted)
    recall = float(np.count_nonzero(true & dilate_by_disk(predicted, radius)) / n_true)
    if precision + recall == 0:
        return 0.0
    return 2 * precision * recall / (precision + recall)


def _bounding_box(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the smallest box around the True pixels of `mask`, at least one."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def dilate_by_disk(mask: np.ndarray, radius: int) -> np.ndarray:
    """Return the pixels within a distance of a mask.

    Args:
        mask: Bool array (H, W).
        radius: Euclidean distance in pixels, 0 or more.

    Returns:
        A new bool array (H, W); it holds `mask` itself.

    Example:
        >>> dilate_by_disk(np.eye(3, dtype=bool), 1).astype(int)
        array([[1, 1, 0],
               [1, 1, 1],
               [0, 1, 1]])
    """
    # A disk is a stack of horizontal runs that widen towards its middle row. Going inwards,
    # `spread` is the mask widened by the run of the current row, and each widening continues from
    # the previous one. Whole-array ORs make this several times faster than a distance transform,
    # and there is no root to round.
    dilated = np.zeros_like(mask)
    spread = mask.copy()
    half_width = 0
    for offset in range(radius, -1, -1):
        wider = math.isqrt(radius**2 - offset**2)
        for shift in range(half_width + 1, wider + 1):
            spread[:, shift:] |= mask[:, :-shift]
            spread[:, :-shift] |= mask[:, shift:]
        half_width = wider
        rest = max(len(mask) - offset, 0)
        dilated[offset:] |= spread[:rest]
        dilated[:rest] |= spread[offset:]
    return dilated
