"""`rotoline experiment dev` and `rotoline experiment ablation`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from rotoline.cli.segment import Budget, Preset, Settings, Steps, Weights, configure
from rotoline.runtime.progress import Progress

Data = Annotated[
    Path,
    typer.Option(help="The data, laid out as in docs/training.md.", show_default=False),
]
Output = Annotated[Path, typer.Option(help="A new folder for the results.", show_default=False)]
Config = Annotated[
    Path | None, typer.Option(help="Settings: a TOML file, or results.json of a run to repeat.")
]
Only = Annotated[
    list[str] | None, typer.Option(help="One clip by name, for a quick look; may be repeated.")
]
Against = Annotated[
    Path | None, typer.Option(help="The output folder of another run, to compare with.")
]
Variants = Annotated[
    list[str] | None,
    typer.Option(
        "--variant", help="One more row, such as loose:regions.threshold=0.2; may be repeated."
    ),
]


def dev(  # noqa: PLR0913 (each is an option)
    data: Data,
    output: Output,
    preset: Preset = "fast",
    weights: Weights = None,
    steps: Steps = None,
    budget: Budget = None,
    config: Config = None,
    settings: Settings = None,
    against: Against = None,
    only: Only = None,
) -> None:
    """Measure accuracy, time and calibration on the development clips.

    Six sequences of one object, a clip of seven, and composites (synthetic; never in the mean).
    Writes OUTPUT/table.md, results.json, worst.png, calibration.md, and with --against
    comparison.md.
    """
    from rotoline.evaluation.development_clips import development_clips
    from rotoline.evaluation.development import measure_development

    progress = measure_development(
        development_clips(data, only or ()),
        output,
        weights=weights,
        config=configure(preset, config, settings, steps, budget),
        command=["rotoline", *sys.argv[1:]],
        against=against,
    )
    _run(progress, output)
    for name in ("table.md", "calibration.md", "comparison.md"):
        if (output / name).is_file():
            _show(output / name)


def ablation(  # noqa: PLR0913 (each is an option)
    data: Data,
    output: Output,
    preset: Preset = "fast",
    weights: Weights = None,
    steps: Steps = None,
    budget: Budget = None,
    config: Config = None,
    settings: Settings = None,
    variants: Variants = None,
    only: Only = None,
) -> None:
    """Measure what each stage brings: the full configuration against variants without it.

    Prints the rows of the paper's Tables 2 and 3 for the preset, beside the paper's own figures.
    Writes OUTPUT/ablation.md, and results.json of every row in a folder of its own.
    """
    from rotoline.evaluation.ablation import measure_variants, read_variant
    from rotoline.evaluation.development_clips import development_clips

    progress = measure_variants(
        development_clips(data, only or ()),
        output,
        weights=weights,
        config=configure(preset, config, settings, steps, budget),
        command=["rotoline", *sys.argv[1:]],
        more=[read_variant(text) for text in variants or ()],
    )
    _run(progress, output)
    _show(output / "ablation.md")


def _run(steps: Iterator[Progress], output: Path) -> None:
    """Show the run; Ctrl-C ends it with what is measured."""
    from rotoline.cli.terminal import print_warning, show_progress

    try:
        for _ in show_progress(steps):
            pass
    except KeyboardInterrupt:
        print_warning(f"stopped; the clips measured so far are in {output}, in folders 'clips'")
        raise typer.Exit(130) from None


def _show(table: Path) -> None:
    """Print Markdown as it is: to be read, and to be copied into a page."""
    from rotoline.cli.terminal import console

    console().print(table.read_text(), markup=False, soft_wrap=True)
