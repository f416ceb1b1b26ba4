"""Segment a clip from its first true mask, and score every frame while it runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, computed_field, model_validator

from rotoline.evaluation.development_clips import DevelopmentClip
from rotoline.metrics import ObjectScores, SequenceScorer, SequenceScores, summarise
from rotoline.model import Model
from rotoline.runtime.timing import StageTimer
from rotoline.systems.protocol import SystemConfig
from rotoline.types import FrameResult, LabelMap, ObjectId

SCORES = ("J&F", "J", "F", "J recall", "F recall")
"""The scores of a clip: mean J and mean F, their mean J&F, and the recalls."""

_Values = tuple[float, ...]
_RECORD = ConfigDict(frozen=True, allow_inf_nan=False)


class ObjectMeasure(BaseModel):
    """One object of a clip. The three tuples have one value for each scored frame."""

    model_config = _RECORD

    object_id: ObjectId
    """Id of the object in the label maps."""
    j: _Values = Field(min_length=1)
    """Region similarity J per frame, in [0, 1]."""
    f: _Values
    """Boundary accuracy F per frame, in [0, 1]."""
    confidence: _Values
    """Predicted J per frame (`FrameResult.confidence`), in [0, 1]; 0 where the object was not
    found."""

    # mypy has no types for a decorated property; pydantic wants this order.
    @computed_field  # type: ignore[prop-decorator]
    @property
    def j_mean(self) -> float:
        """Mean J over the frames."""
        return summarise(self.j).mean

    @computed_field  # type: ignore[prop-decorator]
    @property
    def f_mean(self) -> float:
        """Mean F over the frames."""
        return summarise(self.f).mean

    @property
    def j_and_f(self) -> float:
        """Mean of mean J and mean F."""
        return (self.j_mean + self.f_mean) / 2

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
    """One of `rotoline.evaluation.development_clips.GROUPS`."""
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
            if {len(one.j), len(one.f), len(one.confidence)} != {len(self.frames)}:
                raise ValueError(f"object {one.object_id} has not one value for each frame")
        return self

    # mypy has no types for a decorated property; pydantic wants this order.
    @computed_field  # type: ignore[prop-decorator]
    @property
    def scores(self) -> dict[str, float]:
        """The scores named in `SCORES`: plain means over the objects."""
        found = SequenceScores(tuple(one.scores(self.frames) for one in self.objects))
        return {
            "J&F": found.j_and_f,
            "J": found.j.mean,
            "F": found.f.mean,
            "J recall": found.j.recall,
            "F recall": found.f.recall,
        }

    def untimed(self) -> "ClipMeasure":
        """The same measures without seconds, where these say nothing."""
        return self.model_copy(update={"seconds_per_frame": None, "seconds_per_stage": None})

    @property
    def j_and_f_per_frame(self) -> NDArray[np.float64]:
        """Mean of J and F over the objects, per scored frame; its mean is the clip's J&F."""
        values: NDArray[np.float64] = np.mean(
            [(np.array(one.j) + one.f) / 2 for one in self.objects], axis=0
        )
        return values


def mean_scores(clips: Sequence[ClipMeasure]) -> dict[str, float]:
    """Return the mean of each score over clips; every clip counts the same."""
    return {key: float(np.mean([clip.scores[key] for clip in clips])) for key in SCORES}


class ResultScorer:
    """Scores the results of a clip one by one, and finds the worst frame of each object.

    Args:
        object_ids: The objects to score.
    """

    worst: dict[ObjectId, tuple[int, LabelMap]]
    """For each object the index of the frame with the lowest J + F, and the predicted labels."""

    def __init__(self, object_ids: Sequence[ObjectId]) -> None:
        self.worst = {}
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
        for object_id, found in self._scorer.add(name, result.labels, truth, only).items():
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
                f=one.f_per_frame,
                confidence=tuple(self._confidence[one.object_id]),
            )
            for one in self._scorer.scores().objects
        )


@dataclass(frozen=True, eq=False, slots=True)
class MeasuredClip:
    """The measures of a clip, and what is needed to draw its worst frames."""

    clip: DevelopmentClip
    """The clip."""
    measure: ClipMeasure
    """Scores and times of the clip."""
    worst: Mapping[ObjectId, tuple[int, LabelMap]]
    """For each object the index of the frame with the lowest J + F, and the predicted labels."""


class ClipMeasurement:
    """One clip being measured: iterate over `run`, then call `result`.

    The first and the last frame are segmented but not scored, as in DAVIS.

    Args:
        model: Segments the clip.
        config: The settings to measure.
        clip: A clip with the truth of every frame.
    """

    def __init__(self, model: Model, config: SystemConfig, clip: DevelopmentClip) -> None:
        self.clip = clip
        self._stages, self._timer = StageTimer(), StageTimer()
        self._tracker = model.tracker(config=config, timer=self._stages)
        self._scorer = ResultScorer(clip.object_ids)

    def run(self) -> Iterator[int]:
        """Segment and score frame by frame; yields the index of each frame that is done.

        Raises:
            InputError: A frame or a mask cannot be read.
        """
        clip, last = self.clip, len(self.clip.frame_names) - 1
        annotation = clip.read_truth(0)
        for index, name in enumerate(clip.frame_names):
            with self._timer.stage("segment"):
                frame = clip.read_frame(index)
                result = self._tracker.step(frame, annotation if index == 0 else None)
            if 0 < index < last:
                self._scorer.add(name, result, clip.read_truth(index))
            yield index

    def result(self) -> MeasuredClip:
        """The measures, once `run` is exhausted."""
        clip, count = self.clip, len(self.clip.frame_names)
        measure = ClipMeasure(
            name=clip.name,
            group=clip.group,
            frames=clip.scored,
            objects=self._scorer.measures(),
            seconds_per_frame=round(self._timer.seconds["segment"] / count, 4),
            seconds_per_stage={k: round(v, 4) for k, v in self._stages.seconds.items()},
            all_frames=count,
        )
        return MeasuredClip(clip, measure, self._scorer.worst)
