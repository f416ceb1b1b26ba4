"""Recognise masks whose edges are soft, or that are dithered: shades would become objects."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rotoline.errors import InputError
from rotoline.types import LabelMap, list_ids


def solid_values(values: NDArray[Any]) -> NDArray[Any]:
    """Values that fill a 3 x 3 neighbourhood somewhere; values of soft edges do not."""
    smallest, largest = _neighbours(values)
    return np.unique(values[largest == smallest])


def refuse_soft_edges(path: Path, values: NDArray[Any]) -> None:
    """Refuse a mask most of whose values are steps between others.

    A step is a value that is solid nowhere, and of whose pixels most have both a smaller and a
    larger value beside them. Objects may be thin or tiny: one on background is not between two.

    Raises:
        InputError: Soft edges; the message names the values that were probably meant.
    """
    found, areas = np.unique(values, return_counts=True)
    if len(found) < 4:
        return
    smallest, largest = _neighbours(values)
    between = values[(smallest < values) & (values < largest)]
    steps, step_areas = np.unique(between, return_counts=True)
    is_step = 2 * step_areas > areas[np.isin(found, steps)]
    solid = np.unique(values[largest == smallest])
    soft = np.setdiff1d(steps[is_step], solid)
    kept = np.setdiff1d(found, soft)
    if len(soft) < 3 or len(soft) <= len(kept):
        return
    meant = solid[solid > 0]
    probably = f"probably meant: {list_ids(meant)}" if len(meant) else "none of them is solid"
    raise InputError(
        f"{path} holds {len(found)} different values, and {len(soft)} of them only as thin steps "
        f"between others: its edges are soft (anti-aliased) and would become objects; {probably}; "
        "export the mask without anti-aliasing, or set every other value to 0"
    )


def refuse_dithering(path: Path, labels: LabelMap) -> None:
    """Refuse a mask most of whose ids are scattered among others, pixel by pixel.

    Programs that reduce a picture to the colours of a palette mix a colour from several others.

    Raises:
        InputError: The mask is dithered.
    """
    padded = np.pad(labels, 1)
    beside = [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
    is_lonely = (labels > 0) & ~np.any([one == labels for one in beside], axis=0)
    is_among = is_lonely & np.any([one > 0 for one in beside], axis=0)
    areas, lonely = (np.bincount(ids, minlength=256) for ids in (labels.ravel(), labels[is_among]))
    scattered = np.flatnonzero(2 * lonely > areas)
    if len(scattered) >= 2 and 2 * len(scattered) > np.count_nonzero(areas[1:]):
        raise InputError(
            f"{path} holds the ids {list_ids(scattered)} scattered among others, pixel by pixel: "
            "its colours are mixed from those of a palette (dithered); export the mask without "
            "dithering, one colour or value per object"
        )


def _neighbours(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The smallest and the largest value of the 3 x 3 neighbourhood of every pixel."""
    return (
        ndimage.minimum_filter(values, size=3, mode="nearest"),
        ndimage.maximum_filter(values, size=3, mode="nearest"),
    )
