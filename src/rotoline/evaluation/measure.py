"""Segment one clip from its first true mask, and score every frame while it runs."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, computed_field, model_validator

from rotoline.model import Model
from rotoline.runtime.timing import StageTimer
from rotoline.evaluation.development_clips import DevelopmentClip
from rotoline.metrics import boundary_accuracy, region_similarity, summarise
from rotoline.pipeline import PipelineConfig
from rotoline.types import FrameResult, LabelMap, ObjectId

_Values = tuple[float, ...]
_RECORD = ConfigDict(frozen=True, allow_inf_nan=False)


class ObjectMeasure(BaseModel):
    """One object; the three tuples run along the scored frames."""

    model_config = _RECORD

    object_id: ObjectId
    j: _Values = Field(min_length=1)
    """Region similarity per frame, in [0, 1]."""
    f: _Values
    """Boundary accuracy per frame, in [0, 1]."""
    confidence: _Values
    """What the pipeline said per frame, in [0, 1]; 0 where it saw nothing of the object."""

    @computed_field
    @property
    def j_mean(self) -> float:
        """Mean J over the frames."""
        return summarise(self.j).mean

    @computed_field
    @property
    def f_mean(self) -> float:
        """Mean F over the frames."""
        return summarise(self.f).mean

    @property
    def j_and_f(self) -> float:
        """Mean of the two."""
        return (self.j_mean + self.f_mean) / 2


class ClipMeasure(BaseModel):
    """All objects of one clip; its scores are plain means over the objects."""

    model_config = _RECORD

    name: str
    group: str
    """One of `rotoline.evaluation.development_clips.GROUPS`."""
    frames: tuple[str, ...]
    """Names of the scored frames."""
    objects: tuple[ObjectMeasure, ...] = Field(min_length=1)
    seconds_per_frame: float | None
    """Learning and reading included; None where it would mean nothing."""
    seconds_per_stage: dict[str, float] | None = None
    """Of the whole clip: `learn`, then what `rotoline.pipeline` counts; None likewise."""
    all_frames: int | None = None
    """How many frames were segmented, those that are not scored included."""

    @model_validator(mode="after")
    def _lengths_agree(self) -> "ClipMeasure":
        for one in self.objects:
            if {len(one.j), len(one.f), len(one.confidence)} != {len(self.frames)}:
                raise ValueError(f"object {one.object_id} has not one value for each frame")
        return self

    @computed_field
    @property
    def scores(self) -> dict[str, float]:
        """J&F, J, F and the recalls of J and F (share of frames above one half)."""
        region = [summarise(one.j) for one in self.objects]
        boundary = [summarise(one.f) for one in self.objects]
        j = float(np.mean([summary.mean for summary in region]))
        f = float(np.mean([summary.mean for summary in boundary]))
        return {
            "J&F": (j + f) / 2,
            "J": j,
            "F": f,
            "J recall": float(np.mean([summary.recall for summary in region])),
            "F recall": float(np.mean([summary.recall for summary in boundary])),
        }

    @property
    def j_and_f_per_frame(self) -> np.ndarray:
        """Mean of J and F over the objects, per scored frame; its mean is the clip's J&F."""
        return np.mean([(np.array(one.j) + one.f) / 2 for one in self.objects], axis=0)


@dataclass(frozen=True, eq=False, slots=True)
class MeasuredClip:
    """The measures of a clip, and what is needed to look at its worst frames."""

    clip: DevelopmentClip
    measure: ClipMeasure
    worst: dict[ObjectId, tuple[int, LabelMap]]
    """Per object the frame with the lowest J + F, and the labels predicted there."""


def measure_clips(
    model: Model, config: PipelineConfig, clips: Iterable[DevelopmentClip]
) -> Iterator[MeasuredClip]:
    """Segment and score clips one after another, for scripts; yields each when it is done.

    Raises:
        InputError: A frame or a mask cannot be read.
    """
    for clip in clips:
        steps = measuring(model, config, clip)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                yield end.value
                break


def measuring(
    model: Model, config: PipelineConfig, clip: DevelopmentClip
) -> Generator[None, None, MeasuredClip]:
    """The same for one clip: yields once a frame, and returns the measures.

    The first and the last frame are segmented but not scored, as in DAVIS.
    """
    timer, stages = StageTimer(), StageTimer()
    count = len(clip.frame_names)
    seconds: dict[str, float] = {}
    values = {object_id: ([], [], []) for object_id in clip.object_ids}
    worst: dict[ObjectId, tuple[int, LabelMap]] = {}
    frames = (clip.read_frame(index) for index in range(count))
    results = model.segment(frames, clip.read_truth(0), config=config, timer=stages)
    for result in _timed(results, timer):
        if not seconds:  # nothing but learning has been counted under this name so far
            seconds["learn"] = stages.seconds.pop("adapt")
        if 0 < result.index < count - 1:
            truth = clip.read_truth(result.index)
            for object_id, (j, f, confidence) in values.items():
                prediction, true = result.labels == object_id, truth == object_id
                j.append(region_similarity(prediction, true))
                f.append(boundary_accuracy(prediction, true))
                confidence.append(result.confidence[object_id])
                if j[-1] + f[-1] <= min(map(sum, zip(j, f, strict=True))):
                    worst[object_id] = result.index, result.labels
        yield
    objects = [
        ObjectMeasure(object_id=object_id, j=j, f=f, confidence=confidence)
        for object_id, (j, f, confidence) in values.items()
    ]
    measure = ClipMeasure(
        name=clip.name,
        group=clip.group,
        frames=clip.scored,
        objects=objects,
        seconds_per_frame=round(timer.seconds["segment"] / count, 4),
        seconds_per_stage={k: round(v, 4) for k, v in (seconds | stages.seconds).items()},
        all_frames=count,
    )
    return MeasuredClip(clip, measure, worst)


def _timed(results: Iterator[FrameResult], timer: StageTimer) -> Iterator[FrameResult]:
    """Count what the results take, and not what is done with them."""
    while True:
        with timer.stage("segment"):
            result = next(results, None)
        if result is None:
            return
        yield result
