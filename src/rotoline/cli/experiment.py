"""`rotoline experiment dev` and `rotoline experiment ablation`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from rotoline.cli.options import Budget, Preset, Settings, Steps, Weights, configure
from rotoline.runtime.progress import Progress

Data = Annotated[
    Path,
    typer.Option(help="The data, laid out as in docs/how-to/train.md.", show_default=False),
]
Output = Annotated[Path, typer.Option(help="A new folder for the results.", show_default=False)]
Config = Annotated[
    Path | None, typer.Option(help="Settings: a TOML file, or results.json of a run to repeat.")
]
Only = Annotated[
    list[str] | None, typer.Option(help="Measure this clip only, by name; may be repeated.")
]
Against = Annotated[
    Path | None, typer.Option(help="The output folder of another run, to compare with.")
]
Variants = Annotated[
    list[str] | None,
    typer.Option(
        "--variant",
        help="One more variant, such as loose:regions.threshold=0.2; may be repeated.",
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

    Six sequences with one object each, a clip with seven objects, and composites (synthetic; never
    part of the mean).
    Writes OUTPUT/table.md, results.json, worst.png, calibration.md, and with --against
    comparison.md.
    """
    from rotoline.evaluation.development import measure_development
    from rotoline.evaluation.development_clips import development_clips

    progress = measure_development(
        development_clips(data, only or ()),
        output,
        weights=weights,
        config=configure(preset, config, settings, steps, budget),
        command=["rotoline", *sys.argv[1:]],
        against=against,
    )
    _show_run(progress, output)
    for name in ("table.md", "calibration.md", "comparison.md"):
        if (output / name).is_file():
            _print_page(output / name)


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
    """Measure the effect of each stage: the full configuration against variants without it.

    Prints the rows of the paper's Tables 2 and 3 for the preset, next to the published figures.
    Writes OUTPUT/ablation.md and, for each variant, OUTPUT/VARIANT/results.json.
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
    _show_run(progress, output)
    _print_page(output / "ablation.md")


def _show_run(steps: Iterator[Progress], output: Path) -> None:
    """Show the progress of a run; Ctrl-C ends it, and the results of finished clips are kept."""
    from rotoline.cli.terminal import print_warning, show_progress

    try:
        show_progress(steps)
    except KeyboardInterrupt:
        print_warning(f"stopped; the clips measured so far are in {output}, in folders 'clips'")
        raise typer.Exit(130) from None


def _print_page(page: Path) -> None:
    """Print Markdown unchanged, so that it can be copied."""
    from rotoline.cli.terminal import console

    console().print(page.read_text(), markup=False, soft_wrap=True)
