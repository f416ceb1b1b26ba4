"""`rotoline segment`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rotoline.cli.options import (
    WRITTEN_BY_DEFAULT,
    Budget,
    Colours,
    Complete,
    Config,
    End,
    Every,
    FirstNumber,
    Formats,
    GreyRange,
    Output,
    Precision,
    Preset,
    Sandbox,
    Settings,
    Start,
    Steps,
    Stream,
    Strict,
    Tune,
    Weights,
    configure,
)
from rotoline.wording import counted

if TYPE_CHECKING:
    from rotoline.runtime.progress import Progress

Video = Annotated[Path, typer.Argument(help="A video file, or a folder of pictures.")]
Masks = Annotated[
    Path,
    typer.Option(
        help="A mask, or a folder of masks, named after their frames; a single mask of any other "
        "name marks the first frame. Or annotations of COCO, YouTube-VIS, labelme (.json) or CVAT "
        "for video (.xml).",
        show_default=False,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with a run in OUTPUT that was stopped or killed, or ran out of disk; with the "
        "same inputs and options.",
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace what another run has written into OUTPUT, once the first new mask is ready.",
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
    precision: Precision = None,
    config: Config = None,
    settings: Settings = None,
    formats: Formats = WRITTEN_BY_DEFAULT,
    stream: Stream = None,
    grey_range: GreyRange = None,
    start: Start = None,
    end: End = None,
    every: Every = 1,
    first_number: FirstNumber = 0,
    complete: Complete = None,
    *,
    strict: Strict = False,
    colours: Colours = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
    sandbox: Sandbox = False,
) -> None:
    """Segment every annotated object in every frame of a video.

    Writes OUTPUT/masks/<frame>.png and OUTPUT/overlay.mp4, or the formats that --format names, and
    OUTPUT/run.json.
    """
    from rotoline.cli.terminal import print_warning, report_learning, show_progress
    from rotoline.run import segment_to_folder

    progress = segment_to_folder(
        video,
        masks,
        output,
        weights=weights,
        config=configure(preset, config, settings, steps, budget, tune, precision),
        command=["rotoline", *sys.argv[1:]],
        formats=formats,
        complete=complete or (),
        is_strict=strict,
        report=report_learning(),
        stream=stream,
        grey_range=grey_range,
        start=start,
        end=end,
        every=every,
        first_number=first_number,
        colours=colours,
        resume=resume,
        overwrite=overwrite,
        sandbox=sandbox,
    )
    try:
        last = show_progress(progress)
    except KeyboardInterrupt:
        progress.close()
        print_warning(f"stopped; {_kept(output)}; the same command with --resume goes on")
        raise typer.Exit(130) from None
    _report(output, last, formats)


def _report(output: Path, last: "Progress", formats: list[str]) -> None:
    """Say what was written."""
    from rotoline.cli.terminal import console
    from rotoline.io.writers import find_writer

    written = ", ".join(find_writer(name).target for name in dict.fromkeys(formats))
    done = counted(last.done, "frame")
    console().print(f"{done} segmented; {output} holds {written}", soft_wrap=True)


def _kept(output: Path) -> str:
    """What is left of a run that was stopped, in words."""
    from rotoline.io.run_record import read_run_record

    done = read_run_record(output).get("frames", 0)
    return f"{done} finished masks are in {output}" if done else "no mask was finished"
