"""`rotoline weights`: fetch, list, convert, average."""

from pathlib import Path
from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(help="One of the names that `rotoline weights list` shows.")]
Folder = Annotated[
    Path | None, typer.Option(help="Folder of fetched weights; ~/.cache/rotoline by default.")
]
Old = Annotated[
    Path, typer.Argument(help="A .safetensors file of rotoline 0.1, with its .json record.")
]
Files = Annotated[
    list[Path], typer.Argument(help="Two .safetensors files or more, each with its .json record.")
]
Output = Annotated[
    Path,
    typer.Option("--output", "-o", help="The .safetensors file to write, which must not exist."),
]
New = Annotated[Path, typer.Argument(help="The .safetensors file to write, which must not exist.")]


def fetch(name: Name, folder: Folder = None) -> None:
    """Download published weights, check and convert them; run it again to resume.

    Writes FOLDER/NAME.safetensors and its record NAME.json. Does nothing if they exist already.
    """
    from rotoline.cli.terminal import MEGABYTES, console, print_warning, show_progress
    from rotoline.weights.download import fetch, find_published, weights_folder, weights_path

    folder = weights_folder() if folder is None else folder
    entry = find_published(name)
    try:
        last = show_progress(fetch(entry, folder), MEGABYTES)
    except KeyboardInterrupt:
        print_warning("stopped; run the same command again to go on from there")
        raise typer.Exit(130) from None
    known = "is there already" if last.stage == "present" else "is ready"
    out = console()
    out.print(f"{weights_path(name, folder)} {known}", soft_wrap=True)
    out.print(f"licence: {entry.licence}. {entry.source}", soft_wrap=True)


def list_(folder: Folder = None) -> None:
    """List the published weights, and which of them have been fetched."""
    from rich.table import Table

    from rotoline.cli.terminal import console
    from rotoline.weights.download import is_fetched, weights_folder
    from rotoline.weights.pretrained import read_registry

    folder = weights_folder() if folder is None else folder
    table = Table("name", "MB", "licence", "fetched", box=None)
    for name, entry in read_registry().items():
        there = "yes" if is_fetched(name, folder) else "no"
        table.add_row(name, f"{entry.bytes / 1e6:.0f}", entry.licence, there)
    out = console()
    out.print(table)
    out.print(f"folder of fetched weights: {folder}", soft_wrap=True)


def convert(old: Old, new: New) -> None:
    """Convert a weights file of rotoline 0.1 to the names of this version; no number changes.

    Writes NEW and its record, which has the SHA-256 of OLD. OLD is not changed.
    """
    from rotoline.cli.terminal import console
    from rotoline.weights.convert import convert_weights

    record = convert_weights(old, new)
    out = console()
    out.print(f"{new} is ready, SHA-256 {record.sha256}", soft_wrap=True)


def average(files: Files, output: Output) -> None:
    """Write the mean of the weights of several trainings that started from the same weights.

    Writes OUTPUT and its record, which has the SHA-256 of all files.
    """
    from rotoline.cli.terminal import console
    from rotoline.weights.averaging import average_weights

    record = average_weights(files, output)
    out = console()
    out.print(f"{output} is ready, SHA-256 {record.sha256}", soft_wrap=True)
