"""`results.json` of `rotoline benchmark`: scores and times of a split, and its table."""

import math

import numpy as np
from pydantic import BaseModel, ConfigDict, computed_field, model_validator

from rotoline.evaluation.measure import ObjectMeasure
from rotoline.evaluation.report import describe_weights
from rotoline.evaluation.results import RunRecord
from rotoline.evaluation.tables import markdown_table
from rotoline.metrics import SequenceScores, pool_objects

GLOBAL_SCORES = ("J&F", "J", "J recall", "J decay", "F", "F recall", "F decay")
"""The scores of a data set, in the order in which DAVIS reports them."""


class SequenceMeasure(BaseModel):
    """One sequence of a data set."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    name: str
    """Name of the sequence."""
    frames: int
    """Number of frames, all of which were segmented."""
    scored_frames: tuple[str, ...]
    """Names of the frames in which an object was scored; empty if there is no truth for any."""
    objects: tuple[ObjectMeasure, ...]
    """The scored objects. An object that is annotated later than others has values for the last of
    the scored frames only."""
    seconds_per_frame: float
    """Wall-clock seconds per frame, reading and learning included, writing and scoring not."""
    seconds_per_stage: dict[str, float]
    """Wall-clock seconds of each stage over the whole sequence."""

    @model_validator(mode="after")
    def _lengths_agree(self) -> "SequenceMeasure":
        for one in self.objects:
            lengths = {len(one.j), len(one.f), len(one.confidence)}
            if len(lengths) > 1 or max(lengths) > len(self.scored_frames):
                raise ValueError(f"object {one.object_id} has not one value for each frame")
        return self

    def scores(self) -> SequenceScores:
        """The scores of the objects.

        Raises:
            InputError: No object was scored.
        """
        return SequenceScores(
            tuple(one.scores(self.scored_frames[-len(one.j) :]) for one in self.objects)
        )


class BenchmarkResults(RunRecord):
    """One configuration on the sequences of a split."""

    layout: str
    """`DAVIS` or `YouTube-VOS`; decides which frames are annotated and scored."""
    split: str
    """Name of the split."""
    sequences_in_split: int
    """Number of sequences in the split; more than there are in `sequences` if the run was stopped
    or limited to some of them."""
    sequences: tuple[SequenceMeasure, ...]
    """One entry per finished sequence."""

    # mypy has no types for a decorated property; pydantic wants this order.
    @computed_field  # type: ignore[prop-decorator]
    @property
    def scores(self) -> dict[str, float] | None:
        """The scores named in `GLOBAL_SCORES`: means over all objects of all sequences.

        None if no object was scored.
        """
        scored = [sequence.scores() for sequence in self.sequences if sequence.objects]
        if not scored:
            return None
        pooled = pool_objects(scored)
        values = (pooled.j_and_f, *pooled.j, *pooled.f)
        return dict(zip(GLOBAL_SCORES, values, strict=True))


def benchmark_table(results: BenchmarkResults) -> str:
    """Return the scores of the split and of each sequence, as a Markdown page."""
    sequences = results.sequences
    frames = sum(one.frames for one in sequences)
    seconds = sum(one.seconds_per_frame * one.frames for one in sequences)
    speed = f"{frames} frames, {seconds / frames:.3f} s per frame." if frames else ""
    title = f"# {results.layout} {results.split}"
    parts = [title, _circumstances(results), *([speed] if speed else [])]
    if results.scores is None:
        parts.append("There are no true masks to score with.")
    else:
        row = [f"{results.scores[name]:.3f}" for name in GLOBAL_SCORES]
        parts.append(markdown_table(GLOBAL_SCORES, [row]))
        parts.append("Means over all objects of all sequences; by sequence:")
    header = ("sequence", "frames", "objects", "J&F", "J", "F", "s per frame")
    parts.append(markdown_table(header, [_row(one) for one in sequences]))
    return "\n\n".join(parts) + "\n"


def _row(one: SequenceMeasure) -> list[str]:
    values = [math.nan] * 3
    if one.objects:
        scores = one.scores()
        values = [scores.j_and_f, scores.j.mean, scores.f.mean]
    cells = ["" if np.isnan(value) else f"{value:.3f}" for value in values]
    counts = (str(one.frames), str(len(one.objects)))
    return [one.name, *counts, *cells, f"{one.seconds_per_frame:.3f}"]


def _circumstances(results: BenchmarkResults) -> str:
    text = describe_weights(results.weights, results.commit)
    done, total = len(results.sequences), results.sequences_in_split
    if done < total:
        text += f" **Not the whole split:** {done} of {total} sequences."
    return text
