"""`rotoline export`."""

from pathlib import Path
from typing import Annotated

import typer

from rotoline.io.writers import WRITERS
from rotoline.wording import counted

Run = Annotated[Path, typer.Argument(help="The output folder of rotoline segment.")]
Formats = Annotated[
    list[str],
    typer.Option(
        "--to",
        metavar="FORMAT[,FORMAT...]",
        help=f"The formats to write: {', '.join(WRITERS)}.",
        show_default=False,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="The folder for the files. By default RUN.", show_default=False
    ),
]
Video = Annotated[
    Path | None,
    typer.Option(help="Where the video is now, if it was moved since.", show_default=False),
]
Soft = Annotated[
    bool,
    typer.Option(
        "--soft", help="Edges as soft as the scores, which --format scores saved, in alpha."
    ),
]
Background = Annotated[
    str | None,
    typer.Option(
        metavar="blur|#RRGGBB",
        help="What cutout-video shows behind the objects. By default the frame, blurred.",
        show_default=False,
    ),
]


def export(
    run: Run,
    to: Formats,
    output: Output = None,
    video: Video = None,
    *,
    soft: Soft = False,
    background: Background = None,
) -> None:
    """Write finished results in the formats of other programs.

    Reads the frames and the masks once, for all formats. Nothing is written over other files.
    """
    from rotoline.cli.terminal import console, print_warning, show_progress
    from rotoline.export import export_run
    from rotoline.io.writers import find_writer

    formats = [name.strip() for part in to for name in part.split(",") if name.strip()]
    options: dict[str, object] = {"soft": True} if soft else {}
    if background is not None:
        options["background"] = background
    progress = export_run(run, formats, output=output, video=video, options=options)
    try:
        last = show_progress(progress)
    except KeyboardInterrupt:
        progress.close()
        print_warning("stopped; nothing was written")
        raise typer.Exit(130) from None
    written = ", ".join(find_writer(name).target for name in dict.fromkeys(formats))
    folder = run if output is None else output
    console().print(
        f"{counted(last.done, 'frame')} exported; {folder} holds {written}", soft_wrap=True
    )
