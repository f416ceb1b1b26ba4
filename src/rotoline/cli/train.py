"""`rotoline train embedding`, `foreground` and `propagation`."""

import sys
from collections.abc import Iterator
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
NamedStart = Annotated[
    str,
    typer.Option(
        help="What to go on from: a name from `rotoline weights list`, a weights file, or "
        "'nothing'."
    ),
]

EncoderStart = Annotated[
    str,
    typer.Option(
        help="What the encoder starts from: a name from `rotoline weights list`, a weights file, "
        "or 'nothing'."
    ),
]
Foreground = Annotated[
    Path, typer.Option(help="Weights that `rotoline train foreground` made.", show_default=False)
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
    with its record. On several processes: torchrun --nproc-per-node N -m rotoline -- train ...
    """
    from rotoline.config import read_config
    from rotoline.training.fast import FastTraining, train_to_folder

    config = read_config(FastTraining(), None, settings or [])
    records = train_to_folder(
        data, output, config, leave_out=_names(leave_out), start=start, command=_command()
    )
    _show(records, config.steps, ("rule", "fused", "propagated"))


def foreground(
    data: Data,
    output: Output,
    leave_out: LeaveOut = "",
    start: NamedStart = "resnet101-imagenet",
    settings: Settings = None,
) -> None:
    """Train the generic foreground network of the paper preset; run it again to resume.

    Writes OUTPUT/log.jsonl, OUTPUT/checkpoint.safetensors, and at the end
    OUTPUT/foreground.safetensors with its record. The defaults are the paper's schedule. On several
    GPUs or processes: torchrun --nproc-per-node N -m rotoline -- train ...
    """
    from rotoline.config import read_config
    from rotoline.weights.download import find_weights
    from rotoline.training.paper_foreground import ForegroundTraining, train_to_folder

    config = read_config(ForegroundTraining(), None, settings or [])
    records = train_to_folder(
        data,
        output,
        config,
        leave_out=_names(leave_out),
        start=None if start == "nothing" else find_weights(start),
        command=_command(),
    )
    _show(records, config.steps, ("loss",))


def propagation(
    data: Data,
    output: Output,
    foreground: Foreground,
    leave_out: LeaveOut = "",
    start: EncoderStart = "vgg16-imagenet",
    settings: Settings = None,
) -> None:
    """Train the propagation network of the paper preset; run it again to resume.

    Writes OUTPUT/log.jsonl, OUTPUT/checkpoint.safetensors, and at the end OUTPUT/paper.safetensors
    with its record: both networks, ready for `rotoline segment --preset paper --weights`. On
    several GPUs or processes: torchrun --nproc-per-node N -m rotoline -- train ...
    """
    from rotoline.config import read_config
    from rotoline.weights.download import find_weights
    from rotoline.training.paper_spn import PropagationTraining, Start, train_to_folder

    config = read_config(PropagationTraining(), None, settings or [])
    encoder = None if start == "nothing" else find_weights(start)
    records = train_to_folder(
        data,
        output,
        config,
        leave_out=_names(leave_out),
        start=Start(foreground, encoder),
        command=_command(),
    )
    _show(records, config.steps, ("loss",))


def _names(leave_out: str) -> tuple[str, ...]:
    from rotoline.data.training_clips import DEVELOPMENT_SPLIT

    return DEVELOPMENT_SPLIT if leave_out == "development" else tuple(leave_out.split(","))


def _command() -> str:
    return " ".join(["rotoline", *sys.argv[1:]])


def _show(records: Iterator[dict], steps: int, names: tuple[str, ...]) -> None:
    from rotoline.cli.terminal import console
    from rotoline.training.distributed import process_rank

    out = console()
    for record in records:
        if record["step"] % 50 == 0 and process_rank() == 0:
            losses = ", ".join(f"{name} {record[name]:.3f}" for name in names)
            out.print(f"step {record['step']}/{steps}: {losses}, {record['seconds']:.2f} s")
