"""Tables 1, 2 and 3 of the paper: the same rows from our runs, next to the published figures."""

from collections.abc import Mapping, Sequence

from rotoline.evaluation.measure import ClipMeasure, mean_scores
from rotoline.evaluation.results import Results
from rotoline.evaluation.tables import markdown_table

TABLE_2 = {
    "full": (0.576, 0.540, 0.601, 0.611, 0.683),
    "no-filter": (0.537, 0.506, 0.582, 0.568, 0.602),
    "no-filter-propagation": (0.481, 0.457, 0.536, 0.504, 0.526),
    "no-filter-propagation-tuning": (0.448, 0.442, 0.528, 0.453, 0.501),
}
"""J&F, J, J recall, F and F recall by variant, as published for DAVIS-2017 val. Each row leaves out
one thing more: the filter (CRAF), propagation (SPN), fine-tuning of the foreground network."""

JOINT = "no-filter-propagation-joint"
TABLE_1 = {
    JOINT: (0.460, 0.442, 0.513, 0.478, 0.501),
    "no-filter-propagation": (0.481, 0.457, 0.536, 0.504, 0.526),
}
"""The same scores: one network with a softmax over all objects, and a network per object."""

TABLE_3 = {"encode": 0.3, "score": 0.3, "propagate": 0.08, "filter": 0.1}
"""Seconds per frame and object by stage, as published for a Titan X."""

SCORES = ("J&F", "J", "J recall", "F", "F recall")
"""The columns of Tables 1 and 2."""

_ROLES = {
    "encode": "foreground network, and whatever else the objects of a frame share",
    "score": "object networks",
    "limit": "limit to the foreground",
    "propagate": "spatial propagation network",
    "filter": "connected-region-aware filter",
    "update": "state and models of the objects",
    "fuse": "label map at the size of the frame",
}


def accuracy_rows(runs: Sequence[tuple[str, Results]], group: str) -> str:
    """Return the rows of Table 2 from our runs on one group of clips, then those of the paper.

    Where clips have several objects and one network for all of them was measured, Table 1 follows,
    on these clips alone: with one object both of its rows are the same network.

    Args:
        runs: Variants by name; those that are no row of the tables are ignored.
        group: A group of clips, see `rotoline.evaluation.clips`.
    """
    clips = {name: results.in_group(group) for name, results in runs}
    tables = _rows_and_published(f"Table 2: {group}", clips, TABLE_2)
    several = {
        name: [clip for clip in measured if len(clip.objects) > 1]
        for name, measured in clips.items()
    }
    if several.get(JOINT):
        tables += _rows_and_published(
            f"Table 1: {group}, clips with several objects", several, TABLE_1
        )
    return "\n\n".join(tables)


def _rows_and_published(
    title: str,
    clips: Mapping[str, Sequence[ClipMeasure]],
    published: Mapping[str, tuple[float, ...]],
) -> list[str]:
    """Paragraphs of a table of our rows, and of one of the paper's."""
    ours = [(name, *_row(mean_scores(clips[name]))) for name in published if name in clips]
    theirs = [
        (name, *_row(dict(zip(SCORES, values, strict=True)))) for name, values in published.items()
    ]
    return [
        f"## {title}, ours",
        markdown_table(("variant", *SCORES), ours),
        "The paper's own figures for these rows were measured on other videos (DAVIS-2017 val) "
        "with other training data and weights: compare the differences between rows, not the "
        "values.",
        markdown_table(("variant, the paper", *SCORES), theirs),
    ]


def seconds_rows(clips: Sequence[ClipMeasure]) -> str:
    """Return the rows of Table 3 from clips whose stages were timed, next to those of the paper."""
    pairs = sum((clip.all_frames or 0) * len(clip.objects) for clip in clips)
    objects = sum(len(clip.objects) for clip in clips)
    stages = [clip.seconds_per_stage or {} for clip in clips]

    def total(stage: str) -> float:
        return sum(seconds.get(stage, 0.0) for seconds in stages)

    rows = [
        (
            stage,
            role,
            f"{total(stage) / pairs:.4f}",
            f"{TABLE_3[stage]:.2f}" if stage in TABLE_3 else "",
        )
        for stage, role in _ROLES.items()
    ]
    tracking = sum(map(total, _ROLES))
    rows.append(("all of these", "", f"{tracking / pairs:.4f}", f"{sum(TABLE_3.values()):.2f}"))
    with_fit = (total("fit") + tracking) / pairs
    rows.append(("with learning spread over the frames", "", f"{with_fit:.4f}", "about 10"))
    return "\n\n".join(
        (
            "## Table 3: seconds per frame and object",
            markdown_table(("stage", "what it is", "ours, s", "the paper, s"), rows),
            f"Ours: wall-clock time of the full configuration, {pairs} frames times objects, on "
            f"this machine; learning takes {total('fit') / objects:.2f} s an object. The paper: a "
            "Titan X.",
        )
    )


def _row(scores: dict[str, float]) -> list[str]:
    return [f"{scores[key]:.3f}" for key in SCORES]
