"""How accurate is one configuration on the development clips, and is it better than another one?

    rotoline experiment dev --data DATA --output OUT --weights FILE --against OTHER_OUT

OUT/clips/NAME.json   one per clip, as soon as it is measured
OUT/results.json      everything measured, and what produced it
OUT/table.md          accuracy and time
OUT/worst.png         the worst frames next to their truth
OUT/calibration.md    how well the confidence predicts J, with reliability.png
OUT/comparison.md     with --against: the differences and their confidence intervals

Takes about two and a half minutes on one core with the default preset.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rotoline.evaluation.calibration import reliability
from rotoline.evaluation.clips import EvaluationClip
from rotoline.evaluation.figures import reliability_diagram, worst_frames
from rotoline.evaluation.report import (
    accuracy_table,
    calibration_table,
    comparison_table,
    confidence_and_j,
)
from rotoline.evaluation.results import (
    FILE,
    check_same_scope,
    make_results,
    read_results,
    scope_of,
    write_record,
)
from rotoline.evaluation.runner import Measurements, Subject, load_models, make_tasks
from rotoline.io.atomic import write_text
from rotoline.io.output_folder import new_output
from rotoline.io.overlay import write_picture
from rotoline.runtime.progress import Progress
from rotoline.systems.protocol import SystemConfig


def measure_development(
    clips: Sequence[EvaluationClip],
    output: Path,
    *,
    weights: Path | None,
    config: SystemConfig,
    command: Sequence[str],
    against: Path | None = None,
) -> Iterator[Progress]:
    """Measure one configuration on all clips, into the new folder `output`.

    Everything that can be checked is checked before the folder is made.

    Args:
        clips: As `development_clips` finds them.
        output: Must not exist, or be empty.
        weights: A weights file, or None for the one that ships.
        config: The settings; they also decide which preset runs.
        command: The command line, for the record.
        against: The output folder of the run to compare with.

    Yields:
        Progress, once a frame.

    Raises:
        RotolineError: Input or output cannot be used, or `against` holds no results or results on
            other frames or objects.
    """
    yield Progress("reading")
    with new_output(output):
        before = None
        if against is not None:
            before = read_results(against)
            check_same_scope(before.scope, scope_of({clip.name: clip for clip in clips}))
        subjects = [Subject(clip=clip, weights=weights) for clip in clips]
        models = load_models(subjects, config.preset)
        measurements = Measurements(make_tasks(subjects, {"": config}, output))
        yield from measurements.run()
        yield Progress("drawing")
        measured = [one[""] for one in measurements.measured]
        results = make_results(models, config, command, (one.measure for one in measured))
        write_record(output / FILE, results)
        write_text(output / "table.md", accuracy_table(results))
        write_text(output / "calibration.md", calibration_table(results))
        bins = reliability(*confidence_and_j(results.clips))
        write_picture(output / "reliability.png", reliability_diagram(bins))
        write_picture(output / "worst.png", worst_frames(measured))
        if before is not None:
            write_text(output / "comparison.md", comparison_table(before, results))
        yield Progress("done", measurements.total, measurements.total)
