"""The checks that the measures share: which masks may be compared."""

import numpy as np

from rotoline.errors import InputError


def check_mask(mask: np.ndarray, name: str) -> None:
    """Raise InputError unless `mask` is a bool array (H, W)."""
    if mask.dtype != np.bool_:
        raise InputError(
            f"{name} holds {mask.dtype} values; a mask is bool, "
            f"so compare first: labels == object_id, or gray > 0"
        )
    if mask.ndim != 2:
        raise InputError(
            f"{name} has shape {mask.shape}; a mask has two axes (height, width), "
            f"so pass one frame and one object at a time"
        )


def check_mask_pair(prediction: np.ndarray, truth: np.ndarray) -> None:
    """Raise InputError unless both are bool arrays (H, W) of one size."""
    check_mask(prediction, "prediction")
    check_mask(truth, "truth")
    if prediction.shape != truth.shape:
        raise InputError(
            f"prediction is {format_size(prediction)} but truth is {format_size(truth)} "
            f"(height x width); resize the prediction to the size of the truth"
        )


def format_size(array: np.ndarray) -> str:
    """Height and width for a message, as in '480 x 854'."""
    return " x ".join(str(length) for length in array.shape)
