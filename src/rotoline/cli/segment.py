"""`rotoline segment`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from rotoline.cli.options import (
    WRITTEN_BY_DEFAULT,
    Budget,
    Config,
    Formats,
    GreyRange,
    Output,
    Preset,
    Sandbox,
    Settings,
    Steps,
    Stream,
    Tune,
    Weights,
    configure,
)

Video = Annotated[Path, typer.Argument(help="A video file, or a folder of pictures.")]
Masks = Annotated[
    Path,
    typer.Option(
        help="A mask, or a folder of masks, named after their frames; a single mask of any other "
        "name marks the first frame.",
        show_default=False,
    ),
]


def segment(  # noqa: PLR0913 (each is an option)
    video: Video,
    masks: Masks,
    output: Output,
    preset: Preset = "fast",
    weights: Weights = None,
    steps: Steps = None,
    budget: Budget = None,
    tune: Tune = None,
    config: Config = None,
    settings: Settings = None,
    formats: Formats = WRITTEN_BY_DEFAULT,
    stream: Stream = None,
    grey_range: GreyRange = None,
    *,
    sandbox: Sandbox = False,
) -> None:
    """Segment every annotated object in every frame of a video.

    Writes OUTPUT/masks/<frame>.png and OUTPUT/overlay.mp4, or the formats that --format names, and
    OUTPUT/run.json.
    """
    from rotoline.cli.terminal import console, print_warning, report_learning, show_progress
    from rotoline.io.run_record import read_run_record
    from rotoline.io.writers import find_writer
    from rotoline.run import segment_to_folder

    progress = segment_to_folder(
        video,
        masks,
        output,
        weights=weights,
        config=configure(preset, config, settings, steps, budget, tune),
        command=["rotoline", *sys.argv[1:]],
        formats=formats,
        stream=stream,
        grey_range=grey_range,
        sandbox=sandbox,
        report=report_learning(),
    )
    try:
        last = show_progress(progress)
    except KeyboardInterrupt:
        progress.close()
        done = read_run_record(output).get("frames", 0)
        kept = f"{done} finished masks are in {output}" if done else "nothing was written"
        print_warning(f"stopped; {kept}")
        raise typer.Exit(130) from None
    written = ", ".join(find_writer(name).target for name in dict.fromkeys(formats))
    console().print(f"{last.done} frames segmented; {output} holds {written}", soft_wrap=True)
