"""Which predicted mask belongs to which true mask, by their names."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from rotoline.errors import InputError
from rotoline.io.pictures import natural_key
from rotoline.io.results import LabelMaps
from rotoline.types import LabelMap

_COMPARED = 8
"""Number of frames, evenly spaced, that are compared to find a numbering that is off by one."""


def match_names(
    predicted: LabelMaps, truth: LabelMaps, folders: tuple[Path, Path]
) -> dict[str, str]:
    """Find the predicted mask for every true mask: the one of its name, `1` being `00001`.

    Args:
        predicted: The predicted masks; some may belong to no true mask.
        truth: The true masks.
        folders: Where the two are, for messages.

    Returns:
        The name of the predicted mask by the name of the true mask.

    Raises:
        InputError: Predictions are missing, or one of the folders seems to count its frames from 0
            and the other from 1.
    """
    pairs = {name: predicted.find_named(name) for name in truth}
    missing = [name for name, other in pairs.items() if other is None]
    if missing:
        raise InputError(
            f"{folders[0]} lacks {len(missing)} of the {len(truth)} frames in {folders[1]}, the "
            f"first is {missing[0]}; predict all frames, with the names the truth has"
            f"{_hint_at_numbers(predicted, truth)}"
        )
    found = {name: other for name, other in pairs.items() if other is not None}
    if len(set(found.values())) < len(found):
        twice = next(name for name in found if list(found.values()).count(found[name]) > 1)
        raise InputError(
            f"{folders[1]} holds two masks of the number of {twice}, but {folders[0]} only one; "
            "keep one true mask per frame"
        )
    _refuse_off_by_one(found, predicted, truth, folders)
    return found


def _hint_at_numbers(predicted: Iterable[str], truth: Iterable[str]) -> str:
    """Add what to do, if the names would fit with other numbers."""
    own, true = _by_number(predicted), _by_number(truth)
    if not own or not true:
        return ""
    shift = min(true) - min(own)
    if not shift or not {number - shift for number in true} <= set(own):
        return ""
    return (
        f". The first are {own[min(own)]} and {true[min(true)]}: if these are the same frame, "
        "give the masks of one folder the numbers of the other"
    )


def _refuse_off_by_one(
    pairs: Mapping[str, str], predicted: LabelMaps, truth: LabelMaps, folders: tuple[Path, Path]
) -> None:
    """Refuse results that begin one number before the truth and fit it better one number earlier.

    Results of a video are counted from 0, and programs that extract frames count from 1. Then all
    names but the last fit, each to the next frame. A truth without the first frame looks the same,
    so the masks decide.
    """
    own, true = _by_number(predicted), _by_number(truth)
    if not own or not true or min(true) != min(own) + 1:
        return
    earlier = {name: own.get(number - 1) for number, name in true.items()}
    names = list(true.values())[:: -(-len(true) // _COMPARED)]
    by_name = by_count = 0.0
    for name in names:
        other = earlier[name]
        if other is None:
            return
        by_name += _agreement(predicted[pairs[name]], truth[name])
        by_count += _agreement(predicted[other], truth[name])
    if by_count > by_name:
        raise InputError(
            f"{own[min(own)]} is the first mask in {folders[0]} and {true[min(true)]} the first in "
            f"{folders[1]}, and the masks fit better if these are the same frame than by their "
            "names; rename the masks of one folder if it counts from 0 and the other from 1, or "
            f"add the true mask of {own[min(own)]} if it is missing"
        )


def _by_number(names: Iterable[str]) -> dict[int, str]:
    """Names by their last number, ascending; empty if they differ in anything else."""
    keys = {name: natural_key(name) for name in names}
    numbers = {int(key[-2]): name for name, key in keys.items() if len(key) > 1}
    fixed = {(*key[:-2], key[-1]) for key in keys.values()}
    return dict(sorted(numbers.items())) if len(fixed) == 1 and len(numbers) == len(keys) else {}


def _agreement(predicted: LabelMap, truth: LabelMap) -> float:
    """Fraction of the pixels with an object in either mask that have the same one in both."""
    if predicted.shape != truth.shape:
        return 0.0
    either = (predicted > 0) | (truth > 0)
    return float(np.mean((predicted == truth)[either])) if either.any() else 1.0
