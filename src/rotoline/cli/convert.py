"""`rotoline convert`."""

from pathlib import Path
from typing import Annotated

import typer

from rotoline.cli.options import Colours, Output

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
        metavar="[png|youtube-vis|coco|labelme|cvat|tracks|mot|mots]",
        help="The format to write; repeatable.",
        show_default=False,
    ),
]
Frames = Annotated[
    Path | None,
    typer.Option(
        help="The video or folder of pictures that the masks belong to: for the numbers, times and "
        "file names of frames that masks alone do not tell.",
        show_default=False,
    ),
]
Video = Annotated[
    str | None,
    typer.Option(help="The video that is meant, in a file of several.", show_default=False),
]


def convert(
    source: Source,
    to: To,
    output: Output,
    frames: Frames = None,
    video: Video = None,
    *,
    colours: Colours = False,
) -> None:
    """Write masks of one format in another.

    Exactly, with the same object ids where they can be: what each format loses, and which object
    becomes which id, is said.
    """
    from rotoline.cli.terminal import console, print_warning, show_progress
    from rotoline.io.conversion import convert_masks
    from rotoline.io.writers import find_writer

    last = show_progress(
        convert_masks(
            source, to, output, clip=frames, video=video, colours=colours, warn=print_warning
        )
    )
    written = ", ".join(find_writer(name).target for name in dict.fromkeys(to))
    console().print(f"{last.done} frames converted; {output} holds {written}", soft_wrap=True)
