"""The scripts in runs/ give commands and settings that exist."""

import os
import subprocess
from pathlib import Path

import pytest
import typer.main

from rotoline.cli import app
from rotoline.config import read_config
from rotoline.training.fast import FastTraining
from rotoline.training.paper_foreground import ForegroundTraining
from rotoline.training.paper_spn import SpnTraining

SCRIPTS = sorted((Path(__file__).parents[2] / "runs").glob("*.sh"))
TRAININGS = {
    "fast": FastTraining,
    "paper-foreground": ForegroundTraining,
    "paper-spn": SpnTraining,
}
RECORDER = '#!/bin/sh\nprintf "%s\\037" "$@" >>commands\necho >>commands\n'
"""In place of `rotoline`: writes its arguments down."""


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.name for script in SCRIPTS])
def test_commands_of_a_script_are_understood(script, tmp_path):
    for name, text in {"rotoline": RECORDER, "torchrun": RECORDER, "git": "#!/bin/sh\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    subprocess.run(
        ["sh", script, "DATA"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        check=True,
        capture_output=True,
    )
    lines = (tmp_path / "commands").read_text().splitlines()
    for line in lines:
        arguments = line.split("\037")[:-1]
        if "--" in arguments:  # of torchrun
            arguments = arguments[arguments.index("--") + 1 :]
        command = typer.main.get_command(app)
        names = []
        while hasattr(command, "commands"):
            names.append(arguments.pop(0))
            command = command.commands[names[-1]]
        options = command.make_context(names[-1], list(arguments)).params
        if names[0] == "train":
            read_config(TRAININGS[names[1]](), None, options["settings"])


def test_every_script_says_what_to_expect():
    assert {script.stem for script in SCRIPTS} == {
        "davis17",
        "demo",
        "train_fast",
        "train_machines",
        "train_mean",
        "train_paper",
    }
    for script in SCRIPTS:
        text = script.read_text()
        assert all(f"# {word}:" in text for word in ("Time", "Disk", "Expected")), script
