"""Means over clips with their intervals, as the rows of tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rotoline.errors import InputError
from rotoline.evaluation.bootstrap import Interval, mean_interval
from rotoline.evaluation.measure import ClipMeasure, ObjectMeasure, mean_scores

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Row:
    """The mean over some clips, or the difference of two such means over the same clips.

    A clip that was measured with several weights counts once, with the mean of its measures.
    """

    name: str
    """Name of the row."""
    clips: Sequence[ClipMeasure]
    """The clips; at least one."""
    minus: Sequence[ClipMeasure] = ()
    """The same clips, with the values to subtract; none for a plain mean."""

    @property
    def count(self) -> int:
        """Number of different clips."""
        return len({clip.name for clip in self.clips})

    @property
    def scores(self) -> dict[str, float]:
        """The mean of each score; nan where no clip has it."""
        scores = mean_scores(self.clips)
        if not self.minus:
            return scores
        subtracted = mean_scores(self.minus)
        return {key: value - subtracted[key] for key, value in scores.items()}

    @property
    def interval(self) -> Interval:
        """Mean J&F with its interval."""
        return mean_interval(list(self._values().values()))

    def _values(self) -> dict[str, Values]:
        """J&F in every scored frame, by the name of the clip."""
        values, subtracted = _per_frame(self.clips), _per_frame(self.minus)
        return {name: values[name] - subtracted.get(name, 0.0) for name in values}


def mean_over(
    clips: Sequence[ClipMeasure], value_of: Callable[[ObjectMeasure], float | None]
) -> float:
    """Return the mean of a value over clips, in each over its objects that have it.

    Measures of one clip with several weights are averaged first. The mean is nan if no object has
    the value.
    """
    by_clip: dict[str, list[float]] = {}
    for clip in clips:
        values = [value for value in map(value_of, clip.objects) if value is not None]
        if values:
            by_clip.setdefault(clip.name, []).append(float(np.mean(values)))
    return float(np.mean([np.mean(values) for values in by_clip.values()])) if by_clip else np.nan


def difference(before: Row, after: Row) -> Interval:
    """Return the mean J&F of a row after minus before, with its interval (paired bootstrap).

    Raises:
        InputError: The rows have different clips.
    """
    old, new = before._values(), after._values()
    if old.keys() != new.keys():
        odd = sorted(set(old) ^ set(new))[0]
        raise InputError(
            f"the two runs have different clips in the row {after.name}: {odd} is in one of them "
            "only; measure both on the same clips"
        )
    return mean_interval([new[name] - old[name] for name in new])


def _per_frame(clips: Sequence[ClipMeasure]) -> dict[str, Values]:
    """J&F in every scored frame by the name of the clip, in the mean over the weights."""
    found: dict[str, list[Values]] = {}
    for clip in clips:
        found.setdefault(clip.name, []).append(clip.j_and_f_per_frame)
    return {name: np.mean(values, axis=0) for name, values in found.items()}
