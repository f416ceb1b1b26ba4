"""From values per frame to scores per object and per sequence, streaming over the frames."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rotoline.errors import InputError
from rotoline.metrics.boundary import boundary_accuracy
from rotoline.metrics.inputs import format_size
from rotoline.metrics.region import region_similarity


class Summary(NamedTuple):
    """One measure of one object over all scored frames."""

    mean: float
    """Mean over the frames, in [0, 1]."""
    recall: float
    """Share of the frames with a value above 0.5, in [0, 1]."""
    decay: float
    """Mean of the first quarter minus mean of the last, in [-1, 1]; positive: it gets worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectScores:
    """The scores of one object; the three tuples run along the scored frames."""

    object_id: int
    frames: tuple[str, ...]
    """Names of the scored frames, in the order they came."""
    j: tuple[float, ...]
    """Region similarity per frame, in [0, 1]."""
    f: tuple[float, ...]
    """Boundary accuracy per frame, in [0, 1]."""
    j_mean: float
    j_recall: float
    j_decay: float
    f_mean: float
    f_recall: float
    f_decay: float


@dataclass(frozen=True, slots=True)
class SequenceScores:
    """Scores per object and their plain means over the objects.

    DAVIS-2017 scores a data set by the mean over all objects of all its sequences, not by
    the mean over sequences. For that, pool the objects:
    `SequenceScores(tuple(o for sequence in sequences for o in sequence.objects))`.

    Raises:
        InputError: `objects` is empty.
    """

    objects: tuple[ObjectScores, ...]

    def __post_init__(self) -> None:
        if not self.objects:
            raise InputError("there are no objects to average; pass the scores of at least one")

    @property
    def j(self) -> float:
        """Mean over objects of mean J."""
        return self._mean("j_mean")

    @property
    def f(self) -> float:
        """Mean over objects of mean F."""
        return self._mean("f_mean")

    @property
    def j_and_f(self) -> float:
        """Mean of `j` and `f`: the number by which DAVIS ranks."""
        return (self.j + self.f) / 2

    @property
    def j_recall(self) -> float:
        """Mean over objects of the recall of J."""
        return self._mean("j_recall")

    @property
    def f_recall(self) -> float:
        """Mean over objects of the recall of F."""
        return self._mean("f_recall")

    @property
    def j_decay(self) -> float:
        """Mean over objects of the decay of J."""
        return self._mean("j_decay")

    @property
    def f_decay(self) -> float:
        """Mean over objects of the decay of F."""
        return self._mean("f_decay")

    def _mean(self, field: str) -> float:
        return float(np.mean([getattr(scores, field) for scores in self.objects]))


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
    array = np.asarray(values, dtype=np.float64)
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


def scored_frames(names: Sequence[str], *, every_frame: bool) -> Sequence[str]:
    """Return the names of the frames that count.

    DAVIS leaves out the first frame, whose mask was given, and the last one, for
    historical reasons.

    Args:
        names: All frames of the sequence, in order.
        every_frame: Whether to keep the first and the last too.

    Returns:
        `names`, or `names` without its ends.

    Raises:
        InputError: Fewer than three frames, so that none would be left.

    Example:
        >>> scored_frames(["00000", "00001", "00002", "00003"], every_frame=False)
        ['00001', '00002']

    Source:
        Perazzi et al., CVPR 2016; davis2017-evaluation, `DAVISEvaluation.evaluate`.
    """
    if every_frame:
        return names
    if len(names) < 3:
        raise InputError(
            f"the sequence has {len(names)} frames and DAVIS leaves out the first and the "
            f"last, so none is left; score every frame instead"
        )
    return names[1:-1]


def evaluate_sequence(
    predictions: Iterable[tuple[str, np.ndarray, np.ndarray]], object_ids: Iterable[int]
) -> SequenceScores:
    """Score a sequence frame by frame, holding no frame longer than its turn.

    Every triple that comes is scored; which frames count is the caller's choice, and
    `scored_frames` makes the choice of DAVIS. An object without pixels in a prediction
    has an empty mask there. True ids that are not asked for are background: the void
    label 255, or objects that appear later (DAVIS counts those of the first true frame).

    Args:
        predictions: Triples of frame name, predicted labels and true labels. Labels are
            integer arrays (H, W) holding object ids, with 0 for background.
        object_ids: The objects to score, each above 0 and given once; also the order of
            the result.

    Returns:
        Scores per object and their means.

    Raises:
        InputError: No frames; no object ids, a repeated one, or one below 1; labels that
            are not integers (H, W); a prediction that differs in size from its truth; a
            predicted id that is not among `object_ids`.

    Example:
        >>> truth = np.array([[0, 1, 1], [0, 1, 1], [0, 2, 2]])
        >>> half = np.array([[0, 1, 1], [0, 0, 0], [0, 2, 2]])
        >>> scores = evaluate_sequence([("00001", half, truth)], object_ids=[1, 2])
        >>> [(scores.object_id, scores.j_mean) for scores in scores.objects]
        [(1, 0.5), (2, 1.0)]

    Source:
        Perazzi et al., CVPR 2016; davis2017-evaluation, semi-supervised task. The
        official tool ends the program when a prediction holds an id above the number of
        objects; here any id not asked for is an error.
    """
    ids = _checked_ids(object_ids)
    frames: list[str] = []
    j: dict[int, list[float]] = {object_id: [] for object_id in ids}
    f: dict[int, list[float]] = {object_id: [] for object_id in ids}
    for name, predicted, true in predictions:
        _check_frame(name, predicted, true, ids)
        frames.append(name)
        for object_id in ids:
            prediction, truth = predicted == object_id, true == object_id
            j[object_id].append(region_similarity(prediction, truth))
            f[object_id].append(boundary_accuracy(prediction, truth))
    if not frames:
        raise InputError("there are no frames to score; pass at least one")
    return SequenceScores(
        tuple(_object_scores(object_id, frames, j[object_id], f[object_id]) for object_id in ids)
    )


def _object_scores(
    object_id: int, frames: Sequence[str], j: Sequence[float], f: Sequence[float]
) -> ObjectScores:
    """Put the values of one object and their summaries together."""
    region, boundary = summarise(j), summarise(f)
    return ObjectScores(
        object_id=object_id,
        frames=tuple(frames),
        j=tuple(j),
        f=tuple(f),
        j_mean=region.mean,
        j_recall=region.recall,
        j_decay=region.decay,
        f_mean=boundary.mean,
        f_recall=boundary.recall,
        f_decay=boundary.decay,
    )


def _checked_ids(object_ids: Iterable[int]) -> list[int]:
    """The ids as plain integers, in the given order; InputError if they cannot be scored."""
    ids = [int(object_id) for object_id in object_ids]
    if not ids or min(ids) < 1 or len(set(ids)) < len(ids):
        raise InputError(
            f"object_ids are {ids}; pass at least one id, each once and above 0, "
            f"which is the background"
        )
    return ids


def _check_frame(name: str, predicted: np.ndarray, true: np.ndarray, ids: Sequence[int]) -> None:
    """Raise InputError, naming the frame, unless its two label maps can be compared."""
    for what, labels in (("prediction", predicted), ("truth", true)):
        if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
            raise InputError(
                f"frame {name}: the {what} is {labels.dtype} of shape {labels.shape}; "
                f"pass object ids as an integer array (height, width)"
            )
    if predicted.shape != true.shape:
        raise InputError(
            f"frame {name}: the prediction is {format_size(predicted)} but the truth is "
            f"{format_size(true)} (height x width); write predictions at the size of the truth"
        )
    unknown = sorted(set(np.unique(predicted).tolist()) - {0, *ids})
    if unknown:
        raise InputError(
            f"frame {name}: the prediction holds the ids {_listed(unknown)}, but the objects "
            f"are {_listed(ids)}; relabel the prediction, with 0 as background, or score "
            f"these ids too"
        )


def _listed(ids: Sequence[int]) -> str:
    return ", ".join(str(object_id) for object_id in ids)
