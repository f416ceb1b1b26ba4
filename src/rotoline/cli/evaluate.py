"""`rotoline evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rotoline.wording import counted

if TYPE_CHECKING:
    from rotoline.metrics import ObjectScores, SequenceScores

Predicted = Annotated[
    Path, typer.Argument(help="A folder of predicted masks, or the output folder of a run.")
]
Truth = Annotated[Path, typer.Option(help="A folder of true masks.", show_default=False)]
EveryFrame = Annotated[
    bool,
    typer.Option("--every-frame", help="Score the first and the last true mask too."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def evaluate(
    predicted: Predicted,
    truth: Truth,
    *,
    every_frame: EveryFrame = False,
    as_json: AsJson = False,
) -> None:
    """Compare masks with true masks: region similarity J, boundary accuracy F, and their mean.

    As in DAVIS, the first and the last frame are not scored, unless --every-frame is given.
    """
    import json

    from rich.table import Table

    from rotoline.cli.terminal import console
    from rotoline.evaluation.folders import evaluate_folders

    scores = evaluate_folders(predicted, truth, every_frame=every_frame)
    frames = len(scores.objects[0].frames)
    if as_json:
        objects = [{"object": str(o.object_id), **_values(o)} for o in scores.objects]
        whole = {"J&F": scores.j_and_f, **_values(scores), "frames": frames, "objects": objects}
        print(json.dumps(whole))  # noqa: T201
        return
    table = Table("object", "J&F", "J", "F", "J recall", "F recall", "J decay", "F decay")
    rows: list[tuple[str, ObjectScores | SequenceScores]] = [
        (str(o.object_id), o) for o in scores.objects
    ]
    for name, row in [*rows, ("mean", scores)]:
        table.add_row(name, *(f"{x:.3f}" for x in (row.j_and_f, *_values(row).values())))
    console().print(table)
    console().print(f"{counted(frames, 'frame')} scored")


def _values(scores: "ObjectScores | SequenceScores") -> dict[str, float]:
    """The six numbers of an object or of a whole sequence, in the order of the table."""
    j, f = scores.j, scores.f
    return {
        "J": j.mean,
        "F": f.mean,
        "J_recall": j.recall,
        "F_recall": f.recall,
        "J_decay": j.decay,
        "F_decay": f.decay,
    }
