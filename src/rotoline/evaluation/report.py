"""Results as Markdown pages, of a run that just ended or of committed `results.json` files.

accuracy_table(read_results(folder))        # also calibration_table
comparison_table(read_results(before), read_results(after))
ablation_table(read_ablation(folder))       # from rotoline.evaluation.ablation
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotoline.data.splits import DEVELOPMENT_SPLIT, EVEN, ODD
from rotoline.evaluation.bootstrap import Interval
from rotoline.evaluation.calibration import Calibration, calibrate, reliability
from rotoline.evaluation.clips import DEVELOPMENT, MULTI_OBJECT, SYNTHETIC
from rotoline.evaluation.measure import SCORES, ClipMeasure, mean_scores
from rotoline.evaluation.paper_tables import accuracy_rows, seconds_rows
from rotoline.evaluation.results import FILE, Results
from rotoline.evaluation.rows import Row, difference
from rotoline.evaluation.tables import markdown_table
from rotoline.settings import flatten

INTERVAL = (
    "Interval: bootstrap over sequences and blocks of frames, paired for a difference. It does not "
    "cover other kinds of clips; for a single clip, it is about the frames of that clip only."
)
COMPARISON_HEADER = ("", "before", "after", "difference", "95 % interval", "excludes 0")


def accuracy_table(results: Results) -> str:
    """One row per clip, the mean of the development sequences, then the clips not in the mean."""
    clips = results.in_group(DEVELOPMENT)
    rows = [_clip_row(clip.name, clip) for clip in clips]
    if clips:
        values = (*map(format_score, mean_scores(clips).values()), _mean_seconds(clips))
        rows.append(
            [f"**mean of {len(clips)}**", *(f"**{value}**" if value else "" for value in values)]
        )
    rows += [
        _clip_row(f"{clip.name} ({_kind(clip)}, not in the mean)", clip)
        for group in (MULTI_OBJECT, SYNTHETIC)
        for clip in results.in_group(group)
    ]
    header: tuple[str, ...] = ("clip", *SCORES, "s per frame")
    if not any(row[-1] for row in rows):  # nothing was timed
        header, rows = header[:-1], [row[:-1] for row in rows]
    return page("Accuracy", _circumstances(results), markdown_table(header, rows))


def comparison_table(before: Results, after: Results) -> str:
    """The differences between two runs, per object and in the mean, with their intervals."""
    summary = []
    for old, new in zip(group_rows(before), group_rows(after), strict=True):
        summary.append(comparison_row(old, new))
    objects = [
        (
            old_clip.name,
            str(old.object_id),
            format_score(old.j_and_f),
            format_score(new.j_and_f),
            format_signed(new.j_and_f - old.j_and_f),
        )
        for old_clip, new_clip in zip(_in_order(before), _in_order(after), strict=True)
        for old, new in zip(old_clip.objects, new_clip.objects, strict=True)
    ]
    return page(
        "Comparison, J&F",
        f"Before: {_circumstances(before)}",
        f"After: {_circumstances(after)}",
        describe_changes(before, after),
        markdown_table(COMPARISON_HEADER, summary),
        INTERVAL,
        markdown_table(("clip", "object", "before", "after", "difference"), objects),
    )


def ablation_table(
    rows: Sequence[tuple[str, Results]],
    means_of: Callable[[Results], list[Row]] | None = None,
) -> str:
    """Return the accuracy of each variant and what it loses, then the tables of the paper.

    Args:
        rows: Names and results, the full configuration first.
        means_of: The means to report of each; `group_rows` if None.
    """
    (_, full), *variants = rows
    means = {name: (means_of or group_rows)(results) for name, results in rows}
    best = means[rows[0][0]]
    groups = [mean.name for mean in best]
    columns = [f"{group}: {score}" for group in groups for score in SCORES[:3]]
    scores = [
        (name, *(format_score(mean.scores[key]) for mean in means[name] for key in SCORES[:3]))
        for name, _ in rows
    ]
    gained = []
    for name, _ in variants:
        intervals = (difference(old, new) for old, new in zip(means[name], best, strict=True))
        cells = (f"{format_signed(i.mean)} {format_interval(i)}{_star(i)}" for i in intervals)
        gained.append((name, *cells))
    return page(
        "What each stage brings",
        _circumstances(full),
        markdown_table(("variant", *columns), scores),
        "J&F of the full configuration minus that of the variant, with its 95 % interval "
        "(paired bootstrap over sequences and blocks of frames); `*` where that excludes 0:",
        markdown_table(("variant", *groups), gained),
        *(accuracy_rows(rows, group) for group in full.groups),
        seconds_rows(full.clips),
    )


def calibration_table(results: Results) -> str:
    """How well the confidence of a mask predicts its J."""
    groups = [
        ("all", list(results.clips)),
        *((group, results.in_group(group)) for group in results.groups),
    ]
    summary = [
        _calibration_row(name, calibrate(*confidence_and_j(clips)))
        for name, clips in groups
        if clips
    ]
    bins = [
        (
            f"{one.low:.1f} to {one.high:.1f}",
            str(one.entries),
            format_score(one.confidence),
            format_score(one.quality),
        )
        for one in reliability(*confidence_and_j(results.clips))
    ]
    header = ("clips", "masks", "J < .5", "error", "AUROC", "Spearman", "worst tenth found")
    return page(
        "Calibration",
        "How well does the confidence predict the true J? One entry per object and scored frame. "
        "*Error*: the expected calibration error of the confidence as a prediction of J. *AUROC*: "
        "of 1 - confidence, for finding masks with J < .5; .5 is chance. *Worst tenth found*: "
        "which part of the tenth with the lowest J is in the tenth with the lowest confidence; .1 "
        "is chance.",
        markdown_table(header, summary),
        markdown_table(("confidence", "masks", "mean confidence", "mean J"), bins),
    )


def confidence_and_j(
    clips: Iterable[ClipMeasure],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the confidence and the true J of all objects and scored frames."""
    objects = [one for clip in clips for one in clip.objects]
    return (
        np.concatenate([one.confidence for one in objects]),
        np.concatenate([one.j for one in objects]),
    )


def format_interval(interval: Interval, *, signed: bool = True) -> str:
    """Return the ends of an interval, such as `[-0.012, +0.034]`, with or without signs."""
    ends = map(format_signed if signed else format_score, (interval.low, interval.high))
    return f"[{', '.join(ends)}]"


def describe_weights(weights: dict[str, Any], commit: str) -> str:
    """Return which weights were measured, with which source."""
    name, checksum = weights["name"], weights["sha256"][:12]
    return f"weights `{name}` ({checksum}), source {commit or 'unknown'}."


def describe_run(results: Results) -> str:
    """Return the weights and the source of a run; for two halves, also what may be wrong."""
    if "sha256" in results.weights:
        return describe_weights(results.weights, results.commit)
    texts = []
    for name, record in results.weights.items():
        texts.append(f"{name}: {describe_weights(record, results.commit)}")
        texts += _doubts(name, record)
    return " ".join(texts)


def page(title: str, *paragraphs: str) -> str:
    """Return a page of Markdown."""
    return "\n\n".join((f"# {title}", *paragraphs)) + "\n"


def group_rows(results: Results) -> list[Row]:
    """Return the mean of each group of clips; a single clip has its own name."""
    rows = []
    for group in results.groups:
        clips = results.in_group(group)
        what = f"mean of {len(clips)}" if len(clips) > 1 else clips[0].name
        rows.append(Row(name=f"{what} ({group})", clips=clips))
    return rows


def comparison_row(before: Row, after: Row) -> tuple[str, ...]:
    """Return the cells of a row of `COMPARISON_HEADER`."""
    interval = difference(before, after)
    scores = (format_score(row.scores["J&F"]) for row in (before, after))
    verdict = "yes" if interval.excludes_zero else "no"
    return (after.name, *scores, format_signed(interval.mean), format_interval(interval), verdict)


def _in_order(results: Results) -> list[ClipMeasure]:
    groups = results.groups
    return sorted(results.clips, key=lambda clip: (groups.index(clip.group), clip.name))


def _kind(clip: ClipMeasure) -> str:
    count = len(clip.objects)
    return f"{count} object{'s' * (count > 1)}{', synthetic' * (clip.group == SYNTHETIC)}"


def _clip_row(name: str, clip: ClipMeasure) -> list[str]:
    return [name, *(format_score(clip.scores[key]) for key in SCORES), _mean_seconds([clip])]


def _mean_seconds(clips: Sequence[ClipMeasure]) -> str:
    """Mean seconds per frame; empty if a clip was not timed."""
    seconds = [clip.seconds_per_frame for clip in clips if clip.seconds_per_frame is not None]
    return f"{np.mean(seconds):.3f}" if len(seconds) == len(clips) else ""


def _calibration_row(name: str, found: Calibration) -> list[str]:
    entries, *values = found
    return [name, str(entries), *map(format_score, values)]


def _circumstances(results: Results) -> str:
    """Weights and source of a run, and whether its numbers are partial or may be too high."""
    if "sha256" not in results.weights:
        return describe_run(results)
    text = describe_weights(results.weights, results.commit)
    missing = sorted(set(DEVELOPMENT_SPLIT) - {clip.name for clip in results.clips})
    if missing:
        text += f" **Not the whole split:** without {', '.join(missing)}."
    if "--leave-out" not in results.weights["command"]:
        text += (
            " **The record of the weights does not say that the development sequences were left "
            "out of training, so the numbers may be too high.**"
        )
    return text


def _doubts(name: str, record: dict[str, Any]) -> list[str]:
    """What to know about weights whose command does not say what was left out of their training."""
    other = {ODD: EVEN, EVEN: ODD}.get(name, "")
    if f"--leave-out {other}" in record["command"]:
        return []
    return [
        f"The command of the weights {name} has no `--leave-out {other}`; what they were trained "
        f"on is in their record, which `{FILE}` holds. **If that is not the {name} half alone, the "
        "figures of unseen clips are too high.**"
    ]


def describe_changes(before: Results, after: Results) -> str:
    """Say which settings differ between two runs, with their values; limits change no result."""
    old, new = flatten(before.config), flatten(after.config)
    changes = [
        f"`{name}` {_setting(old, name)} → {_setting(new, name)}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name) and not name.startswith("limits.")
    ]
    return f"Settings that differ: {', '.join(changes) or 'none'}."


def _setting(values: Mapping[str, Any], name: str) -> str:
    """The value of a setting; "–" where there was no such setting, under this method or at all."""
    value = values.get(name, "–")
    return "default" if value is None else str(value)


def format_score(value: float) -> str:
    """Return a score with three decimals; empty if it is nan."""
    return "" if math.isnan(value) else f"{value:.3f}"


def format_signed(value: float) -> str:
    """Return a difference with its sign."""
    return f"{value:+.3f}"


def _star(interval: Interval) -> str:
    return " *" if interval.excludes_zero else ""
