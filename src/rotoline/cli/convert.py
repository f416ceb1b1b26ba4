"""`rotoline convert`."""

from pathlib import Path
from typing import Annotated

import typer

from rotoline.cli.options import Colours, Output
from rotoline.io.writers import MASK_FORMATS
from rotoline.wording import counted

Source = Annotated[
    Path,
    typer.Argument(
        help="A folder of masks, the output folder of a run, or annotations of COCO, YouTube-VIS, "
        "labelme (.json, or a folder) or CVAT for video (.xml)."
    ),
]
To = Annotated[
    list[str],
    typer.Option(
        "--to",
        metavar="FORMAT[,FORMAT...]",
        help=f"The formats to write: {', '.join(MASK_FORMATS)}.",
        show_default=False,
    ),
]
Video = Annotated[
    Path | None,
    typer.Option(
        help="The video or folder of pictures that the masks belong to: for the numbers, times and "
        "file names of frames, which masks alone do not tell.",
        show_default=False,
    ),
]
Sequence = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="The video that is meant, in a file of several.", show_default=False
    ),
]


def convert(
    source: Source,
    to: To,
    output: Output,
    video: Video = None,
    sequence: Sequence = None,
    *,
    colours: Colours = False,
) -> None:
    """Write masks of one format in another.

    Every pixel stays, and object ids where they can be ids: which object becomes which is said.
    """
    from rotoline.cli.terminal import console, print_warning, show_progress
    from rotoline.io.conversion import convert_masks
    from rotoline.io.writers import find_writer

    formats = [name.strip() for part in to for name in part.split(",") if name.strip()]
    progress = convert_masks(
        source,
        formats,
        output,
        video=video,
        sequence=sequence,
        colours=colours,
        warn=print_warning,
    )
    last = show_progress(progress)
    written = ", ".join(find_writer(name).target for name in dict.fromkeys(formats))
    console().print(
        f"{counted(last.done, 'frame')} converted; {output} holds {written}", soft_wrap=True
    )
