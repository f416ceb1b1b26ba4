"""`rotoline train fast`, `regions`, `paper-foreground`, `paper-spn` and `pack`."""

import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rotoline.cli.options import EvenWeights, OddWeights
from rotoline.wording import counted

if TYPE_CHECKING:
    from rotoline.training.session import Recipe

STEPS_BETWEEN_LINES = 50

Data = Annotated[
    Path,
    typer.Option(
        help="The training data, laid out as in docs/how-to/train.md.", show_default=False
    ),
]
Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        help="Folder for log, checkpoint and weights; a training with a checkpoint there resumes.",
        show_default=False,
    ),
]
LeaveOut = Annotated[
    str,
    typer.Option(
        help="Names of video sequences to leave out, separated by commas; or 'odd' or 'even' for "
        "that half of DAVIS-2016 train, 'development' for the development split."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="One setting, such as steps=6000 or crop.height=240; may be repeated."
    ),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option(help="Where the networks are trained; auto: on a GPU if there is one."),
]
FastStart = Annotated[
    Path | None,
    typer.Option(help="Weights to start from; by default, the backbone has ImageNet weights."),
]
RegionData = Annotated[
    Path | None,
    typer.Option(help="The training data, laid out as in docs/how-to/train.md."),
]
Samples = Annotated[
    list[Path] | None,
    typer.Option(
        help="Instead of --data: the samples.safetensors of an earlier run; may be repeated. Of "
        "the settings, only the seed counts then."
    ),
]
RegionOutput = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        help="Folder for the weights, the report and the samples.",
        show_default=False,
    ),
]
RegionWeights = Annotated[
    Path,
    typer.Option(
        help="Weights of the preset fast, which are written again with new numbers.",
        show_default=False,
    ),
]
MapsWeights = Annotated[
    Path | None,
    typer.Option(
        help="Weights whose network makes the maps; by default those of --weights. Better are "
        "weights that were not trained on the same videos."
    ),
]
RegionSettings = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, such as sequences=90; may be repeated."),
]
ForegroundStart = Annotated[
    str,
    typer.Option(
        help="Weights to start from: a name from `rotoline weights list`, a weights file, or "
        "'nothing' for random weights."
    ),
]
SpnStart = Annotated[
    str,
    typer.Option(
        help="Weights that the encoder starts from: a name from `rotoline weights list`, a weights "
        "file, or 'nothing' for random weights."
    ),
]
UpsamplerWeights = Annotated[
    Path, typer.Option("--weights", help="Weights that get the upsampler.", show_default=False)
]
UpsamplerOutput = Annotated[
    Path,
    typer.Option("--output", "-o", help="Folder for the weights.", show_default=False),
]
Foreground = Annotated[
    Path,
    typer.Option(help="Weights from `rotoline train paper-foreground`.", show_default=False),
]


def fast(
    data: Data,
    output: Output,
    leave_out: LeaveOut = "",
    start: FastStart = None,
    device: Device = "auto",
    settings: Settings = None,
) -> None:
    """Train the networks of the preset fast; run the command again to resume.

    Writes OUTPUT/log.jsonl, OUTPUT/checkpoint-*.safetensors, and at the end OUTPUT/fast.safetensors
    with its record. For several processes: torchrun --nproc-per-node N -m rotoline -- train fast
    """
    from rotoline.config import read_config
    from rotoline.training.fast import FastRecipe, FastTraining

    chosen = read_config(FastTraining(), None, settings or [])
    losses = ("classifier", "refined", "propagated")
    _train(FastRecipe(chosen, start), data, output, leave_out, device, losses)


def regions(  # noqa: PLR0913 - one parameter an option
    weights: RegionWeights,
    output: RegionOutput,
    data: RegionData = None,
    samples: Samples = None,
    maps_weights: MapsWeights = None,
    leave_out: LeaveOut = "",
    settings: RegionSettings = None,
) -> None:
    """Learn the numbers of the region filter of the preset fast.

    Writes OUTPUT/NAME.safetensors, named like the file of --weights: its network with the new
    numbers and its record; OUTPUT/regions.md, a report on the numbers; and, with --data,
    OUTPUT/samples.safetensors, the samples. Nothing is written before all sequences are tracked.
    """
    from rotoline.cli.terminal import Unit, console, show_progress
    from rotoline.config import read_config
    from rotoline.data.splits import sequences_of
    from rotoline.training.regions import (
        REPORT_NAME,
        RegionInputs,
        RegionTraining,
        train_regions,
    )

    chosen = read_config(RegionTraining(), None, settings or [])
    inputs = RegionInputs(
        weights, data, tuple(samples or ()), maps_weights, sequences_of(leave_out)
    )
    steps = train_regions(inputs, output, chosen, command=_command())
    show_progress(steps, Unit("sequences", 1, 0))
    out = console()
    out.print((output / REPORT_NAME).read_text(encoding="utf-8"), soft_wrap=True)
    out.print(f"{output / weights.name} is ready", soft_wrap=True)


def upsampler(  # noqa: PLR0913 - one parameter an option
    data: Data,
    weights: UpsamplerWeights,
    odd_weights: OddWeights,
    even_weights: EvenWeights,
    output: UpsamplerOutput,
    leave_out: LeaveOut = "",
    settings: Settings = None,
) -> None:
    """Learn the upsampler of the preset fast, which corrects masks near their borders.

    Every sequence is segmented by the weights that have not seen it. Writes
    OUTPUT/NAME.safetensors, named like the file of --weights: its network with the new upsampler,
    and its record.
    """
    from rotoline.cli.terminal import Unit, console, show_progress
    from rotoline.config import read_config
    from rotoline.data.splits import sequences_of
    from rotoline.training.upsampler import (
        UpsamplerInputs,
        UpsamplerTraining,
        train_upsampler,
    )

    chosen = read_config(UpsamplerTraining(), None, settings or [])
    inputs = UpsamplerInputs(data, weights, odd_weights, even_weights, sequences_of(leave_out))
    steps = train_upsampler(inputs, output, chosen, command=_command())
    show_progress(steps, Unit("steps", 1, 0))
    console().print(f"{output / weights.name} is ready", soft_wrap=True)


def paper_foreground(
    data: Data,
    output: Output,
    leave_out: LeaveOut = "",
    start: ForegroundStart = "resnet101-imagenet",
    device: Device = "auto",
    settings: Settings = None,
) -> None:
    """Train the foreground network of the preset paper; run the command again to resume.

    Writes OUTPUT/log.jsonl, OUTPUT/checkpoint-*.safetensors, and at the end
    OUTPUT/foreground.safetensors with its record. The defaults are the schedule of the paper. For
    several GPUs or processes: torchrun --nproc-per-node N -m rotoline -- train paper-foreground
    """
    from rotoline.config import read_config
    from rotoline.training.paper_foreground import ForegroundRecipe, ForegroundTraining

    chosen = read_config(ForegroundTraining(), None, settings or [])
    _train(ForegroundRecipe(chosen, _find(start)), data, output, leave_out, device)


def paper_spn(  # noqa: PLR0913 - one parameter an option
    data: Data,
    output: Output,
    foreground: Foreground,
    leave_out: LeaveOut = "",
    start: SpnStart = "vgg16-imagenet",
    device: Device = "auto",
    settings: Settings = None,
) -> None:
    """Train the propagation network of the preset paper; run the command again to resume.

    Writes OUTPUT/log.jsonl, OUTPUT/checkpoint-*.safetensors, and at the end
    OUTPUT/paper.safetensors with its record: both networks, for rotoline segment --preset paper
    --weights. For several GPUs or processes: torchrun --nproc-per-node N -m rotoline -- train
    paper-spn
    """
    from rotoline.config import read_config
    from rotoline.training.paper_spn import PretrainedWeights, SpnRecipe, SpnTraining

    chosen = read_config(SpnTraining(), None, settings or [])
    recipe = SpnRecipe(chosen, PretrainedWeights(foreground, _find(start)))
    _train(recipe, data, output, leave_out, device)


def pack(
    data: Data,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the files.", show_default=False)
    ],
    part_size: Annotated[float, typer.Option(metavar="MiB", help="Largest size of a file.")] = 60.0,
) -> None:
    """Pack training data into a few small files, to send it to another machine.

    Writes OUTPUT/video-1.zip, OUTPUT/stills-1.zip and so on: the pictures at the size that the
    training of the preset fast uses, and their masks. There, unpack every file into one folder,
    which is the --data of the training: python -m zipfile -e video-1.zip DATA
    """
    from rotoline.cli.terminal import console
    from rotoline.data.packing import pack as write_parts

    for part in write_parts(data, output, part_size):
        console().print(f"{part.path}: {counted(part.pictures, 'picture')}", soft_wrap=True)


def _find(start: str) -> Path | None:
    from rotoline.weights.download import find_weights

    return None if start == "nothing" else find_weights(start)


def _command() -> str:
    """The command that the user typed, for the record."""
    return " ".join(["rotoline", *sys.argv[1:]])


def _train(
    recipe: "Recipe[Any]",
    data: Path,
    output: Path,
    leave_out: str,
    device: Literal["auto", "cpu", "cuda"],
    losses: Collection[str] = ("loss",),
) -> None:
    """Run a training, and print its losses every `STEPS_BETWEEN_LINES` steps."""
    from rotoline.cli.terminal import console
    from rotoline.data.splits import sequences_of
    from rotoline.training.distributed import process_rank
    from rotoline.training.session import train

    names = sequences_of(leave_out)
    out, rank = console(), 0
    records = train(recipe, data, output, leave_out=names, device=device, command=_command())
    for record in records:
        rank = process_rank()
        if record["step"] % STEPS_BETWEEN_LINES == 0 and rank == 0:
            terms = ", ".join(f"{name} {record[name]:.3f}" for name in losses)
            seconds = record["seconds"]
            out.print(f"step {record['step']}/{recipe.settings.steps}: {terms}, {seconds:.2f} s")
    if rank == 0:
        out.print(f"{output / recipe.file_name} is ready", soft_wrap=True)
