"""`rotoline benchmark`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from rotoline.cli.options import (
    Budget,
    Output,
    Precision,
    Preset,
    Settings,
    Steps,
    Tune,
    Weights,
    configure,
)

Dataset = Annotated[
    Path,
    typer.Argument(
        help="The folder of a data set: DAVIS (with JPEGImages, Annotations, ImageSets) or "
        "YouTube-VOS (with SPLIT/JPEGImages, SPLIT/Annotations)."
    ),
]
Split = Annotated[str, typer.Option(help="Name of the split, such as val or valid.")]
Config = Annotated[
    Path | None, typer.Option(help="Settings: a TOML file, or results.json of a run to repeat.")
]
Only = Annotated[
    list[str] | None, typer.Option(help="Segment this sequence only, by name; may be repeated.")
]


def benchmark(  # noqa: PLR0913 (each is an option)
    dataset: Dataset,
    output: Output,
    split: Split = "val",
    preset: Preset = "fast",
    weights: Weights = None,
    steps: Steps = None,
    budget: Budget = None,
    tune: Tune = None,
    precision: Precision = None,
    config: Config = None,
    settings: Settings = None,
    only: Only = None,
) -> None:
    """Segment and score every sequence of a split of DAVIS-2017 or YouTube-VOS.

    Writes a mask of every frame as OUTPUT/Annotations/SEQUENCE/NNNNN.png, which is the layout of a
    submission. Updates OUTPUT/results.json and OUTPUT/table.md after each sequence.
    """
    from rotoline.cli.terminal import console, print_warning, report_learning, show_progress
    from rotoline.evaluation.benchmark import find_benchmark, run_benchmark

    progress = run_benchmark(
        find_benchmark(dataset, split, only or ()),
        output,
        weights=weights,
        config=configure(preset, config, settings, steps, budget, tune, precision),
        command=["rotoline", *sys.argv[1:]],
        report=report_learning(),
    )
    try:
        show_progress(progress)
    except KeyboardInterrupt:
        print_warning(
            f"stopped; results.json in {output} has the sequences that are finished, and "
            "Annotations also the finished masks of the last one"
        )
        raise typer.Exit(130) from None
    console().print((output / "table.md").read_text(encoding="utf-8"), soft_wrap=True)
