"""`rotoline demo`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from rotoline.cli.options import Tune, configure

Output = Annotated[Path, typer.Option("--output", "-o", help="A new folder for the results.")]


def demo(output: Output = Path("demo-output"), tune: Tune = None) -> None:
    """Segment the bundled clip and measure the result.

    Writes masks, an overlay video, a contact sheet and a report.
    """
    from rich.markdown import Markdown

    from rotoline.cli.terminal import console, report_learning, show_progress
    from rotoline.demo import REPORT, SHEET, run_demo

    config = configure("fast", None, None, tune=tune)
    command = ["rotoline", *sys.argv[1:]]
    show_progress(run_demo(output, command, config, report=report_learning()))
    console().print(Markdown((output / REPORT).read_text(encoding="utf-8")))
    console().print(
        f"To see the result, open {output / SHEET}; {output} also holds masks and an overlay video",
        soft_wrap=True,
    )
