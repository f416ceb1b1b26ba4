"""The generated pages are what the code says, and say all of it."""

import inspect
import re
from pathlib import Path

import pytest

import rotoline
from rotoline import errors

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


@pytest.fixture(scope="module")
def script(load_script):
    """The module scripts/make_reference.py."""
    return load_script("make_reference")


def read(name):
    return (REFERENCE / name).read_text(encoding="utf-8")


def test_pages_are_fresh(script):
    stale = [name for name, text in script.make_pages().items() if read(name) != text]
    assert not stale, "run: .venv/bin/python scripts/make_reference.py"


def test_every_setting_has_a_row_and_a_text(script):
    page = read("settings.md")
    settings = [one for name in script.PRESETS for one in script.preset_settings(name)]
    settings += [one for each in script.TRAININGS.values() for one in script.list_settings(each)]
    for one in settings:
        assert f"| `{one.path}` |" in page
        assert script.setting_text(one).rstrip().endswith("."), f"{one.path} needs a docstring"


def test_presets_have_few_settings(script):
    paths = {one.path for name in script.PRESETS for one in script.preset_settings(name)}
    paths = {path for path in paths if not path.startswith("limits.")}  # they change no result
    assert len(paths) <= 40


def test_every_command_and_option_is_explained(script):
    page = read("cli.md")
    for name, command in script.list_commands():
        assert f"`{name}`" in page or name == "rotoline"
        for one in command.params:
            assert one.hidden or one.help, f"{name}: {one.name} needs a help text"
            for option in one.opts:
                assert f"`{option}`" in page or option == one.name


def test_options_show_the_unit_or_form_of_their_value():
    page = read("cli.md")
    assert "| `--memory-limit` | `GB` |" in page
    assert "| `--grey-range` | `LOW HIGH` |" in page
    assert "| `--to` | `FORMAT[,FORMAT...]` |" in page
    assert "rotoline studio [CLIP|PROJECT] [OPTIONS]" in page


def test_every_error_has_a_section():
    page = read("errors.md")
    for name, _ in inspect.getmembers(errors, inspect.isclass):
        assert f"\n## `{name}`\n" in page


def test_every_public_name_is_on_the_python_page():
    page = read("python.md")
    blocks = re.split(r"^::: ", page, flags=re.MULTILINE)[1:]
    for name in rotoline.__all__:
        assert any(re.search(rf"\b{name}\b", block) for block in blocks), name


def test_trainings_are_those_of_the_command_line(script):
    commands = {name for name, _ in script.list_commands()}
    trainings = {name for name in commands if name.startswith("rotoline train ")}
    trainings -= {"rotoline train pack"}  # it trains nothing
    assert trainings == {f"rotoline train {name}" for name in script.TRAININGS}
