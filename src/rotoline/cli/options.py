"""Options that several commands share, and how they become settings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rotoline.errors import ConfigError
from rotoline.io.writers import DEFAULT_FORMATS, WRITERS

if TYPE_CHECKING:
    from rotoline.systems.protocol import SystemConfig

Output = Annotated[
    Path,
    typer.Option("--output", "-o", help="A new folder for the results.", show_default=False),
]
Preset = Annotated[
    str,
    typer.Option(
        help="The system to run. fast: seconds on a CPU. paper: the published system, fine-tuned "
        "networks, for a GPU."
    ),
]
Weights = Annotated[
    Path | None, typer.Option(help="A weights file to use instead of the one that ships.")
]
Steps = Annotated[
    int | None,
    typer.Option(
        help="Optimiser steps of fine-tuning of each network in the preset paper; short for "
        "learner.steps."
    ),
]
Budget = Annotated[
    float | None,
    typer.Option(
        help="Seconds of fine-tuning in all in the preset paper; short for learner.budget."
    ),
]
Tune = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="How long the network of the preset fast is fine-tuned on the marked frames; 0 for "
        "not at all. By default 5 with one object, 0 with several. Short for tuning.steps: a "
        "second stands for 8 steps on every machine, so that the same number gives the same "
        "result; two CPU cores take one to two seconds for 8 steps.",
        show_default=False,
    ),
]
Precision = Annotated[
    Literal["auto", "float32", "bfloat16"] | None,
    typer.Option(
        help="Precision of the networks' activations. auto, the default: bfloat16 on a GPU, and in "
        "the preset fast on a processor with instructions for it; float32 elsewhere. Short for "
        "precision.",
        show_default=False,
    ),
]
Stream = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        help="The stream to read from a file that holds several, counted from 0 over all its "
        "streams. By default the best video stream.",
        show_default=False,
    ),
]
GreyRange = Annotated[
    tuple[int, int] | None,
    typer.Option(
        metavar="LOW HIGH",
        help="The grey levels that are shown as black and white in grey frames with more than 8 "
        "bits. By default the darkest and the brightest of all frames.",
        show_default=False,
    ),
]
Sandbox = Annotated[
    bool,
    typer.Option(
        "--sandbox",
        help="Decode in a process of its own, with the limits limits.memory and limits.seconds and "
        "few rights, for files from people whom you do not know.",
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        metavar="FRAME|TIME",
        help="The first frame to segment: a frame, by its name or its number (12), or a time since "
        "the first frame (3.5s, 00:01:02.5).",
        show_default=False,
    ),
]
End = Annotated[
    str | None,
    typer.Option(
        metavar="FRAME|TIME",
        help="Where to stop, given like --start. That frame is left out: --start 0 --end 100 are "
        "100 frames.",
        show_default=False,
    ),
]
Every = Annotated[
    int, typer.Option(metavar="N", min=1, help="Segment every N-th frame, from the first one on.")
]
FirstNumber = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        help="The number of the first frame of a video, for the names of its masks and results; "
        "such as 1001.",
    ),
]
Complete = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FRAME|all",
        help="The mask of this frame shows everything there is: objects that it leaves out are "
        "hidden there. Repeatable; all for every mask.",
        show_default=False,
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Treat each warning as an error: before anything is written, or where it is found, "
        "with the finished frames kept.",
    ),
]
Colours = Annotated[
    bool,
    typer.Option(
        "--colours",
        help="Every colour of the masks is an object, and black is background; without it, such "
        "masks are refused.",
    ),
]
Config = Annotated[
    Path | None, typer.Option(help="Settings: a TOML file, or the run.json of a run to repeat.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, such as fuse.background_threshold=0.4; repeatable."),
]
Formats = Annotated[
    list[str],
    typer.Option(
        "--format",
        metavar=f"[{'|'.join(WRITERS)}]",
        help="A format to write instead of the defaults; repeatable.",
    ),
]
WRITTEN_BY_DEFAULT = list(DEFAULT_FORMATS)
OddWeights = Annotated[
    Path,
    typer.Option(
        help="Weights fitted on the odd half of DAVIS-2016 train (--leave-out even).",
        show_default=False,
    ),
]
EvenWeights = Annotated[
    Path,
    typer.Option(
        help="Weights fitted on the even half of DAVIS-2016 train (--leave-out odd).",
        show_default=False,
    ),
]


def configure(  # noqa: PLR0913 - one parameter an option
    preset: str,
    file: Path | None,
    settings: list[str] | None,
    steps: int | None = None,
    budget: float | None = None,
    tune: float | None = None,
    precision: str | None = None,
) -> "SystemConfig":
    """The settings of a preset, changed by a file and by options.

    Raises:
        ConfigError: There is no such preset, or a setting is unknown, out of range or without
            effect.
    """
    from rotoline.config import read_config
    from rotoline.presets import find_preset
    from rotoline.systems.fast import steps_of

    config = find_preset(preset).config
    if tune is not None and "tuning" not in type(config).model_fields:
        raise ConfigError(
            f"--tune is for the preset fast; the preset {preset} always fine-tunes its networks: "
            "give --steps or --budget instead"
        )
    short = {
        "learner.steps": steps,
        "learner.budget": budget,
        "tuning.steps": None if tune is None else steps_of(tune),
        "precision": precision,
    }
    given = [f"{name}={value}" for name, value in short.items() if value is not None]
    return read_config(config, file, [*(settings or []), *given])
