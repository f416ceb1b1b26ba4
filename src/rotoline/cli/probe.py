"""`rotoline probe`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from rotoline.cli.options import Stream

File = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A video, a folder of pictures, a stack, or a mask."),
]
Decode = Annotated[
    bool,
    typer.Option("--decode", help="Decode all frames of a video, to count them and find damage."),
]
OfVideo = Annotated[
    Path | None,
    typer.Option(
        "--video",
        help="The video or folder that a mask belongs to, to say which frame it marks.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def probe(
    file: File,
    stream: Stream = None,
    video: OfVideo = None,
    *,
    decode: Decode = False,
    as_json: Json = False,
) -> None:
    """Say what a video, a folder of frames or a mask is, how it is read, and why it is refused.

    Of a video: its streams, which one is taken and why, frames, times, rotation, shape of the
    pixels, and damage. Of a folder: sizes, gaps in the numbers, what is skipped. Of a mask: its
    ids and how many pixels each has.
    """
    import json
    import sys

    from rich.table import Table

    from rotoline.cli.terminal import console
    from rotoline.io.probe import probe as probe_file

    report = probe_file(file, decode=decode, stream=stream, video=video)
    if as_json:
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
        return
    table = Table(show_header=False, box=None)
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in _lines(report):
        table.add_row(name, value)
    console().print(table)


def _lines(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The fields that say something, as text."""
    for key, value in report.items():
        name = key.replace("_", " ")
        if key == "problem" and value is None and report.get("decoded"):
            value = "none found"
        if value is None or value in ([], {}):
            continue
        if isinstance(value, list) and isinstance(value[0], dict):
            for number, one in enumerate(value):
                known = [f"{k}: {_text(v)}" for k, v in one.items() if v is not None]
                yield name if number == 0 else "", ", ".join(known or ["-"])
        else:
            yield name, _text(value)


def _text(value: Any) -> str:
    """One value: yes or no, a size, or several items."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {one}" for key, one in value.items())
    if isinstance(value, list) and all(isinstance(one, int) for one in value) and len(value) == 2:
        return f"{value[0]} x {value[1]}"
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)
