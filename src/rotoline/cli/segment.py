"""`rotoline segment`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from rotoline.pipeline import PipelineConfig

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
Preset = Annotated[
    Literal["fast", "paper"],
    typer.Option(
        help="fast: seconds on a CPU. paper: the published system, fine-tuned networks, for a GPU."
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(help="Steps of fine-tuning per object (preset paper); short for adapt.steps."),
]
Budget = Annotated[
    float | None,
    typer.Option(help="Seconds for fine-tuning in all (preset paper); short for adapt.budget."),
]


def segment(  # noqa: PLR0913 (each is an option)
    video: Video,
    masks: Masks,
    output: Output,
    preset: Preset = "fast",
    weights: Weights = None,
    steps: Steps = None,
    budget: Budget = None,
    config: Config = None,
    settings: Settings = None,
) -> None:
    """Return every marked object's mask in every frame of a video.

    Writes OUTPUT/masks/<frame>.png, OUTPUT/overlay.mp4 and OUTPUT/run.json.
    """
    from rotoline.cli.terminal import console, print_warning, report_learning, show_progress
    from rotoline.run import segment_to_folder

    progress = segment_to_folder(
        video,
        masks,
        output,
        weights=weights,
        config=configure(preset, config, settings, steps, budget),
        command=["rotoline", *sys.argv[1:]],
        report=report_learning(),
    )
    done = 0
    try:
        for step in show_progress(progress):
            done = step.done if step.stage == "segmenting" else done
    except KeyboardInterrupt:
        progress.close()
        done = len(list((output / "masks").glob("*.png")))
        print_warning(f"stopped; {done} finished masks are in {output / 'masks'}")
        raise typer.Exit(130) from None
    console().print(f"{done} masks in {output / 'masks'}, and {output / 'overlay.mp4'}")


def configure(
    preset: str,
    file: Path | None,
    settings: list[str] | None,
    steps: int | None = None,
    budget: float | None = None,
) -> "PipelineConfig":
    """The settings of a preset, changed by a file and by options.

    Raises:
        ConfigError: Something is unknown, or is asked of a preset that does not have it.
    """
    from rotoline.config import read_config
    from rotoline.errors import ConfigError
    from rotoline.presets import preset_config

    short = {"steps": steps, "budget": budget}
    given = [f"adapt.{name}={value}" for name, value in short.items() if value is not None]
    if given and preset != "paper":
        raise ConfigError(
            f"the preset {preset} solves its objects in closed form and has no steps or budget; "
            "leave out --steps and --budget, or add --preset paper"
        )
    config = read_config(preset_config(preset), file, [*(settings or []), *given])
    if given and not config.adapt.whole:
        raise ConfigError(
            "solved heads (adapt.whole=false) have no steps or budget; leave out --steps and "
            "--budget, or fine-tune whole networks with adapt.whole=true"
        )
    return config
