"""Masks as run lengths, without a package for it."""

from rotoline.io.rle import Mask, encode_rows


def column_runs(mask: Mask) -> tuple[int, ...]:
    """The run lengths of COCO of a mask, bool `(H, W)`; `rotoline.io.rle.decode` undoes it.

    Example:
        >>> import numpy as np
        >>> column_runs(np.array([[0, 1], [0, 1]], dtype=bool))
        (2, 2)
    """
    return tuple(encode_rows(mask.T))
