"""Measure one configuration on some clips, and write its tables: what `halves` and `unlike` share.

OUT/clips/NAME.json   one per clip, as soon as it is measured; in a folder odd or even for `halves`
OUT/results.json      everything measured, and what produced it
OUT/table.md          accuracy, and where the loss is
OUT/comparison.md     with --against: the differences and their confidence intervals
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rotoline.errors import InputError
from rotoline.evaluation.results import (
    FILE,
    Results,
    check_same_scope,
    make_results,
    read_results,
    scope_of,
    write_record,
)
from rotoline.evaluation.rows import Row
from rotoline.evaluation.runner import Measurements, Subject, load_models, make_tasks
from rotoline.evaluation.unseen_report import accuracy_page, comparison_page
from rotoline.io.atomic import write_text
from rotoline.io.output_folder import new_output
from rotoline.runtime.progress import Progress
from rotoline.systems.protocol import SystemConfig


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Which clips are measured with which weights, and what the tables have."""

    title: str
    """Title of the page of results."""
    subjects: Sequence[Subject]
    """Clips and weights."""
    rows_of: Callable[[Results], list[Row]]
    """The means to report."""
    notes: str
    """What the rows mean, for the page."""


def run_experiment(
    experiment: Experiment,
    output: Path,
    *,
    config: SystemConfig,
    command: Sequence[str],
    against: Path | None = None,
    jobs: int = 1,
) -> Iterator[Progress]:
    """Measure one configuration, into the new folder `output`.

    Everything that can be checked is checked before the folder is made.

    Args:
        experiment: What to measure.
        output: Must not exist, or be empty.
        config: The settings; they also decide which preset runs.
        command: The command line, for the record.
        against: The output folder of a run to compare with, on these clips or on more.
        jobs: Number of processes; see `Measurements`.

    Yields:
        Progress.

    Raises:
        RotolineError: Input, weights or output cannot be used, or `against` lacks some of the clips
            or has other frames or objects of them.
    """
    yield Progress("reading")
    with new_output(output):
        subjects = experiment.subjects
        before = _read_before(against, subjects)
        models = load_models(subjects, config.preset)
        measurements = Measurements(make_tasks(subjects, {"": config}, output), jobs)
        yield from measurements.run()
        measures = (one[""].measure for one in measurements.measured)
        results = make_results(models, config, command, measures)
        write_record(output / FILE, results)
        rows = experiment.rows_of(results)
        page = accuracy_page(experiment.title, results, rows, experiment.notes)
        write_text(output / "table.md", page)
        if before is not None:
            pairs = list(zip(experiment.rows_of(before), rows, strict=True))
            write_text(output / "comparison.md", comparison_page(before, results, pairs))
        yield Progress("done", measurements.total, measurements.total)


def _read_before(folder: Path | None, subjects: Sequence[Subject]) -> Results | None:
    """The clips of `subjects` in the results of an earlier run."""
    if folder is None:
        return None
    scope = scope_of({subject.label: subject.clip for subject in subjects})
    results = read_results(folder).only(scope)
    if not results.clips:
        raise InputError(
            f"{folder} has results on none of these clips; give the output folder of a run of the "
            "same command"
        )
    check_same_scope(results.scope, scope)
    return results
