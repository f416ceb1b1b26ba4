"""How fast does a person get to a good mask? Strokes in single frames, and marked frames in clips.

    rotoline experiment interactive --data DATA --odd-weights ODD --even-weights EVEN --output OUT

On the clips of `rotoline.evaluation.halves`, with weights that have not seen them:

- *strokes*: `SHARES` of the way through each clip, single frames are segmented from strokes alone
  (`rotoline.interact`). In every round a robot (`rotoline.evaluation.stroke_robot`)
  draws one stroke where each object is missing, and one where it is too large; measured is the IoU
  after each round. Nothing is carried over between frames.
- *frames*: the clip is segmented with the true masks of one frame; then those of the scored frame
  of lowest confidence are added, and it is segmented again. Measured is the J&F of all scored
  frames, marked ones included, by the number of marked frames.

OUT/strokes.json, OUT/frames.json   everything measured, and what produced it
OUT/table.md                        both tables
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from rotoline.evaluation.bootstrap import mean_interval
from rotoline.evaluation.clips import EvaluationClip
from rotoline.evaluation.measure import ClipMeasurement
from rotoline.evaluation.results import RunRecord, circumstances, write_record
from rotoline.evaluation.runner import Subject, call_in_processes, load_models
from rotoline.evaluation.stroke_robot import draw_stroke
from rotoline.evaluation.tables import markdown_table
from rotoline.interact import Session, Stroke
from rotoline.io.atomic import write_text
from rotoline.io.output_folder import new_output
from rotoline.metrics import region_similarity
from rotoline.model import Model
from rotoline.runtime.progress import Progress
from rotoline.systems.protocol import SystemConfig
from rotoline.types import VOID, Frame, LabelMap, ObjectId, known_labels

SHARES = (1 / 6, 1 / 2, 5 / 6)
"""Where in a clip the frames are that are segmented from strokes."""
ROUNDS = 5
"""Rounds of strokes, and largest number of marked frames."""

Strokes = Mapping[ObjectId, Sequence[Stroke]]
"""Of each object, in the order in which they were drawn."""

_RECORD = ConfigDict(frozen=True, allow_inf_nan=False)


class StrokeMeasure(BaseModel):
    """One object in one frame."""

    model_config = _RECORD

    clip: str
    weights: str
    frame: str
    object_id: int
    iou: tuple[float, ...]
    """After each round."""


class FramesMeasure(BaseModel):
    """One clip."""

    model_config = _RECORD

    clip: str
    weights: str
    marked: tuple[int, ...]
    """Indices of the marked frames, in the order in which they were marked."""
    j_and_f: tuple[float, ...]
    """With the first one, two, and so on of them."""


class StrokeResults(RunRecord):
    """All frames that were segmented from strokes."""

    frames: tuple[StrokeMeasure, ...]


class FramesResults(RunRecord):
    """All clips that were segmented with more and more marked frames."""

    clips: tuple[FramesMeasure, ...]


Measure = StrokeMeasure | FramesMeasure


def run_interactive(
    subjects: Sequence[Subject],
    output: Path,
    *,
    config: SystemConfig,
    command: Sequence[str],
    with_frames: bool = True,
    jobs: int = 1,
) -> Iterator[Progress]:
    """Measure strokes and, if asked for, marked frames, into the new folder `output`.

    Args:
        subjects: Clips and weights.
        output: Must not exist, or be empty.
        config: The settings, of the preset `fast`.
        command: The command line, for the record.
        with_frames: Whether clips are segmented with marked frames too, which takes far longer.
        jobs: Number of processes, with one thread each; 1 for this process, with all threads.

    Yields:
        Progress, once a clip and part.

    Raises:
        RotolineError: Input, weights or output cannot be used.
    """
    yield Progress("reading")
    with new_output(output):
        models = load_models(subjects, config.preset)
        parts: list[_Part] = [measure_strokes]
        parts += [measure_frames] if with_frames else []
        calls = [(part, (subject, config)) for part in parts for subject in subjects]
        found: dict[int, list[Measure]] = {}
        results = call_in_processes(calls, jobs) if jobs > 1 else _call_here(calls)
        for index, result in results:
            found[index] = result
            yield Progress("measuring", len(found), len(calls))
        produced = circumstances(next(iter(models.values())), config, command)
        produced |= {"weights": {name: one.record.model_dump() for name, one in models.items()}}
        measures = [one for index in range(len(calls)) for one in found[index]]
        strokes = tuple(one for one in measures if isinstance(one, StrokeMeasure))
        frames = tuple(one for one in measures if isinstance(one, FramesMeasure))
        write_record(output / "strokes.json", StrokeResults(frames=strokes, **produced))
        if frames:
            write_record(output / "frames.json", FramesResults(clips=frames, **produced))
        write_text(output / "table.md", interactive_page(strokes, frames))
        yield Progress("done", len(calls), len(calls))


_Part = Callable[[Subject, SystemConfig], list[Measure]]


def _call_here(
    calls: Sequence[tuple[_Part, tuple[Subject, SystemConfig]]],
) -> Iterator[tuple[int, list[Measure]]]:
    for index, (part, arguments) in enumerate(calls):
        yield index, part(*arguments)


def measure_strokes(subject: Subject, config: SystemConfig) -> list[Measure]:
    """Segment single frames of a clip from strokes, and measure every round."""
    clip, model = subject.clip, load_models([subject], config.preset)[subject.weights_name]
    count = len(clip.frame_names)
    measures: list[Measure] = []
    for index in (round(share * (count - 1)) for share in SHARES):
        truth = clip.read_mark(index)
        ids = [one for one in clip.object_ids if (truth == one).any()]
        if ids:
            rounds = draw_and_solve(model, config, clip.read_frame(index), truth, ids)
            measures += [
                StrokeMeasure(
                    clip=clip.name,
                    weights=subject.weights_name,
                    frame=clip.frame_names[index],
                    object_id=one,
                    iou=tuple(values),
                )
                for one, values in zip(ids, zip(*rounds, strict=True), strict=True)
            ]
    return measures


def draw_and_solve(
    model: Model, config: SystemConfig, frame: Frame, truth: LabelMap, ids: Sequence[ObjectId]
) -> list[list[float]]:
    """Segment a frame from the strokes of a robot.

    Args:
        model: Loaded weights of the preset `fast`.
        config: Its settings.
        frame: RGB, uint8 `(H, W, 3)`.
        truth: Its true object ids, `(H, W)`; nothing is painted where they are void.
        ids: The objects, each with at least one pixel.

    Returns:
        IoU of each object after each round.
    """
    session = Session(model, (truth.shape[0], truth.shape[1]), config=config)
    strokes: Strokes = {one: [] for one in ids}
    found, rounds = np.zeros_like(truth), []
    for _ in range(ROUNDS):
        strokes = next_strokes(strokes, truth, found)
        found = session.solve(0, frame, strokes)
        known_found, known_truth = known_labels(found, truth)
        rounds.append([region_similarity(known_found == i, known_truth == i) for i in ids])
    return rounds


def next_strokes(strokes: Strokes, truth: LabelMap, found: LabelMap) -> Strokes:
    """Add the robot's next strokes: where each object is missing, and where it is too large.

    Args:
        strokes: Those of each object so far.
        truth: True object ids, `(H, W)`.
        found: The present ones.
    """
    # The first strokes on the background: where a person sees that nothing is.
    is_first = not any(strokes.values())
    background = draw_stroke(truth == 0, is_object=False) if is_first else None
    added = {}
    for one, of_object in strokes.items():
        missing = draw_stroke((truth == one) & (found != one), is_object=True)
        too_much = (found == one) & (truth != one) & (truth != VOID)
        new = (missing, draw_stroke(too_much, is_object=False), background)
        added[one] = [*of_object, *(stroke for stroke in new if stroke is not None)]
    return added


def measure_frames(subject: Subject, config: SystemConfig) -> list[Measure]:
    """Segment a clip with one marked frame, then with that of lowest confidence too, and so on."""
    clip, model = subject.clip, load_models([subject], config.preset)[subject.weights_name]
    marked = [min(clip.marked)]
    j_and_f: list[float] = []
    while len(j_and_f) < ROUNDS:
        measurement = ClipMeasurement(model, config, _marked(clip, marked), subject.weights_name)
        for _ in measurement.run():
            pass
        measure = measurement.result().measure
        j_and_f.append(measure.scores["J&F"])
        confidence = np.mean([one.confidence for one in measure.objects], axis=0)
        rest = [at for at, index in enumerate(clip.scored) if index not in marked]
        if not rest:
            break
        marked.append(clip.scored[min(rest, key=lambda at: confidence[at])])
    used = tuple(marked[: len(j_and_f)])
    return [
        FramesMeasure(
            clip=clip.name, weights=subject.weights_name, marked=used, j_and_f=tuple(j_and_f)
        )
    ]


def _marked(clip: EvaluationClip, marked: Sequence[int]) -> EvaluationClip:
    return replace(clip, marked=tuple(sorted(marked)))


def interactive_page(strokes: Sequence[StrokeMeasure], frames: Sequence[FramesMeasure]) -> str:
    """Both tables as Markdown."""
    text = "# Strokes and marked frames\n"
    if strokes:
        text += _table("IoU of single frames after rounds of strokes", "rounds", strokes)
    if frames:
        text += _table("J&F of clips by the number of marked frames", "marked frames", frames)
    return text


def _table(
    title: str, what: str, measures: Sequence[StrokeMeasure] | Sequence[FramesMeasure]
) -> str:
    """The mean over clips in every round, with its interval."""
    by_clip: dict[str, list[tuple[float, ...]]] = {}
    for one in measures:
        values = one.iou if isinstance(one, StrokeMeasure) else one.j_and_f
        by_clip.setdefault(one.clip, []).append(values)
    shortest = min(len(values) for rows in by_clip.values() for values in rows)
    rows = []
    for at in range(shortest):
        clips = [np.array([values[at] for values in one]) for one in by_clip.values()]
        interval = mean_interval(clips)
        bounds = f"[{interval.low:.3f}, {interval.high:.3f}]"
        rows.append((str(at + 1), f"{interval.mean:.3f}", bounds))
    table = markdown_table((what, "mean", "95 % interval"), rows)
    return f"\n## {title}\n\n{len(by_clip)} clips.\n\n{table}\n"
