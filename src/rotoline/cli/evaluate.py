"""`rotoline evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

Predicted = Annotated[Path, typer.Argument(help="A folder of predicted masks.")]
Truth = Annotated[Path, typer.Option(help="A folder of true masks.", show_default=False)]
EveryFrame = Annotated[
    bool,
    typer.Option("--every-frame", help="Score the first and the last true mask too."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def evaluate(
    predicted: Predicted, truth: Truth, every_frame: EveryFrame = False, as_json: AsJson = False
) -> None:
    """Compare masks with the truth: region similarity J, boundary accuracy F, and their mean.

    As in DAVIS the first and the last frame are not scored, unless --every-frame is given.
    """
    import json

    from rich.table import Table

    from rotoline.cli.terminal import console
    from rotoline.evaluation.folders import evaluate_folders

    scores = evaluate_folders(predicted, truth, every_frame=every_frame)
    rows = [
        (str(o.object_id), o.j_mean, o.f_mean, o.j_recall, o.f_recall, o.j_decay, o.f_decay)
        for o in scores.objects
    ]
    mean = (scores.j, scores.f, scores.j_recall, scores.f_recall, scores.j_decay, scores.f_decay)
    if as_json:
        keys = ("object", "J", "F", "J_recall", "F_recall", "J_decay", "F_decay")
        whole = {"J&F": scores.j_and_f, **dict(zip(keys[1:], mean, strict=True))}
        whole["frames"] = len(scores.objects[0].frames)
        whole["objects"] = [dict(zip(keys, row, strict=True)) for row in rows]
        print(json.dumps(whole))  # noqa: T201
        return
    table = Table("object", "J&F", "J", "F", "J recall", "F recall", "J decay", "F decay")
    for name, *values in [*rows, ("mean", *mean)]:
        table.add_row(name, *(f"{x:.3f}" for x in ((values[0] + values[1]) / 2, *values)))
    console().print(table)
    console().print(f"{len(scores.objects[0].frames)} frames scored")
