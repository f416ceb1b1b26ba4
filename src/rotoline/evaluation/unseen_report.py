"""The pages of `rotoline experiment halves` and `unlike`: means with intervals, and the loss."""

from collections.abc import Sequence
from functools import partial

from rotoline.evaluation.clips import FITTED, UNSEEN
from rotoline.evaluation.error_places import BORDER, LostJ
from rotoline.evaluation.measure import SCORES, ClipMeasure, ObjectMeasure
from rotoline.evaluation.report import (
    COMPARISON_HEADER,
    INTERVAL,
    comparison_row,
    describe_changes,
    describe_run,
    format_interval,
    format_score,
    format_signed,
    page,
)
from rotoline.evaluation.results import Results
from rotoline.evaluation.rows import Row, mean_over
from rotoline.evaluation.tables import markdown_table


def accuracy_page(title: str, results: Results, rows: Sequence[Row], notes: str) -> str:
    """Return the page of one run.

    Args:
        title: Title of the page.
        results: All measures.
        rows: The means to report.
        notes: What the rows mean.
    """
    return page(
        title,
        describe_run(results),
        notes,
        _means(rows),
        INTERVAL,
        "## Where the loss is",
        "*Read-back*: the first marked frame itself, segmented after it was learned. *J lost*: "
        "1 - J by the place of the wrong pixels, as shares of the union of mask and truth. *At the "
        f"border*: within {BORDER} pixels of it at 480p; *missing*: pixels of the object that the "
        "mask lacks, *extra*: pixels of the mask that are not of the object.",
        _losses(rows),
        "## Clips",
        _clips(results),
    )


def comparison_page(before: Results, after: Results, rows: Sequence[tuple[Row, Row]]) -> str:
    """Return the differences between two runs: of the means, then of every clip of both.

    Args:
        before: The measures of the other run.
        after: The measures of this run.
        rows: The means of both runs.
    """
    old = {clip.label: clip for clip in before.clips}
    clips = [
        comparison_row(Row(name=clip.label, clips=[old[clip.label]]), Row(name=name, clips=[clip]))
        for clip in after.clips
        if clip.label in old
        for name in [f"{clip.label}, {clip.group}"]
    ]
    return page(
        "Comparison, J&F",
        f"Before: {describe_run(before)}",
        f"After: {describe_run(after)}",
        describe_changes(before, after),
        markdown_table(COMPARISON_HEADER, [comparison_row(one, other) for one, other in rows]),
        INTERVAL,
        markdown_table(COMPARISON_HEADER, clips),
    )


def _means(rows: Sequence[Row]) -> str:
    cells = [
        (
            row.name,
            str(row.count),
            (format_signed if row.minus else format_score)(row.scores["J&F"]),
            format_interval(row.interval, signed=bool(row.minus)),
            *(
                (format_signed if row.minus else format_score)(row.scores[key])
                for key in SCORES[1:]
            ),
        )
        for row in rows
    ]
    return markdown_table(("mean", "clips", "J&F", "95 % interval", *SCORES[1:]), cells)


def _losses(rows: Sequence[Row]) -> str:
    places = list(LostJ.model_fields)
    header = (
        "mean",
        "read-back J",
        "read-back F",
        "J lost",
        *(one.replace("_", " ") for one in places),
    )
    cells = []
    for row in rows:
        if not row.minus:
            read_back = (mean_over(row.clips, of) for of in (_read_back_j, _read_back_f))
            lost = (mean_over(row.clips, partial(_lost, place)) for place in places)
            values = (*read_back, 1 - row.scores["J"], *lost)
            cells.append((row.name, *map(format_score, values)))
    return markdown_table(header, cells)


def _read_back_j(one: ObjectMeasure) -> float | None:
    return None if one.read_back is None else one.read_back[0]


def _read_back_f(one: ObjectMeasure) -> float | None:
    return None if one.read_back is None or not one.f else one.read_back[1]


def _lost(place: str, one: ObjectMeasure) -> float | None:
    return None if one.lost is None else float(getattr(one.lost, place))


def _clips(results: Results) -> str:
    """A row for every clip; the measures with several weights are averaged."""
    fitted = {clip.name: clip for clip in results.in_group(FITTED)}
    groups: dict[tuple[str, str], list[ClipMeasure]] = {}
    for clip in results.clips:
        if clip.group != FITTED:
            groups.setdefault((clip.group, clip.name), []).append(clip)
    rows = []
    for (group, name), clips in groups.items():
        scores = Row(name=name, clips=clips).scores
        beside = fitted[name].scores["J&F"] if group == UNSEEN and name in fitted else float("nan")
        weights = ", ".join(clip.weights for clip in clips)
        cells = [name, group, weights, str(len(clips[0].objects))]
        rows.append([*cells, *(format_score(scores[key]) for key in SCORES), format_score(beside)])
    header = ["clip", "group", "weights", "objects", *SCORES, "fitted J&F"]
    for column in (header.index("fitted J&F"), header.index("weights")):
        if not any(row[column] for row in rows):
            header, rows = _without(header, column), [_without(row, column) for row in rows]
    return markdown_table(header, rows)


def _without(cells: list[str], column: int) -> list[str]:
    return [*cells[:column], *cells[column + 1 :]]
