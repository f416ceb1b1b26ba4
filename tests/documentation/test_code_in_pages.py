"""The Python of README and tutorial runs as printed; commands in pages name options that exist."""

import re
import shlex
import shutil
from itertools import islice
from pathlib import Path

import av
import pytest
import typer

import rotoline
from rotoline.cli.app import app
from rotoline.cli.batch import RunByDefault
from rotoline.demo import CLIP

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    # Pages of the log and of decisions keep the names of their day.
    if not {"log", "decisions", "reference"} & set(path.relative_to(ROOT).parts)
)


def write_start(source, target, frames):
    """Write the first frames of a video as another video."""
    pictures = list(islice(rotoline.open_frames(source), frames))
    with av.open(target, "w") as video:
        stream = video.add_stream("mpeg4", rate=24)
        stream.height, stream.width = pictures[0].shape[:2]
        for picture in pictures:
            video.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        video.mux(stream.encode())


@pytest.mark.slow
def test_readme_example_runs_as_printed(run_blocks, tmp_path):
    write_start(CLIP / "bigbuckbunny.mp4", tmp_path / "clip.mp4", frames=5)
    shutil.copy(CLIP / "masks" / "00000.png", tmp_path / "first.png")
    values = run_blocks("README.md")
    assert values["result"].labels.shape == (720, 1280)


@pytest.mark.slow
def test_tutorial_runs_as_printed(run_blocks, tmp_path):
    run_blocks("docs/tutorial.md")
    written = sorted((tmp_path / "tutorial-output").glob("*.png"))
    assert len(written) == 21
    assert set(rotoline.read_mask(written[-1]).ravel()) <= {0, 1, 2, 3}


def find_command(words):
    """The command that the first words name, and the words that follow it."""
    command, rest = typer.main.get_command(app), list(words)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    if isinstance(command, RunByDefault):
        command = command.commands["run"]
    return command, rest


def commands_in(text):
    """The lines of indented and fenced blocks that run rotoline."""
    joined = text.replace("\\\n", " ")
    fenced = re.findall(r"^```\w*\n(.*?)^```", joined, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^ {4,}(\S.*)$", joined, re.MULTILINE)
    for line in [*"\n".join(fenced).splitlines(), *indented]:
        match = re.match(r"(?:\S*/)?rotoline +([a-z].*)", line)
        if match:
            yield shlex.split(match[1], comments=True)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_their_options_exist(path):
    for words in commands_in(path.read_text(encoding="utf-8")):
        command, rest = find_command(words)
        line = f"rotoline {' '.join(words)}"
        assert not getattr(command, "commands", {}), f"no such command: {line}"
        options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
        given = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert given <= options, line


def test_commands_are_found_in_pages():
    assert len(list(islice(commands_in((ROOT / "README.md").read_text()), 4))) == 4
