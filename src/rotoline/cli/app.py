"""The command `rotoline`: its subcommands, and how errors end it."""

from typing import Any

import typer
from typer.core import TyperGroup

from rotoline.cli import demo, evaluate, experiment, info, segment, train, weights
from rotoline.cli.terminal import print_error
from rotoline.errors import RotolineError


class _Group(TyperGroup):
    """Ends with one message and exit code 2 where the user can mend something."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except RotolineError as error:
            print_error(str(error))
            raise typer.Exit(2) from error


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Cut objects out of video by showing them once.",
)
app.command("segment")(segment.segment)
app.command("evaluate")(evaluate.evaluate)
app.command("demo")(demo.demo)
app.command("info")(info.info)
training = typer.Typer(no_args_is_help=True, help="Train what ships with rotoline.")
training.command("embedding")(train.embedding)
training.command("foreground")(train.foreground)
training.command("propagation")(train.propagation)
app.add_typer(training, name="train")
experiments = typer.Typer(no_args_is_help=True, help="Measure accuracy on the development clips.")
experiments.command("dev")(experiment.dev)
experiments.command("ablation")(experiment.ablation)
app.add_typer(experiments, name="experiment")
published = typer.Typer(no_args_is_help=True, help="Weights that others published.")
published.command("fetch")(weights.fetch)
published.command("list")(weights.list_)
app.add_typer(published, name="weights")


def main() -> None:
    """Run the command line."""
    app(prog_name="rotoline")
