"""Results as Markdown tables."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rotoline.evaluation.bootstrap import Interval, paired_interval
from rotoline.evaluation.calibration import Calibration, calibrate, reliability
from rotoline.evaluation.development_clips import DEVELOPMENT, GROUPS, MULTI_OBJECT, SYNTHETIC
from rotoline.evaluation.measure import ClipMeasure
from rotoline.evaluation.paper_tables import accuracy_rows, seconds_rows
from rotoline.evaluation.results import Results, gains
from rotoline.data.training_clips import DEVELOPMENT_SPLIT

SCORES = ("J&F", "J", "F", "J recall", "F recall")


def accuracy_table(results: Results) -> str:
    """One row a clip, the mean of the development sequences, then what is not in the mean."""
    rows = [(clip.name, clip) for clip in results.in_group(DEVELOPMENT)]
    others = [
        (f"{clip.name} ({_kind(clip)}, not in the mean)", clip)
        for group in (MULTI_OBJECT, SYNTHETIC)
        for clip in results.in_group(group)
    ]
    lines = [_row("clip", *SCORES, "s per frame"), _rule(7)]
    lines += [_clip_row(name, clip) for name, clip in rows]
    if rows:
        means = mean_scores([clip for _, clip in rows])
        seconds = np.mean([clip.seconds_per_frame for _, clip in rows])
        cells = [f"**{value}**" for value in (*map(_score, means.values()), f"{seconds:.3f}")]
        lines.append(_row(f"**mean of {len(rows)}**", *cells))
    lines += [_clip_row(name, clip) for name, clip in others]
    return "# Accuracy\n\n" + "\n\n".join((_circumstances(results), "\n".join(lines))) + "\n"


def comparison_table(before: Results, after: Results) -> str:
    """What changed, object by object and in the mean, with intervals."""
    pairs = list(zip(_in_order(before), _in_order(after), strict=True))
    summary = [_row("", "before", "after", "difference", "95 % interval", "excludes 0"), _rule(6)]
    for name, old, new in _groups(before, after):
        interval = paired_interval(gains(old, new))
        scores = (_score(mean_scores(clips)["J&F"]) for clips in (old, new))
        verdict = "yes" if interval.excludes_zero else "no"
        summary.append(
            _row(name, *scores, _signed(interval.mean), format_interval(interval), verdict)
        )
    objects = [_row("clip", "object", "before", "after", "difference"), _rule(5)]
    for old_clip, new_clip in pairs:
        for old, new in zip(old_clip.objects, new_clip.objects, strict=True):
            scores = (_score(old.j_and_f), _score(new.j_and_f))
            change = _signed(new.j_and_f - old.j_and_f)
            objects.append(_row(old_clip.name, str(old.object_id), *scores, change))
    return "\n\n".join(
        (
            "# Comparison, J&F",
            f"Before: {_circumstances(before)}",
            f"After: {_circumstances(after)}",
            f"Settings that differ: {', '.join(_changes(before.config, after.config)) or 'none'}.",
            "\n".join(summary),
            "Interval: paired bootstrap over sequences and blocks of frames. It says nothing of "
            "other kinds of clips; for a single clip, it speaks of the frames of that clip only.",
            "\n".join(objects),
        )
    ) + "\n"  # fmt: skip


def ablation_table(rows: Sequence[tuple[str, Results]]) -> str:
    """The full configuration first, then each variant and what it lacks; and the paper's tables."""
    (_, full), *variants = rows
    names = [name for name, _, _ in _groups(full, full)]
    columns = [f"{name}: {score}" for name in names for score in SCORES[:3]]
    scores = [_row("variant", *columns), _rule(len(columns) + 1)]
    for name, results in rows:
        means = [mean_scores(clips) for _, clips, _ in _groups(results, results)]
        scores.append(_row(name, *(_score(mean[key]) for mean in means for key in SCORES[:3])))
    brings = [_row("variant", *names), _rule(len(names) + 1)]
    for name, results in variants:
        intervals = (paired_interval(gains(old, new)) for _, old, new in _groups(results, full))
        brings.append(
            _row(name, *(f"{_signed(i.mean)} {format_interval(i)}" + _star(i) for i in intervals))
        )
    return "\n\n".join(
        (
            "# What each stage brings",
            _circumstances(full),
            "\n".join(scores),
            "J&F of the full configuration minus that of the variant, with its 95 % interval "
            "(paired bootstrap over sequences and blocks of frames); `*` where that excludes 0:",
            "\n".join(brings),
            *(accuracy_rows(rows, group) for group in GROUPS if full.in_group(group)),
            seconds_rows(full.clips),
        )
    ) + "\n"  # fmt: skip


def calibration_table(results: Results) -> str:
    """How well the confidence of a frame foretells its J."""
    header = ("clips", "masks", "J < .5", "error", "AUROC", "Spearman", "worst tenth found")
    summary = [_row(*header), _rule(7)]
    for group in ("all", *GROUPS):
        clips = results.clips if group == "all" else results.in_group(group)
        if clips:
            summary.append(_calibration_row(group, calibrate(*confidence_and_j(clips))))
    bins = [_row("confidence", "masks", "mean confidence", "mean J"), _rule(4)]
    for one in reliability(*confidence_and_j(results.clips)):
        means = (_score(one.confidence), _score(one.quality))
        bins.append(_row(f"{one.low:.1f} to {one.high:.1f}", str(one.count), *means))
    return "\n\n".join(
        (
            "# Calibration",
            "Does the pipeline know where it is wrong? One entry per object and scored frame: its "
            "confidence against the true J. *Error*: the expected calibration error, confidence "
            "taken as a prediction of J. *AUROC*: of 1 - confidence, for finding masks with "
            "J < .5; .5 is chance. *Worst tenth found*: which part of the tenth with the lowest J "
            "is in the tenth with the lowest confidence; .1 is chance.",
            "\n".join(summary),
            "\n".join(bins),
        )
    ) + "\n"  # fmt: skip


def mean_scores(clips: Sequence[ClipMeasure]) -> dict[str, float]:
    """Means over clips, whatever their number of objects."""
    return {key: float(np.mean([clip.scores[key] for clip in clips])) for key in SCORES}


def confidence_and_j(clips: Iterable[ClipMeasure]) -> tuple[np.ndarray, np.ndarray]:
    """All objects and scored frames in a row: what was said, and what was true."""
    objects = [one for clip in clips for one in clip.objects]
    return (
        np.concatenate([one.confidence for one in objects]),
        np.concatenate([one.j for one in objects]),
    )


def format_interval(interval: Interval) -> str:
    """As in `[-.012, +.034]`."""
    return f"[{_signed(interval.low)}, {_signed(interval.high)}]"


def _groups(
    first: Results, second: Results
) -> list[tuple[str, list[ClipMeasure], list[ClipMeasure]]]:
    """The clips of two runs by group, in one order, with a name that says how many there are."""
    groups = []
    for group in GROUPS:
        one, other = first.in_group(group), {clip.name: clip for clip in second.clips}
        if one:
            name = f"mean of {len(one)} ({group})" if len(one) > 1 else f"{one[0].name} ({group})"
            groups.append((name, one, [other[clip.name] for clip in one]))
    return groups


def _in_order(results: Results) -> list[ClipMeasure]:
    return sorted(results.clips, key=lambda clip: (GROUPS.index(clip.group), clip.name))


def _kind(clip: ClipMeasure) -> str:
    count = len(clip.objects)
    return f"{count} object{'s' * (count > 1)}{', synthetic' * (clip.group == SYNTHETIC)}"


def _clip_row(name: str, clip: ClipMeasure) -> str:
    return _row(name, *(_score(clip.scores[key]) for key in SCORES), _seconds(clip))


def _seconds(clip: ClipMeasure) -> str:
    return "" if clip.seconds_per_frame is None else f"{clip.seconds_per_frame:.3f}"


def _calibration_row(name: str, all_of_it: Calibration) -> str:
    count, *values = all_of_it
    return _row(name, str(count), *map(_score, values))


def _circumstances(results: Results) -> str:
    """Which weights and source, and what to beware of."""
    weights = results.weights
    text = (
        f"weights `{weights['name']}` ({weights['sha256'][:12]}), source {results.commit or '?'}."
    )
    missing = sorted(set(DEVELOPMENT_SPLIT) - {clip.name for clip in results.clips})
    if missing:
        text += f" **Not the whole split:** without {', '.join(missing)}."
    if "--leave-out" not in weights["command"]:
        text += (
            " **Their record does not say that the development sequences were left out of "
            "training, so the numbers may flatter.**"
        )
    return text


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Names and values of the settings that differ."""
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _changes(old, new, f"{path}{name}.")
        elif old != new:
            yield f"`{path}{name}` {old} → {new}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return "|" + "---|" * columns


def _score(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}"


def _star(interval: Interval) -> str:
    return " *" if interval.excludes_zero else ""
