"""`rotoline batch`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from rotoline.cli.options import (
    WRITTEN_BY_DEFAULT,
    Colours,
    Config,
    Formats,
    Precision,
    Preset,
    Sandbox,
    Settings,
    Strict,
    Tune,
    Weights,
    configure,
)
from rotoline.wording import counted

if TYPE_CHECKING:
    from rotoline.batch.driver import Batch
    from rotoline.batch.engine import Engine
    from rotoline.batch.jobs import Means
    from rotoline.systems.protocol import SystemConfig

GIGABYTE = 10**9


class RunByDefault(TyperGroup):
    """`rotoline batch MANIFEST` is `rotoline batch run MANIFEST`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` before arguments that begin with no command."""
        names = {*self.commands, *ctx.help_option_names}
        if args and args[0] not in names:
            args = ["run", *args]
        return super().parse_args(ctx, args)


Manifest = Annotated[
    Path,
    typer.Argument(
        help="The clips, a line for each with id, video, masks, output, settings: JSON Lines "
        "(.jsonl) or CSV (.csv)."
    ),
]
Root = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        help="The folder for all results, or an address such as s3://bucket/results. What is done "
        "there is not done again.",
        show_default=False,
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS|auto",
        help="Run on a cluster of Ray: its address, auto for the one that this machine belongs to.",
        show_default=False,
    ),
]
Shard = Annotated[
    str | None,
    typer.Option(
        metavar="I/N",
        help="Do one of N parts, counted from 0: every N-th clip from number I on.",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        help="How many clips at a time. By default one for every --threads cores, or on a cluster "
        "as many as fit.",
        show_default=False,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        help="Threads, so cores, for each clip. By default the cores that there are for each "
        "worker, or 1.",
        show_default=False,
    ),
]
Gpus = Annotated[
    float | None,
    typer.Option(
        help="GPUs for each clip; 0.5 for two clips on one. By default 1 where the preset uses one "
        "and this machine has it.",
        show_default=False,
    ),
]
Retries = Annotated[
    int, typer.Option(min=0, help="How often a clip is tried again that failed by accident.")
]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Also try the clips that failed in an earlier batch.")
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace results that were made of other inputs or settings."),
]
Reports = Annotated[
    bool, typer.Option(help="Write a report for each clip, as rotoline report does.")
]
TimeLimit = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="The longest that a clip may take.", show_default=False),
]
MemoryLimit = Annotated[
    float | None,
    typer.Option(metavar="GB", help="The most memory that a worker may use.", show_default=False),
]
Scratch = Annotated[
    Path | None,
    typer.Option(
        help="A folder on a local disk for copies of what is read and written elsewhere. By "
        "default in the folder for temporary files.",
        show_default=False,
    ),
]
ScratchLimit = Annotated[
    float,
    typer.Option(
        metavar="GB",
        help="The most that the copies of a clip may take; as much again is kept of clips that "
        "failed.",
    ),
]


def run(  # noqa: PLR0913 (each is an option)
    manifest: Manifest,
    output: Root,
    cluster: Cluster = None,
    shard: Shard = None,
    workers: Workers = None,
    threads: Threads = None,
    gpus: Gpus = None,
    retries: Retries = 1,
    preset: Preset = "fast",
    weights: Weights = None,
    tune: Tune = None,
    precision: Precision = None,
    config: Config = None,
    settings: Settings = None,
    formats: Formats = WRITTEN_BY_DEFAULT,
    time_limit: TimeLimit = None,
    memory_limit: MemoryLimit = None,
    scratch: Scratch = None,
    scratch_limit: ScratchLimit = 20.0,
    *,
    retry_failed: RetryFailed = False,
    overwrite: Overwrite = False,
    reports: Reports = True,
    strict: Strict = False,
    colours: Colours = False,
    sandbox: Sandbox = False,
) -> None:
    """Segment the clips of a manifest, several at a time, on this machine or on many.

    A clip that is done is not done again, one that was stopped goes on, and one that fails does not
    stop the others. Writes OUTPUT/ID as rotoline segment does, with a report, and OUTPUT/batch.json
    and OUTPUT/batch.html. The exit code is 1 if a clip failed.
    """
    from rotoline.batch.driver import Batch
    from rotoline.batch.prepare import configs_of, items_of, recipe_of, root_of, shard_of

    chosen = configure(preset, config, settings, tune=tune, precision=precision)
    part = None if shard is None else shard_of(shard)
    root = root_of(output)
    items = items_of(manifest, root, part)
    limits = _limits(root, time_limit, memory_limit, scratch, scratch_limit)
    options = {"reports": reports, "strict": strict, "colours": colours, "sandbox": sandbox}
    batch = Batch(
        manifest=manifest,
        root=root,
        items=items,
        configs=configs_of(items, chosen, manifest),
        recipe=recipe_of(chosen, weights, formats, overwrite=overwrite, **options),
        means=_means(chosen, _threads(threads, workers, cluster), gpus, workers, limits),
        command=["rotoline", *sys.argv[1:]],
        shard=part,
        retries=retries,
        retry_failed=retry_failed,
    )
    _show(batch, cluster, workers)


def _limits(
    root: str,
    time_limit: float | None,
    memory_limit: float | None,
    scratch: Path | None,
    scratch_limit: float,
) -> dict[str, Any]:
    """The limits of an item, in bytes and seconds."""
    from rotoline.batch.storage import is_address

    return {
        "beat": 20.0 if is_address(root) else 5.0,  # a store counts every request
        "time_limit": time_limit,
        "memory_limit": None if memory_limit is None else int(memory_limit * GIGABYTE),
        "scratch_limit": int(scratch_limit * GIGABYTE),
        **({} if scratch is None else {"scratch": scratch.absolute()}),
    }


def _means(
    config: "SystemConfig",
    threads: int,
    gpus: float | None,
    workers: int | None,
    limits: dict[str, Any],
) -> "Means":
    """What a worker may use."""
    from rotoline.batch.jobs import Means
    from rotoline.batch.prepare import check_means, gpus_of

    means = Means(threads=threads, gpus=gpus_of(gpus, config), **limits)
    check_means(means, workers)
    return means


def _threads(threads: int | None, workers: int | None, cluster: str | None) -> int:
    """Threads of a worker: the cores are divided among the workers, so that they do not fight."""
    from rotoline.batch.local import cores

    if threads is not None:
        return threads
    return max(1, cores() // workers) if workers and workers > 0 and cluster is None else 1


def _show(batch: "Batch", cluster: str | None, workers: int | None) -> None:
    """Run a batch and show how it stands; exit with 1 if an item failed."""
    from rotoline.batch.driver import Driver
    from rotoline.cli.batch_progress import show_states
    from rotoline.cli.terminal import console, print_warning

    driver = Driver(batch, lambda: _engine(batch, cluster, workers))
    states = driver.run()
    try:
        last = show_states(states)
    except KeyboardInterrupt:
        states.close()
        print_warning("stopped; the same command goes on")
        raise typer.Exit(130) from None
    console().print(
        f"{last.done} of {last.total} clips are done, {last.failed} failed; {batch.root} holds "
        "batch.json and batch.html",
        soft_wrap=True,
    )
    if last.failed:
        raise typer.Exit(1)


def _engine(batch: "Batch", cluster: str | None, workers: int | None) -> "Engine":
    from rotoline.batch.cluster import RayEngine
    from rotoline.batch.local import LocalEngine, cores

    means = batch.means
    if cluster is not None:
        return RayEngine(cluster, means, workers)
    fitting = max(1, cores() // means.threads)
    if means.gpus and workers is None:
        import torch

        fitting = max(1, min(fitting, int(torch.cuda.device_count() / means.gpus)))
    return LocalEngine(min(workers or fitting, len(batch.items)), means.threads, means.gpus)


Folder = Annotated[
    str, typer.Argument(help="A folder with clips or a data set, or an address such as s3://...")
]
Target = Annotated[
    Path, typer.Option("--output", "-o", help="The manifest: .jsonl or .csv.", show_default=False)
]
Videos = Annotated[
    str | None,
    typer.Option(
        help="Which files or folders of pictures are videos, below FOLDER. By default *.mp4.",
        show_default=False,
    ),
]
Masks = Annotated[
    str | None,
    typer.Option(
        help="Where the masks of a video are, below FOLDER: {stem} is its name without the ending, "
        "{name} its name, {parent} its folder. By default {stem}.png.",
        show_default=False,
    ),
]
Split = Annotated[
    str | None,
    typer.Option(
        help="The split of a data set in the layout of DAVIS or YouTube-VOS.", show_default=False
    ),
]


def plan(
    folder: Folder,
    output: Target,
    videos: Videos = None,
    masks: Masks = None,
    split: Split = None,
) -> None:
    """Write a manifest of the clips in a folder.

    By patterns, or with --split of a data set: then the masks are those of the first frame (DAVIS),
    or of the frames in which objects first appear (YouTube-VOS).
    """
    from rotoline.batch.manifest import write_manifest
    from rotoline.batch.planning import plan_dataset, plan_folder
    from rotoline.cli.terminal import console, print_warning
    from rotoline.errors import ConfigError
    from rotoline.io.pictures import shorten

    if split is not None and (videos or masks):
        raise ConfigError("--split takes a data set as it is; leave --videos and --masks out")
    if split is not None:
        planned = plan_dataset(Path(folder), split, output)
    else:
        planned = plan_folder(folder, videos, masks, output)
    if planned.without:
        print_warning(f"no masks for {shorten(planned.without)}, which are left out")
    write_manifest(output, planned.lines)
    console().print(f"{output} names {counted(len(planned.lines), 'clip')}", soft_wrap=True)
