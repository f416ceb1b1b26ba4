"""`rotoline weights fetch` and `rotoline weights list`."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from rotoline.weights.download import FetchStep

SECONDS_BETWEEN_LINES = 5.0

Name = Annotated[str, typer.Argument(help="One of the names that `rotoline weights list` shows.")]
Folder = Annotated[
    Path | None, typer.Option(help="Where fetched weights lie; ~/.cache/rotoline by default.")
]


def fetch(name: Name, folder: Folder = None) -> None:
    """Download published weights, check and convert them; run it again to go on.

    Writes FOLDER/NAME.safetensors and its record NAME.json. Does nothing where they are already.
    """
    from rotoline.cli.terminal import console, print_warning
    from rotoline.weights.download import fetch, find_published, weights_folder, weights_path

    folder = weights_folder() if folder is None else folder
    entry = find_published(name)
    step = None
    try:
        for step in _show(fetch(entry, folder)):  # noqa: B007
            pass
    except KeyboardInterrupt:
        print_warning("stopped; run the same command again to go on from there")
        raise typer.Exit(130) from None
    known = "is there already" if step and step.stage == "present" else "is ready"
    out = console()
    out.print(f"{weights_path(name, folder)} {known}", soft_wrap=True, markup=False)
    out.print(f"licence: {entry.licence}. {entry.source}", soft_wrap=True, markup=False)


def list_(folder: Folder = None) -> None:
    """List the published weights that can be fetched, and which of them are there."""
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
    out.print(f"fetched weights lie in {folder}", soft_wrap=True, markup=False)


def _show(steps: Iterable["FetchStep"]) -> Iterator["FetchStep"]:
    """Show a download as a bar on a terminal, as lines elsewhere, and hand its steps on."""
    from rich.console import Console

    out = Console(stderr=True, highlight=False)
    yield from _show_bar(out, steps) if out.is_terminal else _show_lines(out, steps)


def _show_bar(out: "Console", steps: Iterable["FetchStep"]) -> Iterator["FetchStep"]:
    from rich import progress

    columns = (
        progress.TextColumn("{task.description:<11}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task("connecting", total=None)
        for step in steps:
            bar.update(task, description=step.stage, completed=step.done, total=step.total)
            yield step


def _show_lines(out: "Console", steps: Iterable["FetchStep"]) -> Iterator["FetchStep"]:
    stage, last = "", 0.0
    for step in steps:
        now = time.perf_counter()
        if step.stage != stage or now - last > SECONDS_BETWEEN_LINES:
            stage, last = step.stage, now
            size = f": {step.done / 1e6:.1f}/{step.total / 1e6:.1f} MB"
            out.print(stage + (size if stage == "downloading" else ""))
        yield step
