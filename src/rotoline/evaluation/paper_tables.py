"""The tables of the paper's ablation: the same rows from our runs, and the paper's own figures."""

from collections.abc import Sequence

import numpy as np

from rotoline.evaluation.measure import ClipMeasure
from rotoline.evaluation.results import Results

TABLE_2 = {
    "full": (0.576, 0.540, 0.601, 0.611, 0.683),
    "no-regions": (0.537, 0.506, 0.582, 0.568, 0.602),
    "no-regions-propagate": (0.481, 0.457, 0.536, 0.504, 0.526),
    "no-regions-propagate-tuning": (0.448, 0.442, 0.528, 0.453, 0.501),
}
"""Variant: J&F, J, J recall, F, F recall, as the paper prints them for DAVIS-2017 val. Each row
leaves out one thing more: the filter (CRAF), propagation (SPN), fine-tuning of the foreground."""

TABLE_3 = {"foreground": 0.3, "score": 0.3, "propagate": 0.08, "regions": 0.1}
"""Stage: seconds per frame and object on a Titan X, as the paper prints them."""

SCORES = ("J&F", "J", "J recall", "F", "F recall")

_ROLES = {
    "foreground": "foreground network, and what is computed once a frame",
    "score": "the objects' networks",
    "propagate": "spatial propagation",
    "regions": "connected-region-aware filter",
    "adapt": "updates while the video runs",
    "fuse": "labels at full size",
}


def accuracy_rows(runs: Sequence[tuple[str, Results]], group: str) -> str:
    """The rows of Table 2 from our runs on one group of clips, then the paper's own."""
    by_name = dict(runs)
    ours = []
    for name in TABLE_2:
        clips = by_name[name].in_group(group)
        means = [float(np.mean([clip.scores[key] for clip in clips])) for key in SCORES]
        ours.append((name, means))
    return "\n\n".join(
        (
            f"## Table 2: {group}, ours",
            _table(("variant", *SCORES), ours),
            "The paper's own figures for these rows. Other videos (DAVIS-2017 val), other training "
            "data and weights: to be read for their differences, not beside the rows above.",
            _table(("variant, the paper", *SCORES), TABLE_2.items()),
        )
    )


def seconds_rows(clips: Sequence[ClipMeasure]) -> str:
    """The rows of Table 3 from clips whose stages were timed, beside the paper's own."""
    pairs = sum((clip.all_frames or 0) * len(clip.objects) for clip in clips)
    objects = sum(len(clip.objects) for clip in clips)
    stages = [clip.seconds_per_stage or {} for clip in clips]

    def total(stage: str) -> float:
        return sum(seconds.get(stage, 0.0) for seconds in stages)

    lines = ["| stage | what it is | ours, s | the paper, s |", "|---|---|---|---|"]
    for stage, role in _ROLES.items():
        theirs = f"{TABLE_3[stage]:.2f}" if stage in TABLE_3 else ""
        lines.append(f"| {stage} | {role} | {total(stage) / pairs:.4f} | {theirs} |")
    ours = sum(map(total, _ROLES)) / pairs
    lines.append(f"| all of these | | {ours:.4f} | {sum(TABLE_3.values()):.2f} |")
    spread = (total("learn") + sum(map(total, _ROLES))) / pairs
    lines.append(f"| with learning spread over the frames | | {spread:.4f} | about 10 |")
    return "\n\n".join(
        (
            "## Table 3: seconds per frame and object",
            "\n".join(lines),
            f"Ours: wall timer of the full configuration, {pairs} frames times objects, on this "
            f"machine; learning takes {total('learn') / objects:.2f} s an object. The paper: a "
            "Titan X.",
        )
    )


def _table(header: Sequence[str], rows: Sequence[tuple[str, Sequence[float]]]) -> str:
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    lines += [f"| {name} | {' | '.join(f'{v:.3f}' for v in values)} |" for name, values in rows]
    return "\n".join(lines)
