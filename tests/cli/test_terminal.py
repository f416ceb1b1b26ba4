"""What the command prints and how it ends, whatever the names, the disk and the user do."""

import os
import subprocess
import sys

import pytest
import typer
from rich.console import Console

from rotoline.cli import terminal
from rotoline.cli.app import app
from rotoline.runtime.progress import Progress

NAMES = ("take[/b]", "out [v2]", "[bold]", ":bug: \\[x]")
RUN = "import sys; from rotoline.cli import main; sys.argv = ['rotoline', *sys.argv[1:]]; main()"


def run(*arguments, program=RUN, **streams):
    """Run a program with Python in a process of its own."""
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, text=True, check=False, **streams)


@pytest.mark.parametrize("name", NAMES)
def test_text_of_users_is_printed_as_it_is(name, capsys):
    terminal.console().print(name, soft_wrap=True)
    assert capsys.readouterr().out == f"{name}\n"
    terminal.print_error(name)
    terminal.print_warning(name)
    terminal.show_progress([Progress("reading", warning=name)])
    assert capsys.readouterr().err == (
        f"error: {name}\nwarning: {name}\nwarning: {name}\nreading\n"
    )


def test_bar_shows_text_as_it_is(monkeypatch, capsys):
    out = Console(force_terminal=True, width=100, markup=False, emoji=False, stderr=True)
    monkeypatch.setattr(terminal, "Console", lambda **_: out)
    terminal.show_progress([Progress("a[/b]", 1, 2)])
    assert "a[/b]" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_demo_ends_well_in_a_folder_of_any_name(name, call, tmp_path, monkeypatch):
    def pretend(output, *_, **__):
        output.mkdir(parents=True)
        (output / "report.md").write_text("# Demo report")
        yield Progress("done")

    monkeypatch.setattr("rotoline.demo.run_demo", pretend)
    result = call("demo", "-o", tmp_path / name)
    assert result.exit_code == 0, result.output
    assert f"{tmp_path / name} also holds masks" in result.output


def commands(group, path=()):
    for name, command in group.commands.items():
        yield (*path, name), command
        yield from commands(command, (*path, name)) if hasattr(command, "commands") else ()


def test_every_command_has_the_short_options(call):
    assert call("-h").output == call("--help").output
    for path, command in commands(typer.main.get_command(app)):
        assert call(*path, "-h").exit_code == 0
        for option in command.params:
            if "--output" in option.opts:
                assert "-o" in option.opts, path


def test_interruption_of_any_command_ends_without_a_traceback(call, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("rotoline.io.run_record.versions", stop)
    result = call("info")
    assert result.exit_code == 130
    assert result.stderr == "warning: stopped\n"


@pytest.mark.parametrize("module", ["typer", "rich.console", "rotoline.cli.train"])
def test_interruption_while_modules_are_loaded_ends_without_a_traceback(module):
    program = f"""
import sys
class Stop:
    def find_spec(self, name, *_):
        if name == "{module}":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Stop())
from rotoline.cli import main
"""
    ended = run(program=program, capture_output=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_interruption_that_a_library_turns_into_an_error_ends_without_a_traceback():
    program = """
import signal, sys
from rotoline.cli import info, main
import rotoline.io.run_record as module
def fail():
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise AttributeError("module 'numpy' has no attribute 'core'") from None
module.versions = fail
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background ignore it
sys.argv = ["rotoline", "info"]
main()
"""
    ended = run(program=program, capture_output=True)
    assert (ended.returncode, ended.stderr) == (130, "warning: stopped\n")


def test_letters_that_the_terminal_does_not_have_are_replaced():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    ended = run("weights", "list", "--folder", "Öl", env=environment, capture_output=True)
    assert ended.returncode == 0, ended.stderr
    assert r"folder of fetched weights: \xd6l" in ended.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("arguments", [["--version"], ["-h"], ["weights", "list"]])
def test_output_on_a_full_disk_is_an_error(arguments):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        ended = run(*arguments, stdout=full, stderr=subprocess.PIPE)
        silent = run(*arguments, stdout=full, stderr=full)
    assert ended.returncode == silent.returncode == 2
    assert ended.stderr.startswith("error: cannot write the output of the command: No space left")
    assert len(ended.stderr.splitlines()) == 1
