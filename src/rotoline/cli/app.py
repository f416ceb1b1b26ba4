"""The command `rotoline`: its subcommands, and how errors are reported."""

import io
import os
import signal
import sys
import traceback
import warnings
from contextlib import suppress
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

import rotoline
from rotoline.cli import (
    batch,
    benchmark,
    convert,
    demo,
    evaluate,
    experiment,
    export,
    info,
    inspect,
    probe,
    report,
    segment,
    studio,
    train,
    weights,
)
from rotoline.cli.terminal import console, print_error, print_warning
from rotoline.errors import RotolineError, explain
from rotoline.runtime.threads import limit_spinning


class _Group(TyperGroup):
    """Reports an error that the user can correct as one message, with exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print_warning("stopped")
            raise typer.Exit(130) from None
        except (RotolineError, OSError, MemoryError, RuntimeError) as error:
            message = explain(error)
            if message is None:
                raise
            if ctx.params.get("debug"):
                traceback.print_exc()
            print_error(message)
            raise typer.Exit(2) from error


def _print_version(asked: bool) -> None:  # noqa: FBT001 (the signature of an option's callback)
    if asked:
        console().print(f"rotoline {rotoline.__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")]


def options(*, version: Version = False, debug: Debug = False) -> None:
    """Cut objects out of video by showing them once."""


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.callback()(options)
app.command("studio")(studio.studio)
app.command("segment")(segment.segment)
app.command("probe")(probe.probe)
app.command("export")(export.export)
app.command("report")(report.report)
app.command("inspect")(inspect.inspect)
app.command("convert")(convert.convert)
app.command("evaluate")(evaluate.evaluate)
app.command("benchmark")(benchmark.benchmark)
app.command("demo")(demo.demo)
app.command("info")(info.info)
training = typer.Typer(no_args_is_help=True, help="Train the networks of the presets.")
training.command("fast")(train.fast)
training.command("regions")(train.regions)
training.command("upsampler")(train.upsampler)
training.command("paper-foreground")(train.paper_foreground)
training.command("paper-spn")(train.paper_spn)
training.command("pack")(train.pack)
app.add_typer(training, name="train")
experiments = typer.Typer(no_args_is_help=True, help="Measure accuracy, and compare versions.")
experiments.command("halves")(experiment.halves)
experiments.command("unlike")(experiment.unlike)
experiments.command("dev")(experiment.dev)
experiments.command("interactive")(experiment.interactive)
experiments.command("ablation")(experiment.ablation)
app.add_typer(experiments, name="experiment")
batches = typer.Typer(
    cls=batch.RunByDefault,
    no_args_is_help=True,
    help="Segment many clips, on this machine or on many: rotoline batch MANIFEST.",
)
batches.command("run")(batch.run)
batches.command("plan")(batch.plan)
app.add_typer(batches, name="batch")
published = typer.Typer(
    no_args_is_help=True,
    help="Fetch published weights; convert those of rotoline 0.1; average several files.",
)
published.command("fetch")(weights.fetch)
published.command("list")(weights.list_)
published.command("convert")(weights.convert)
published.command("average")(weights.average)
app.add_typer(published, name="weights")


def main() -> None:
    """Run the command line."""
    limit_spinning()
    for stream in (sys.stdout, sys.stderr):
        # A name with letters that the terminal does not have is no reason to fail.
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    # Pillow's own, in the midst of what the command prints; `limits.pixels` refuses or allows.
    warnings.filterwarnings("ignore", message="Image size .* could be decompression bomb")
    try:
        with _Interruptible():
            app(prog_name="rotoline")
    except OSError as error:
        # Files have a name; without one, it is what the command prints that cannot be written.
        if error.filename is not None:
            raise
        _end_without_output(error)


class _Interruptible:
    """Ends the program with code 130 after Ctrl-C, and writes out what was printed.

    Where Ctrl-C comes while a library is loaded, the library may turn it into another error.
    """

    def __enter__(self) -> None:
        self._was_interrupted = False
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._was_interrupted = True
        signal.default_int_handler(number, frame)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._was_interrupted and kind is not None and not issubclass(kind, SystemExit):
            print_warning("stopped")
            raise SystemExit(130) from None
        if sys.stdout is not None:  # it is None where the caller has closed it
            sys.stdout.flush()


def _end_without_output(error: OSError) -> NoReturn:
    """End the program after its output could not be written."""
    with suppress(OSError):  # standard error may be on the same disk
        print_error(
            f"cannot write the output of the command: {error.strerror or error}; free some space, "
            "or send it elsewhere"
        )
    # What is left in the buffers is written at exit, and must not fail again.
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            os.dup2(null, stream.fileno())
    sys.exit(2)
