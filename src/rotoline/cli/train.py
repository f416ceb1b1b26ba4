"""`rotoline train embedding`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path, typer.Option(help="The training data, laid out as in docs/training.md.")]
Output = Annotated[Path, typer.Option(help="For checkpoint, log and weights; resumed if begun.")]
LeaveOut = Annotated[
    str,
    typer.Option(help="Sequences not to learn from, by commas; 'development' for that split."),
]
Start = Annotated[
    Path | None,
    typer.Option(help="Weights to go on from; ImageNet weights of the backbone otherwise."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, such as steps=6000 or seed=1; may be repeated."),
]


def embedding(
    data: Data,
    output: Output,
    leave_out: LeaveOut = "",
    start: Start = None,
    settings: Settings = None,
) -> None:
    """Train the networks of the fast preset; run it again to resume.

    Writes OUTPUT/log.jsonl, OUTPUT/checkpoint.safetensors, and at the end OUTPUT/fast.safetensors
    with its record. On several processes: torchrun --nproc-per-node N -m rotoline train ...
    """
    from rotoline.cli.terminal import console
    from rotoline.config import read_config
    from rotoline.training.clips import DEVELOPMENT_SPLIT
    from rotoline.training.embedding import EmbeddingTraining, train_to_folder

    left_out = DEVELOPMENT_SPLIT if leave_out == "development" else tuple(leave_out.split(","))
    config = read_config(EmbeddingTraining(), None, settings or [])
    command = " ".join(["rotoline", *sys.argv[1:]])
    out = console()
    for record in train_to_folder(
        data, output, config, leave_out=left_out, start=start, command=command
    ):
        if record["step"] % 50 == 0:
            losses = ", ".join(f"{k} {record[k]:.3f}" for k in ("rule", "fused", "propagated"))
            out.print(f"step {record['step']}/{config.steps}: {losses}, {record['seconds']:.2f} s")
