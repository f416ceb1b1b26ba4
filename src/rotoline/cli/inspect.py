"""`rotoline inspect`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rotoline.cli.options import (
    Budget,
    Colours,
    Complete,
    Config,
    End,
    Every,
    FirstNumber,
    GreyRange,
    Precision,
    Preset,
    Sandbox,
    Settings,
    Start,
    Steps,
    Stream,
    Tune,
    Weights,
    configure,
)
from rotoline.cli.segment import Masks, Video

if TYPE_CHECKING:
    from rich.table import Table

FrameName = Annotated[
    str,
    typer.Option(
        "--frame", help="The frame: its name, or its index counted from 0.", show_default=False
    ),
]
Sheet = Annotated[
    Path, typer.Option("--output", "-o", help="Where the sheet is written: .png, .jpg or .webp.")
]


def inspect(  # noqa: PLR0913 (each is an option)
    video: Video,
    masks: Masks,
    frame: FrameName,
    output: Sheet = Path("sheet.png"),
    preset: Preset = "fast",
    weights: Weights = None,
    steps: Steps = None,
    budget: Budget = None,
    tune: Tune = None,
    precision: Precision = None,
    config: Config = None,
    settings: Settings = None,
    stream: Stream = None,
    grey_range: GreyRange = None,
    start: Start = None,
    end: End = None,
    every: Every = 1,
    first_number: FirstNumber = 0,
    complete: Complete = None,
    *,
    colours: Colours = False,
    sandbox: Sandbox = False,
) -> None:
    """Show the map of every stage for each object in one frame, to see where a result comes from.

    Segments the clip up to that frame. Writes one sheet, OUTPUT, and a CSV file with its numbers:
    the area of each map above the background threshold, the mean score there, the highest score,
    the fraction of the previous frame's mask that is kept, and the number of pixels outside that
    mask. With the region filter `evidence`, a second CSV file has its decision about every region,
    and what each piece of evidence adds to it.
    """
    from rotoline.cli.terminal import console, print_warning, report_learning, show_progress
    from rotoline.inspection import inspect_to_sheet, regions_file

    try:
        show_progress(
            inspect_to_sheet(
                video,
                masks,
                frame,
                output,
                weights=weights,
                config=configure(preset, config, settings, steps, budget, tune, precision),
                complete=complete or (),
                report=report_learning(),
                stream=stream,
                grey_range=grey_range,
                start=start,
                end=end,
                every=every,
                first_number=first_number,
                colours=colours,
                sandbox=sandbox,
            )
        )
    except KeyboardInterrupt:
        print_warning("stopped; nothing was written")
        raise typer.Exit(130) from None
    numbers = output.with_suffix(".csv")
    console().print(_table_of(numbers))
    written = [str(output), str(numbers)]
    if (regions := regions_file(output)).is_file():
        console().print(_main_reasons(regions))
        written.append(str(regions))
    console().print(f"written: {', '.join(written)}", soft_wrap=True)


def _table_of(numbers: Path) -> "Table":
    """A CSV file as a table."""
    import csv

    from rich.table import Table

    with numbers.open(newline="") as file:
        header, *rows = csv.reader(file)
    table = Table(*header)
    for row in rows:
        table.add_row(*row)
    return table


def _main_reasons(regions: Path) -> "Table":
    """The decisions of the region filter, with the three strongest reasons of each."""
    import csv

    from rich.table import Table

    table = Table("object_id", "area", "row", "column", "stays", "probability", "main reasons")
    with regions.open(newline="") as file:
        for line in csv.DictReader(file):
            known = [line.pop(name) for name in list(line)[:6]]
            strongest = sorted(line.items(), key=lambda pair: -abs(float(pair[1])))[:3]
            table.add_row(*known, ", ".join(f"{k} {float(v):+.1f}" for k, v in strongest))
    return table
