"""Segment a clip from the true masks of its marked frames, and score it while it runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, computed_field, model_validator

from rotoline import pipeline
from rotoline.evaluation.clips import EvaluationClip
from rotoline.evaluation.error_places import ErrorPlaces, LostJ, TrueShape
from rotoline.metrics import ObjectScores, SequenceScorer, SequenceScores, summarise
from rotoline.model import Model
from rotoline.runtime.timing import StageTimer
from rotoline.systems.protocol import SystemConfig
from rotoline.types import FrameResult, LabelMap, ObjectId, known_labels

SCORES = ("J&F", "J", "F", "J recall", "F recall")
"""The scores of a clip: mean J and mean F, their mean J&F, and the recalls."""

NO_FRAME = -1
"""The index of no frame."""

_Values = tuple[float, ...]
_RECORD = ConfigDict(frozen=True, allow_inf_nan=False)


class ObjectMeasure(BaseModel):
    """One object of a clip. The tuples have one value for each scored frame."""

    model_config = _RECORD

    object_id: ObjectId
    """Id of the object in the label maps."""
    j: _Values = Field(min_length=1)
    """Region similarity J per frame, in [0, 1]."""
    f: _Values
    """Boundary accuracy F per frame, in [0, 1]; none if the true masks are too coarse for it."""
    confidence: _Values
    """Predicted J per frame (`FrameResult.confidence`), in [0, 1]; 0 where the object was not
    found."""
    read_back: tuple[float, float] | None = None
    """J and F of the mask of the first marked frame itself, segmented after it was learned; None
    if the object is not visible there, or if it was not measured."""
    lost: LostJ | None = None
    """Where the loss of J is, in the mean over the frames; None if it was not measured."""
    shape: TrueShape | None = None
    """What the true masks are like; None if it was not measured."""

    # mypy has no types for a decorated property; pydantic wants this order.
    @computed_field  # type: ignore[prop-decorator]
    @property
    def j_mean(self) -> float:
        """Mean J over the frames."""
        return summarise(self.j).mean

    @computed_field  # type: ignore[prop-decorator]
    @property
    def f_mean(self) -> float | None:
        """Mean F over the frames, if it was scored."""
        return summarise(self.f).mean if self.f else None

    @property
    def j_and_f(self) -> float:
        """Mean of mean J and mean F; mean J alone if F was not scored."""
        return self.j_mean if self.f_mean is None else (self.j_mean + self.f_mean) / 2

    def scores(self, frames: tuple[str, ...]) -> ObjectScores:
        """The same values as scores of the frames with these names."""
        return ObjectScores(
            object_id=self.object_id, frames=frames, j_per_frame=self.j, f_per_frame=self.f
        )


class ClipMeasure(BaseModel):
    """All objects of one clip."""

    model_config = _RECORD

    name: str
    """Name of the clip."""
    group: str
    """Name of the group of clips that it belongs to."""
    weights: str = ""
    """Which of several weights segmented the clip, such as `odd`; empty if there is one only."""
    frames: tuple[str, ...]
    """Names of the scored frames."""
    objects: tuple[ObjectMeasure, ...] = Field(min_length=1)
    """The scored objects, by ascending id."""
    seconds_per_frame: float | None
    """Wall-clock seconds per frame, reading and learning included; None if it was not timed."""
    seconds_per_stage: dict[str, float] | None = None
    """Wall-clock seconds of each stage over the whole clip; None if it was not timed."""
    all_frames: int | None = None
    """Number of segmented frames, including those that are not scored."""

    @model_validator(mode="after")
    def _lengths_agree(self) -> "ClipMeasure":
        for one in self.objects:
            lengths = {len(one.j), len(one.f or one.j), len(one.confidence)}
            if lengths != {len(self.frames)}:
                raise ValueError(f"object {one.object_id} has not one value for each frame")
        return self

    # mypy has no types for a decorated property; pydantic wants this order.
    @computed_field  # type: ignore[prop-decorator]
    @property
    def scores(self) -> dict[str, float]:
        """The scores named in `SCORES`, means over the objects; without F if it was not scored."""
        if not self.has_f:
            j = [summarise(one.j) for one in self.objects]
            mean, recall = (
                float(np.mean([getattr(s, key) for s in j])) for key in ("mean", "recall")
            )
            return {"J&F": mean, "J": mean, "J recall": recall}
        found = SequenceScores(tuple(one.scores(self.frames) for one in self.objects))
        return {
            "J&F": found.j_and_f,
            "J": found.j.mean,
            "F": found.f.mean,
            "J recall": found.j.recall,
            "F recall": found.f.recall,
        }

    @property
    def has_f(self) -> bool:
        """Whether F was scored; if not, J&F is J alone."""
        return all(one.f for one in self.objects)

    @property
    def label(self) -> str:
        """Name of the clip, and which weights segmented it if there are several."""
        return clip_label(self.name, self.weights)

    def untimed(self) -> "ClipMeasure":
        """The same measures without seconds, where these say nothing."""
        return self.model_copy(update={"seconds_per_frame": None, "seconds_per_stage": None})

    @property
    def j_and_f_per_frame(self) -> NDArray[np.float64]:
        """Mean of J and F over the objects, per scored frame; its mean is the clip's J&F."""
        values: NDArray[np.float64] = np.mean(
            [(np.array(one.j) + (one.f or one.j)) / 2 for one in self.objects], axis=0
        )
        return values


def clip_label(name: str, weights: str) -> str:
    """Return what tells a measure from the others of a run; see `ClipMeasure.label`."""
    return f"{name} ({weights})" if weights else name


def mean_scores(clips: Sequence[ClipMeasure]) -> dict[str, float]:
    """Return the mean of each score over clips; every clip counts the same.

    Measures of one clip with several weights are averaged first. A score that no clip has is nan.
    """
    return {key: _mean_score(key, clips) for key in SCORES}


def _mean_score(key: str, clips: Sequence[ClipMeasure]) -> float:
    by_clip: dict[str, list[float]] = {}
    for clip in clips:
        if key in clip.scores:
            by_clip.setdefault(clip.name, []).append(clip.scores[key])
    return float(np.mean([np.mean(values) for values in by_clip.values()])) if by_clip else np.nan


class ResultScorer:
    """Scores the results of a clip one by one, and finds the worst frame of each object.

    Pixels of the true label 255 are unknown. As in the official evaluation of DAVIS-2017, neither
    mask has them.

    Args:
        object_ids: The objects to score.
        has_f: Whether F is kept.
    """

    worst: dict[ObjectId, tuple[int, LabelMap]]
    """For each object the index of the frame with the lowest J + F, and the predicted labels."""

    def __init__(self, object_ids: Sequence[ObjectId], *, has_f: bool = True) -> None:
        self.worst = {}
        self._has_f = has_f
        self._lowest: dict[ObjectId, float] = {}
        self._scorer = SequenceScorer(object_ids)
        self._confidence: dict[ObjectId, list[float]] = {one: [] for one in object_ids}

    def add(
        self,
        name: str,
        result: FrameResult,
        truth: LabelMap,
        only: Iterable[ObjectId] | None = None,
    ) -> None:
        """Score one frame; `only` names the objects that are scored in it, all of them if None.

        Raises:
            InputError: Result and truth differ in size.
        """
        labels, truth = known_labels(result.labels, truth)
        for object_id, found in self._scorer.add(name, labels, truth, only).items():
            self._confidence[object_id].append(result.confidence[object_id])
            total = found.j + found.f
            if total <= self._lowest.get(object_id, total):
                self._lowest[object_id] = total
                self.worst[object_id] = result.index, result.labels

    def measures(self) -> tuple[ObjectMeasure, ...]:
        """The values of the objects that were scored in at least one frame.

        Raises:
            InputError: There are none.
        """
        return tuple(
            ObjectMeasure(
                object_id=one.object_id,
                j=one.j_per_frame,
                f=one.f_per_frame if self._has_f else (),
                confidence=tuple(self._confidence[one.object_id]),
            )
            for one in self._scorer.scores().objects
        )


@dataclass(frozen=True, eq=False, slots=True)
class MeasuredClip:
    """The measures of a clip, and what is needed to draw its worst frames."""

    clip: EvaluationClip
    """The clip."""
    measure: ClipMeasure
    """Scores and times of the clip."""
    worst: Mapping[ObjectId, tuple[int, LabelMap]]
    """For each object the index of the frame with the lowest J + F, and the predicted labels."""


class ClipMeasurement:
    """One clip being measured: iterate over `run`, then call `result`.

    Args:
        model: Segments the clip.
        config: The settings to measure.
        clip: The clip.
        weights: Which of several weights the model has; for `ClipMeasure.weights`.
    """

    def __init__(
        self, model: Model, config: SystemConfig, clip: EvaluationClip, weights: str = ""
    ) -> None:
        self.clip, self._weights = clip, weights
        self._stages, self._timer = StageTimer(), StageTimer()
        self._tracker = model.tracker(config=config, timer=self._stages)
        self._scorer = ResultScorer(clip.object_ids, has_f=clip.has_exact_borders)
        self._places = ErrorPlaces(clip.object_ids)
        self._read_back: dict[ObjectId, tuple[float, float]] = {}
        self._seconds_per_stage: dict[str, float] = {}

    def run(self) -> Iterator[int]:
        """Segment and score frame by frame; yields the index of each frame that is done.

        Raises:
            InputError: A frame or a mask cannot be read.
        """
        clip, count = self.clip, len(self.clip.frame_names)
        marks = {index: clip.read_mark(index) for index in clip.marked}
        scored = set(clip.scored)
        results = pipeline.segment(map(clip.read_frame, range(count)), marks, self._tracker)
        for _ in range(count):
            with self._timer.stage("segment"):
                result = next(results)
            if result.index in scored:
                truth = clip.read_truth(result.index)
                self._scorer.add(clip.frame_names[result.index], result, truth)
                self._places.add(*known_labels(result.labels, truth))
            yield result.index
        self._seconds_per_stage = {k: round(v, 4) for k, v in self._stages.seconds.items()}
        self._read_back = self._segment_first_mark(marks)

    def _segment_first_mark(
        self, marks: Mapping[int, LabelMap]
    ) -> dict[ObjectId, tuple[float, float]]:
        """J and F in the first marked frame, segmented once more after its own mask."""
        tracker, first = self._tracker, min(marks)
        tracker.new_pass()
        tracker.apply_annotation(first)
        active = tracker.annotations.annotated_in(first)
        frame = self.clip.read_frame(first)
        logits = tracker.track(frame, first, active)
        # The index is that of no marked frame, in which the mask would be the user's own.
        labels = tracker.result(NO_FRAME, logits, frame).labels
        ids = np.unique(marks[first])
        scores = SequenceScorer(self.clip.object_ids).add(
            "first mark", *known_labels(labels, self.clip.read_truth(first)), only=ids[ids > 0]
        )
        return {int(object_id): (found.j, found.f) for object_id, found in scores.items()}

    def result(self) -> MeasuredClip:
        """The measures, once `run` is exhausted."""
        clip, count = self.clip, len(self.clip.frame_names)
        measure = ClipMeasure(
            name=clip.name,
            group=clip.group,
            weights=self._weights,
            frames=clip.scored_names,
            objects=tuple(map(self._with_places, self._scorer.measures())),
            seconds_per_frame=round(self._timer.seconds["segment"] / count, 4),
            seconds_per_stage=self._seconds_per_stage,
            all_frames=count,
        )
        return MeasuredClip(clip, measure, self._scorer.worst)

    def _with_places(self, one: ObjectMeasure) -> ObjectMeasure:
        return one.model_copy(
            update={
                "read_back": self._read_back.get(one.object_id),
                "lost": self._places.lost(one.object_id),
                "shape": self._places.shape(one.object_id),
            }
        )
