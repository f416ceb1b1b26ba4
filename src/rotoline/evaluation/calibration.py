"""Does the pipeline know where it is wrong? Its confidence against the true J, frame by frame.

All functions take two arrays of the same length, one entry per object and scored frame:
`confidence` as `FrameResult.confidence` says, and `quality`, the true J, both in [0, 1].
"""

from typing import NamedTuple

import numpy as np

BAD = 0.5
"""J below which a mask counts as failed."""


class Bin(NamedTuple):
    """The entries whose confidence lies in one range."""

    low: float
    high: float
    count: int
    confidence: float
    """Mean; nan in an empty bin, as is `quality`."""
    quality: float


class Calibration(NamedTuple):
    """How well confidence foretells J, in single numbers."""

    count: int
    failures: float
    """Share of the entries with J below `BAD`."""
    error: float
    """See `expected_calibration_error`."""
    auroc: float
    """See `auroc`: of 1 - confidence, for finding the failures."""
    spearman: float
    """See `spearman`."""
    worst_decile_recall: float
    """See `worst_decile_recall`."""


def calibrate(confidence: np.ndarray, quality: np.ndarray) -> Calibration:
    """Return all measures of a non-empty set of entries."""
    failed = quality < BAD
    return Calibration(
        len(quality),
        float(failed.mean()),
        expected_calibration_error(confidence, quality),
        auroc(1 - confidence, failed),
        spearman(confidence, quality),
        worst_decile_recall(confidence, quality),
    )


def reliability(confidence: np.ndarray, quality: np.ndarray, bins: int = 10) -> list[Bin]:
    """Return mean confidence and mean quality in equal ranges of confidence.

    A range holds its lower end and not its upper one; the last holds both.
    """
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    table = []
    for index in range(bins):
        inside = which == index
        count = int(inside.sum())
        means = (confidence[inside].mean(), quality[inside].mean()) if count else (np.nan, np.nan)
        table.append(Bin(index / bins, (index + 1) / bins, count, *map(float, means)))
    return table


def expected_calibration_error(confidence: np.ndarray, quality: np.ndarray, bins: int = 10) -> float:
    """Return the expected calibration error, confidence taken as a prediction of J.

    The mean over the ranges of `reliability`, weighted by their counts, of the distance between
    mean confidence and mean quality. 0 is perfect.

    Example:
        Ranges .2 to .3 and .9 to 1, off by .25 and .5, of one and three entries:

        >>> round(expected_calibration_error(np.array([0.25, 1, 1, 1]), np.array([0, 0.5, 0.25, 0.75])), 4)
        0.4375

    Source:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3, with J in
        the place of accuracy.
    """
    filled = [one for one in reliability(confidence, quality, bins) if one.count]
    gaps = sum(one.count * abs(one.confidence - one.quality) for one in filled)
    return float(gaps / len(quality))


def auroc(score: np.ndarray, is_positive: np.ndarray) -> float:
    """Return how probably a random positive scores above a random negative; equals count half.

    Returns:
        In [0, 1], 0.5 for chance; nan where there are only positives or only negatives.

    Example:
        Of the four pairs three are in order:

        >>> auroc(np.array([0.9, 0.3, 0.5, 0.1]), np.array([True, True, False, False]))
        0.75
    """
    positives = int(is_positive.sum())
    negatives = len(is_positive) - positives
    if not positives or not negatives:
        return float("nan")
    in_order = _ranks(score)[is_positive].sum() - positives * (positives + 1) / 2
    return float(in_order / (positives * negatives))


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Return the rank correlation, in [-1, 1]; nan where either is constant."""
    a, b = _ranks(first), _ranks(second)
    a, b = a - a.mean(), b - b.mean()
    length = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / length) if length else float("nan")


def worst_decile_recall(confidence: np.ndarray, quality: np.ndarray, share: float = 0.1) -> float:
    """Return which part of the worst entries are among those with the lowest confidence.

    Compared are the `share` of lowest quality and as many of lowest confidence. Where equal
    values lie across the limit, the answer is the mean over all ways to choose among them.

    Returns:
        In [0, 1]; `share` for chance.
    """
    count = max(1, round(share * len(quality)))
    return float(_lowest(quality, count) @ _lowest(confidence, count) / count)


def _lowest(values: np.ndarray, count: int) -> np.ndarray:
    """How surely each value is among the `count` lowest, in [0, 1]."""
    limit = np.sort(values)[count - 1]
    below, equal = values < limit, values == limit
    return below + equal * ((count - below.sum()) / equal.sum())


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[inverse]
