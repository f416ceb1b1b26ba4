"""How well the confidence predicts the true J, frame by frame.

All functions take two arrays of the same length, one entry per object and scored frame:
`confidence`, the predicted J (`FrameResult.confidence`), and `quality`, the true J, both in [0, 1].
"""

from typing import Any, NamedTuple

import numpy as np

Values = np.ndarray[Any, Any]

BAD = 0.5
"""J below which a mask counts as failed."""


class Bin(NamedTuple):
    """The entries whose confidence lies in one range."""

    low: float
    """Lower end of the range."""
    high: float
    """Upper end of the range."""
    entries: int
    """Number of entries."""
    confidence: float
    """Mean confidence of the entries; nan if there are none."""
    quality: float
    """Mean J of the entries; nan if there are none."""


class Calibration(NamedTuple):
    """How well confidence predicts J, in single numbers."""

    entries: int
    """Number of entries."""
    failures: float
    """Share of the entries with J below `BAD`."""
    error: float
    """Expected calibration error, in [0, 1]; 0 is perfect (`expected_calibration_error`)."""
    auroc: float
    """Area under the ROC curve of 1 - confidence as a detector of failures (`auroc`)."""
    spearman: float
    """Rank correlation of confidence and J, in [-1, 1] (`spearman`)."""
    worst_decile_recall: float
    """Share of the worst tenth that is in the least confident tenth (`worst_decile_recall`)."""


def calibrate(confidence: Values, quality: Values) -> Calibration:
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


def reliability(confidence: Values, quality: Values, bins: int = 10) -> list[Bin]:
    """Return mean confidence and mean quality in equal ranges of confidence.

    A range includes its lower end but not its upper end; the last range includes both.
    """
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    table = []
    for index in range(bins):
        inside = which == index
        count = int(inside.sum())
        means = (confidence[inside].mean(), quality[inside].mean()) if count else (np.nan, np.nan)
        table.append(Bin(index / bins, (index + 1) / bins, count, *map(float, means)))
    return table


def expected_calibration_error(confidence: Values, quality: Values, bins: int = 10) -> float:
    """Return the expected calibration error of the confidence as a prediction of J.

    The mean over the ranges of `reliability`, weighted by their counts, of the distance between
    mean confidence and mean quality. 0 is perfect.

    Example:
        Ranges .2 to .3 and .9 to 1, off by .25 and .5, of one and three entries:

        >>> confidence, quality = np.array([0.25, 1, 1, 1]), np.array([0, 0.5, 0.25, 0.75])
        >>> round(expected_calibration_error(confidence, quality), 4)
        0.4375

    Source:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3, with J in
        the place of accuracy.
    """
    filled = [one for one in reliability(confidence, quality, bins) if one.entries]
    gaps = sum(one.entries * abs(one.confidence - one.quality) for one in filled)
    return float(gaps / len(quality))


def auroc(score: Values, is_positive: Values) -> float:
    """Return the probability that a random positive scores above a random negative.

    Equal scores count half. This is the area under the ROC curve.

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


def spearman(first: Values, second: Values) -> float:
    """Return Spearman's rank correlation, in [-1, 1]; nan if either array is constant."""
    a, b = _ranks(first), _ranks(second)
    a, b = a - a.mean(), b - b.mean()
    length = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / length) if length else float("nan")


def worst_decile_recall(confidence: Values, quality: Values) -> float:
    """Return which share of the worst entries is among those with the lowest confidence.

    The tenth of the entries with the lowest quality, at least one, is compared with as many entries
    of the lowest confidence. Ties at the limit count as the mean over all ways to choose among
    them.

    Returns:
        In [0, 1]; 0.1 for chance.
    """
    count = max(1, round(0.1 * len(quality)))
    return float(_lowest(quality, count) @ _lowest(confidence, count) / count)


def _lowest(values: Values, count: int) -> Values:
    """Probability that each value is among the `count` lowest; ties are broken at random."""
    limit = np.sort(values)[count - 1]
    below, equal = values < limit, values == limit
    probability: Values = below + equal * ((count - below.sum()) / equal.sum())
    return probability


def _ranks(values: Values) -> Values:
    """Ranks from 1; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Values = (counts.cumsum() - (counts - 1) / 2)[inverse]
    return ranks
