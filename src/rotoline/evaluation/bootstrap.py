"""Confidence intervals of a mean over clips: of a score, or of the difference between two runs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rotoline.errors import InputError

Values = NDArray[np.float64]

RESAMPLES = 2000
"""Number of resampled means."""
BLOCK = 10
"""Number of neighbouring frames that are drawn together, because their errors are correlated."""
SEED = 20170729
"""Fixed, so that the same values give the same interval."""


class Interval(NamedTuple):
    """A mean with its 95 % interval."""

    mean: float
    """The mean over the sequences."""
    low: float
    """The 2.5th percentile of the resampled means."""
    high: float
    """The 97.5th percentile of the resampled means."""

    @property
    def excludes_zero(self) -> bool:
        """Whether both ends of the interval have the same sign."""
        return self.low > 0 or self.high < 0


def mean_interval(sequences: Sequence[Values]) -> Interval:
    """Return the mean over sequences with its 95 % bootstrap interval.

    A resample draws as many sequences as there are, with replacement, and of each drawn sequence
    as many frames as it has, in blocks of `BLOCK` contiguous frames that wrap round at its end,
    so that every frame is drawn equally often. The mean is that of the sequences' means. The
    interval runs from the 2.5th to the 97.5th percentile of `RESAMPLES` such means; the seed is
    fixed, so the same values give the same interval.

    With one sequence, the interval applies to further frames of that sequence only. With few
    sequences it is too narrow, because few sequences do not represent all kinds of videos.

    Args:
        sequences: For each sequence, the score in every frame; or, to compare two runs on the same
            frames, the score of one run minus that of the other (a paired bootstrap).

    Raises:
        InputError: There are no sequences, or a sequence has no frames.

    Example:
        >>> mean_interval([np.full(30, 0.25), np.full(40, 0.25)])
        Interval(mean=0.25, low=0.25, high=0.25)

    Source:
        Circular block bootstrap: Politis and Romano, 1992; resampling of clusters: Davison and
        Hinkley, Bootstrap Methods and their Application, 1997, section 3.8.
    """
    if not sequences or not all(len(values) for values in sequences):
        raise InputError("there are no frames; pass at least one in every sequence")
    generator = np.random.default_rng(SEED)
    count = len(sequences)
    chosen = generator.integers(count, size=(RESAMPLES, count))
    drawn = np.empty(chosen.shape)
    for index, values in enumerate(sequences):
        times = int((chosen == index).sum())
        drawn[chosen == index] = _resampled_means(np.asarray(values), times, generator)
    low, high = np.percentile(drawn.mean(1), (2.5, 97.5))
    mean = np.mean([np.mean(values) for values in sequences])
    return Interval(float(mean), float(low), float(high))


def _resampled_means(values: Values, times: int, generator: np.random.Generator) -> Values:
    """Means `(times,)` of as many values as there are, drawn in blocks of neighbours."""
    length = len(values)
    starts = generator.integers(length, size=(times, -(-length // BLOCK), 1))
    indices = (starts + np.arange(BLOCK)).reshape(times, -1)[:, :length] % length
    means: Values = values[indices].mean(1)
    return means
