"""`rotoline demo`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

Output = Annotated[Path, typer.Option(help="A new folder for the results.")]


def demo(output: Output = Path("demo-output")) -> None:
    """Segment the bundled clip and measure the result.

    Writes masks, an overlay video, a contact sheet and a report.
    """
    from rich.markdown import Markdown

    from rotoline.cli.terminal import console, show_progress
    from rotoline.demo import run_demo

    for _ in show_progress(run_demo(output, ["rotoline", *sys.argv[1:]])):
        pass
    console().print(Markdown((output / "report.md").read_text()))
    console().print(f"Look at {output / 'contact-sheet.png'} and {output / 'overlay.mp4'}")
