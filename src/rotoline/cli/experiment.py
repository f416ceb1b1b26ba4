"""`rotoline experiment dev`, `halves`, `unlike` and `ablation`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rotoline.cli.options import (
    Budget,
    EvenWeights,
    OddWeights,
    Output,
    Preset,
    Settings,
    Steps,
    Weights,
    configure,
)
from rotoline.errors import ConfigError
from rotoline.runtime.progress import Progress

if TYPE_CHECKING:
    from rotoline.evaluation.experiment import Experiment
    from rotoline.evaluation.unlike import BundledClip
    from rotoline.systems.protocol import SystemConfig

Data = Annotated[
    Path,
    typer.Option(help="The data, laid out as in docs/how-to/train.md.", show_default=False),
]
Config = Annotated[
    Path | None, typer.Option(help="Settings: a TOML file, or results.json of a run to repeat.")
]
Only = Annotated[
    list[str] | None, typer.Option(help="Measure this clip only, by name; may be repeated.")
]
Against = Annotated[
    Path | None, typer.Option(help="The output folder of another run, to compare with.")
]
Jobs = Annotated[
    int, typer.Option(help="Number of processes that measure clips, with one thread each.")
]
OddWeightsOfVariants = Annotated[
    Path | None,
    typer.Option("--odd-weights", help="Weights of a half, as for rotoline experiment halves."),
]
EvenWeightsOfVariants = Annotated[
    Path | None,
    typer.Option("--even-weights", help="Weights of a half, as for rotoline experiment halves."),
]
Fitted = Annotated[
    bool,
    typer.Option(
        "--fitted/--no-fitted",
        help="Whether to measure the sequences that the weights were fitted on too, for the gap; "
        "without them it takes half the time.",
    ),
]
Unlike = Annotated[
    bool,
    typer.Option(
        "--unlike",
        help="Measure the clips of `rotoline experiment unlike` too, with both weights.",
    ),
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
    Writes OUTPUT/table.md, results.json, worst.png, calibration.md, reliability.png, and with
    --against comparison.md.
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
    _print_pages(output)


def halves(  # noqa: PLR0913 (each is an option)
    data: Data,
    odd_weights: OddWeights,
    even_weights: EvenWeights,
    output: Output,
    preset: Preset = "fast",
    config: Config = None,
    settings: Settings = None,
    against: Against = None,
    only: Only = None,
    *,
    fitted: Fitted = True,
    unlike: Unlike = False,
    jobs: Jobs = 1,
) -> None:
    """Measure accuracy on 30 clips that the weights have not seen, and the gap to those they have.

    The sequences of DAVIS-2016 train in alphabetical order, the first (number 0) is even: weights
    that were fitted on the odd half are measured on the even one, and the other way round.
    Writes OUTPUT/table.md, results.json, and with --against comparison.md.
    """
    from rotoline.evaluation.experiment import Experiment
    from rotoline.evaluation.halves import NOTES, halves_rows, halves_subjects
    from rotoline.evaluation.unlike import unlike_clips

    subjects = halves_subjects(
        data,
        {"odd": odd_weights, "even": even_weights},
        only=only or (),
        fitted=fitted,
        unlike=unlike_clips(data, _bundled()) if unlike else (),
    )
    experiment = Experiment(title="Two halves", subjects=subjects, rows_of=halves_rows, notes=NOTES)
    _run(experiment, output, configure(preset, config, settings), against, jobs)


def unlike(  # noqa: PLR0913 (each is an option)
    data: Data,
    output: Output,
    preset: Preset = "fast",
    weights: Weights = None,
    config: Config = None,
    settings: Settings = None,
    against: Against = None,
    only: Only = None,
    jobs: Jobs = 1,
) -> None:
    """Measure accuracy on clips that are unlike DAVIS, which no training uses.

    The bundled clip, schoolgirls, and the clips in the folders development-clips and unlike of the
    data, as far as they are there.
    Writes OUTPUT/table.md, results.json, and with --against comparison.md.
    """
    from rotoline.evaluation.clips import choose_clips
    from rotoline.evaluation.experiment import Experiment
    from rotoline.evaluation.runner import Subject
    from rotoline.evaluation.unlike import NOTES, unlike_clips, unlike_rows

    clips = choose_clips(unlike_clips(data, _bundled()), only or (), str(data))
    subjects = [Subject(clip=clip, weights=weights) for clip in clips]
    experiment = Experiment(
        title="Clips unlike DAVIS", subjects=subjects, rows_of=unlike_rows, notes=NOTES
    )
    _run(experiment, output, configure(preset, config, settings), against, jobs)


def interactive(  # noqa: PLR0913 (each is an option)
    data: Data,
    odd_weights: OddWeights,
    even_weights: EvenWeights,
    output: Output,
    settings: Settings = None,
    only: Only = None,
    *,
    with_frames: Annotated[
        bool,
        typer.Option(
            "--frames/--no-frames",
            help="Whether to segment the clips with more and more marked frames too, which takes "
            "five times as long as rotoline experiment halves --no-fitted.",
        ),
    ] = True,
    jobs: Jobs = 1,
) -> None:
    """Measure how good masks are after some strokes, and with more marked frames.

    On the clips of rotoline experiment halves that the weights have not seen. A program paints the
    strokes, where the mask is wrong; the next marked frame is that of lowest confidence.
    Writes OUTPUT/table.md, strokes.json, and frames.json.
    """
    from rotoline.cli.terminal import Unit, show_progress
    from rotoline.evaluation.clips import UNSEEN
    from rotoline.evaluation.halves import halves_subjects
    from rotoline.evaluation.interactive import run_interactive

    halves = {"odd": odd_weights, "even": even_weights}
    subjects = halves_subjects(data, halves, only=only or (), fitted=False)
    progress = run_interactive(
        [one for one in subjects if one.clip.group == UNSEEN],
        output,
        config=configure("fast", None, settings),
        command=["rotoline", *sys.argv[1:]],
        with_frames=with_frames,
        jobs=jobs,
    )
    show_progress(progress, Unit("clips", 1, 0))
    _print_page(output / "table.md")


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
    odd_weights: OddWeightsOfVariants = None,
    even_weights: EvenWeightsOfVariants = None,
    jobs: Jobs = 1,
) -> None:
    """Measure the effect of each stage: the full configuration against variants without it.

    On the development clips; or, with --odd-weights and --even-weights, on the clips of rotoline
    experiment halves that these have not seen.

    Prints the rows of the paper's Tables 1, 2 and 3 for the preset, next to the published figures.
    Writes OUTPUT/ablation.md and, for each variant, OUTPUT/VARIANT/results.json.
    """
    from rotoline.evaluation.ablation import make_variants, measure_variants, read_variant
    from rotoline.evaluation.development_clips import development_clips
    from rotoline.evaluation.halves import halves_rows, halves_subjects
    from rotoline.evaluation.report import group_rows
    from rotoline.evaluation.runner import Subject

    chosen, means_of = configure(preset, config, settings, steps, budget), group_rows
    if odd_weights is None and even_weights is None:
        clips = development_clips(data, only or ())
        subjects = [Subject(clip=clip, weights=weights) for clip in clips]
    elif odd_weights is None or even_weights is None or weights is not None:
        raise ConfigError(
            "the two halves need two weights files and no other: give --odd-weights and "
            "--even-weights without --weights, or --weights alone for the development clips"
        )
    else:
        halves = {"odd": odd_weights, "even": even_weights}
        subjects = halves_subjects(data, halves, only=only or (), fitted=False)
        means_of = halves_rows
    progress = measure_variants(
        subjects,
        output,
        configs=make_variants(chosen, [read_variant(text) for text in variants or ()]),
        command=["rotoline", *sys.argv[1:]],
        means_of=means_of,
        jobs=jobs,
    )
    _show_run(progress, output)
    _print_page(output / "ablation.md")


def _run(
    experiment: "Experiment",
    output: Path,
    config: "SystemConfig",
    against: Path | None,
    jobs: int,
) -> None:
    """Run an experiment, and print its pages."""
    from rotoline.evaluation.experiment import run_experiment

    command = ["rotoline", *sys.argv[1:]]
    progress = run_experiment(
        experiment, output, config=config, command=command, against=against, jobs=jobs
    )
    _show_run(progress, output)
    _print_pages(output)


def _show_run(steps: Iterator[Progress], output: Path) -> None:
    """Show the progress of a run; Ctrl-C ends it, and the results of finished clips are kept."""
    from rotoline.cli.terminal import print_warning, show_progress

    try:
        show_progress(steps)
    except KeyboardInterrupt:
        print_warning(f"stopped; the clips measured so far are in {output}, in folders 'clips'")
        raise typer.Exit(130) from None


def _bundled() -> "BundledClip":
    """The clip of `rotoline demo`."""
    from rotoline.demo import MASKS, TRUTH, VIDEO
    from rotoline.evaluation.unlike import BundledClip

    return BundledClip(video=VIDEO, masks=MASKS, truth=TRUTH)


def _print_pages(output: Path) -> None:
    """Print the pages that a run has written."""
    for name in ("table.md", "calibration.md", "comparison.md"):
        if (output / name).is_file():
            _print_page(output / name)


def _print_page(page: Path) -> None:
    """Print Markdown unchanged, so that it can be copied."""
    from rotoline.cli.terminal import console

    console().print(page.read_text(encoding="utf-8"), soft_wrap=True)
