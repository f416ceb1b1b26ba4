"""`rotoline segment`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

Video = Annotated[Path, typer.Argument(help="A video file, or a folder of images.")]
Masks = Annotated[
    Path,
    typer.Option(
        help="A mask of the first frame, or a folder of masks named after their frames.",
        show_default=False,
    ),
]
Output = Annotated[Path, typer.Option(help="A new folder for the results.", show_default=False)]
Weights = Annotated[Path | None, typer.Option(help="Your own weights; the shipped ones otherwise.")]
Config = Annotated[
    Path | None, typer.Option(help="Settings: a TOML file, or the run.json of a run to repeat.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, such as regions.threshold=0.4; may be repeated."),
]


def segment(
    video: Video,
    masks: Masks,
    output: Output,
    weights: Weights = None,
    config: Config = None,
    settings: Settings = None,
) -> None:
    """Return every marked object's mask in every frame of a video.

    Writes OUTPUT/masks/<frame>.png, OUTPUT/overlay.mp4 and OUTPUT/run.json.
    """
    from rotoline.cli.terminal import console, print_warning, show_progress
    from rotoline.config import read_config
    from rotoline.presets import FAST
    from rotoline.run import segment_to_folder

    steps = segment_to_folder(
        video,
        masks,
        output,
        weights=weights,
        config=read_config(FAST, config, settings or []),
        command=["rotoline", *sys.argv[1:]],
    )
    done = 0
    try:
        for step in show_progress(steps):
            done = step.done if step.stage == "segmenting" else done
    except KeyboardInterrupt:
        steps.close()
        done = len(list((output / "masks").glob("*.png")))
        print_warning(f"stopped; {done} finished masks are in {output / 'masks'}")
        raise typer.Exit(130) from None
    console().print(f"{done} masks in {output / 'masks'}, and {output / 'overlay.mp4'}")
