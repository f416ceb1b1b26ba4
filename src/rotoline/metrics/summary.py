"""From J and F per frame to the scores of objects, sequences and data sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rotoline.errors import InputError


class Summary(NamedTuple):
    """One measure of one object over all scored frames."""

    mean: float
    """Mean over the frames, in [0, 1]."""
    recall: float
    """Share of the frames with a value above 0.5, in [0, 1]."""
    decay: float
    """Mean of the first quarter minus mean of the last, in [-1, 1]; positive if the result gets
    worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectScores:
    """The scores of one object in one sequence."""

    object_id: int
    """Id of the object in the label maps."""
    frames: tuple[str, ...]
    """Names of the scored frames, in the order in which they were scored."""
    j_per_frame: tuple[float, ...]
    """Region similarity J in each of these frames, in [0, 1]."""
    f_per_frame: tuple[float, ...]
    """Boundary accuracy F in each of these frames, in [0, 1]."""

    @property
    def j(self) -> Summary:
        """Mean, recall and decay of J over the frames."""
        return summarise(self.j_per_frame)

    @property
    def f(self) -> Summary:
        """Mean, recall and decay of F over the frames."""
        return summarise(self.f_per_frame)

    @property
    def j_and_f(self) -> float:
        """Mean of mean J and mean F."""
        return (self.j.mean + self.f.mean) / 2


@dataclass(frozen=True, slots=True)
class SequenceScores:
    """The scores of several objects, and their plain means over the objects.

    DAVIS-2017 scores a data set by the mean over all objects of all its sequences, not by
    the mean over sequences; `pool_objects` makes the scores of a data set.

    Raises:
        InputError: `objects` is empty.
    """

    objects: tuple[ObjectScores, ...]
    """At least one."""

    def __post_init__(self) -> None:
        if not self.objects:
            raise InputError("there are no objects to average; pass the scores of at least one")

    @property
    def j(self) -> Summary:
        """Mean, recall and decay of J, each as a mean over the objects."""
        return _mean_summary([scores.j for scores in self.objects])

    @property
    def f(self) -> Summary:
        """Mean, recall and decay of F, each as a mean over the objects."""
        return _mean_summary([scores.f for scores in self.objects])

    @property
    def j_and_f(self) -> float:
        """Mean of mean J and mean F: the number by which DAVIS ranks."""
        return (self.j.mean + self.f.mean) / 2


def pool_objects(sequences: Sequence[SequenceScores]) -> SequenceScores:
    """Return the scores of a data set: every object counts the same, whatever its sequence.

    Raises:
        InputError: There are no sequences.

    Source:
        davis2017-evaluation, semi-supervised task.
    """
    return SequenceScores(tuple(one for sequence in sequences for one in sequence.objects))


def summarise(values: Sequence[float]) -> Summary:
    """Return mean, recall and decay of one measure over the frames of one object.

    Decay compares the first with the last of four bins. With n values the bins meet at
    the positions 1, ..., n cut in four equal steps, rounded half up; a position where two
    bins meet belongs to both.

    Args:
        values: J or F per frame, at least one, finite, in the order of the frames.

    Returns:
        A `Summary`, which unpacks as (mean, recall, decay).

    Raises:
        InputError: There are no values, or one is not finite.

    Example:
        Five frames: the first bin is frames 1 and 2, the last is frames 4 and 5.

        >>> summarise([1.0, 0.75, 0.5, 0.5, 0.25])
        Summary(mean=0.6, recall=0.4, decay=0.5)

    Source:
        Perazzi et al., CVPR 2016 (error statistics); davis2017-evaluation, `db_statistics`.
        Deviation: the official function casts positions to uint8, so beyond 255 frames
        they wrap round and its decay compares other frames; here they do not. Sequences
        of DAVIS are shorter, so no published number changes.
    """
    array: np.ndarray[Any, np.dtype[np.float64]] = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise InputError(
            f"values have shape {array.shape} and finite is {bool(np.isfinite(array).all())}; "
            f"pass one finite value per frame for at least one frame"
        )
    # numpy rounds half to even; the official tool adds 1e-10 to round half up.
    edges = np.round(np.linspace(1, array.size, 5) + 1e-10).astype(np.int64) - 1
    first, last = array[: edges[1] + 1], array[edges[3] :]
    return Summary(
        mean=float(array.mean()),
        recall=float((array > 0.5).mean()),
        decay=float(first.mean() - last.mean()),
    )


def _mean_summary(summaries: Sequence[Summary]) -> Summary:
    """The mean of each of the three numbers."""
    return Summary(*(float(np.mean(column)) for column in zip(*summaries, strict=True)))
