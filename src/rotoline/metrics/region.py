"""Region similarity J: the share of pixels on which two masks agree."""

import numpy as np

from rotoline.metrics.inputs import check_mask_pair


def region_similarity(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Return J, the pixels in both masks over the pixels in either (Jaccard index).

    J of two empty masks is 1; J of an empty mask and another one is 0.

    Args:
        prediction: Bool array (H, W), the mask to score.
        truth: Bool array (H, W), the true mask.

    Returns:
        J in [0, 1]; 1 when the masks are the same. Swapping the masks changes nothing.

    Raises:
        InputError: A mask is not bool, has not two axes, or the sizes differ.

    Example:
        Two pixels in common out of four:

        >>> prediction = np.array([[True, True, True, False]])
        >>> truth = np.array([[False, True, True, True]])
        >>> region_similarity(prediction, truth)
        0.5

    Source:
        Perazzi et al., CVPR 2016 (region similarity); davis2017-evaluation, `db_eval_iou`.
    """
    check_mask_pair(prediction, truth)
    union = np.count_nonzero(prediction | truth)
    if union == 0:
        return 1.0
    return float(np.count_nonzero(prediction & truth) / union)
