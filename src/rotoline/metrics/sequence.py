"""J and F of every object of a sequence from its label maps, frame by frame."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from rotoline.errors import InputError
from rotoline.metrics.boundary import boundary_accuracy
from rotoline.metrics.inputs import format_size
from rotoline.metrics.region import region_similarity
from rotoline.metrics.summary import ObjectScores, SequenceScores
from rotoline.types import list_ids
from rotoline.wording import counted

Labels = np.ndarray[Any, Any]
"""Integers `(H, W)`: the object id of every pixel, 0 for background."""


class FrameScores(NamedTuple):
    """J and F of one object in one frame."""

    j: float
    """Region similarity, in [0, 1]."""
    f: float
    """Boundary accuracy, in [0, 1]."""


class SequenceScorer:
    """Scores the frames of a sequence one by one, and keeps none of them in memory.

    Every frame that is added is scored; which frames count is the caller's choice, and
    `scored_frames` makes the choice of DAVIS. An object without pixels in a prediction
    has an empty mask there. True ids that are not scored are background: the void
    label 255, or objects that appear later (DAVIS counts those of the first true frame).

    Args:
        object_ids: The objects to score, each above 0 and given once; also the order of
            the result.

    Raises:
        InputError: No object ids, a repeated one, or one below 1.

    Source:
        Perazzi et al., CVPR 2016; davis2017-evaluation, semi-supervised task. The
        official tool ends the program when a prediction holds an id above the number of
        objects; here any id not asked for is an error.
    """

    def __init__(self, object_ids: Iterable[int]) -> None:
        self._scores: dict[int, list[tuple[str, FrameScores]]] = {
            object_id: [] for object_id in _checked_ids(object_ids)
        }

    def add(
        self, name: str, predicted: Labels, true: Labels, only: Iterable[int] | None = None
    ) -> dict[int, FrameScores]:
        """Score one frame.

        Args:
            name: Name of the frame, for the result and for messages.
            predicted: Predicted label map.
            true: True label map of the same size.
            only: The objects to score in this frame; all of them if None.

        Returns:
            J and F of the scored objects in this frame, by object id.

        Raises:
            InputError: Labels that are not integers `(H, W)`; a prediction that differs in size
                from its truth, or holds an id that is not scored in this sequence.
        """
        _check_frame(name, predicted, true, list(self._scores))
        scores = {}
        for object_id in self._scores if only is None else only:
            prediction, truth = predicted == object_id, true == object_id
            scores[object_id] = FrameScores(
                region_similarity(prediction, truth), boundary_accuracy(prediction, truth)
            )
            self._scores[object_id].append((name, scores[object_id]))
        return scores

    def scores(self) -> SequenceScores:
        """Return the scores of the objects that were scored in at least one frame.

        Raises:
            InputError: No object was scored.
        """
        scored = {object_id: found for object_id, found in self._scores.items() if found}
        if not scored:
            raise InputError("there are no frames to score; pass at least one")
        return SequenceScores(
            tuple(
                ObjectScores(
                    object_id=object_id,
                    frames=tuple(name for name, _ in found),
                    j_per_frame=tuple(one.j for _, one in found),
                    f_per_frame=tuple(one.f for _, one in found),
                )
                for object_id, found in scored.items()
            )
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
            f"the sequence has {counted(len(names), 'frame')} and DAVIS leaves out the first and "
            "the last, so none is left; score every frame instead: --every-frame, or "
            "every_frame=True"
        )
    return names[1:-1]


def evaluate_sequence(
    predictions: Iterable[tuple[str, Labels, Labels]], object_ids: Iterable[int]
) -> SequenceScores:
    """Score a sequence frame by frame, with one frame in memory at a time.

    Args:
        predictions: Triples of frame name, predicted labels and true labels, as for
            `SequenceScorer.add`.
        object_ids: As for `SequenceScorer`.

    Returns:
        Scores per object and their means.

    Raises:
        InputError: No frames, or whatever `SequenceScorer` refuses.

    Example:
        >>> truth = np.array([[0, 1, 1], [0, 1, 1], [0, 2, 2]])
        >>> half = np.array([[0, 1, 1], [0, 0, 0], [0, 2, 2]])
        >>> scores = evaluate_sequence([("00001", half, truth)], object_ids=[1, 2])
        >>> [(scores.object_id, scores.j.mean) for scores in scores.objects]
        [(1, 0.5), (2, 1.0)]
    """
    scorer = SequenceScorer(object_ids)
    for name, predicted, true in predictions:
        scorer.add(name, predicted, true)
    return scorer.scores()


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
            f"frame {name}: the prediction holds the ids {list_ids(unknown)}, but the objects "
            f"are {list_ids(ids)}; relabel the prediction, with 0 as background, or score "
            f"these ids too"
        )
