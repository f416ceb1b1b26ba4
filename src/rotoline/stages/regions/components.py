"""Connected regions of a map, and how well each agrees with a mask."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rotoline.errors import InputError


class Regions(NamedTuple):
    """The n connected regions of a map."""

    labels: NDArray[np.integer[Any]]
    """int `(h, w)`: 1 ... n in the order in which their first pixels come, row by row; 0 outside
    of all."""
    areas: NDArray[np.int64]
    """int `(n + 1,)`: number of pixels of each region, after that of the pixels outside all
    regions."""


def find_regions(mask: NDArray[np.bool_]) -> Regions:
    """Number the 8-connected sets of true pixels of a bool `(h, w)`."""
    from scipy import ndimage  # imported late: a fifth of the time that loading the model takes

    labels, count = ndimage.label(mask, structure=np.ones((3, 3), dtype=bool))
    return Regions(labels, np.bincount(labels.ravel(), minlength=count + 1))


def count_pixels(mask: NDArray[np.bool_]) -> int:
    """Number of true pixels."""
    return int(np.count_nonzero(mask))


def count_inside(regions: Regions, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pixels of each region inside a mask `(h, w)`: int `(n + 1,)`, the first is no region."""
    return np.bincount(regions.labels[mask], minlength=len(regions.areas))


def overlaps(regions: Regions, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Intersection over union of each region with a mask.

    Args:
        regions: n regions.
        mask: bool `(h, w)`; if it is empty, all values are 0.

    Returns:
        float `(n + 1,)` in [0, 1]; the first, which is no region, is 0.

    Example:
        One region of two pixels, one of one pixel:

        >>> regions = find_regions(np.array([[True, True, False, True]]))
        >>> overlaps(regions, np.array([[False, True, True, False]])).round(3).tolist()
        [0.0, 0.333, 0.0]
    """
    shared = count_inside(regions, mask)
    shared[0] = 0
    # Only the area outside all regions can have no pixels.
    agreement: NDArray[np.float64] = shared / np.maximum(
        regions.areas + count_pixels(mask) - shared, 1
    )
    return agreement


def overlap(mask: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union of two bool arrays; 0 if both are empty."""
    return count_pixels(mask & other) / max(count_pixels(mask | other), 1)


def check_maps(scores: NDArray[np.float32], previous: NDArray[np.bool_]) -> None:
    """Raise InputError unless there is a bool mask for every map, all of one size."""
    if scores.ndim != 3 or previous.shape != scores.shape or previous.dtype != np.bool_:
        raise InputError(
            f"scores have shape {scores.shape}, previous masks {previous.shape} of "
            f"{previous.dtype}; both are (objects, height, width), and masks are bool"
        )
