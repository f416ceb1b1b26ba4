"""Open whatever the command was given: a clip, a project, or the output folder of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rotoline.config import read_config
from rotoline.errors import ConfigError, InputError
from rotoline.export import reopen
from rotoline.io.frames import Reading, open_frames
from rotoline.io.paths import is_project, user_folder
from rotoline.io.run_results import RunResults
from rotoline.presets import FAST
from rotoline.settings import flatten
from rotoline.studio.project import (
    Project,
    create_project,
    is_run,
    project_of_run,
)


def open_anything(
    given: Path, output: Path | None, source: Path | None, reading: Reading, settings: Sequence[str]
) -> Project:
    """Open a project, and make it first where there is none.

    Args:
        given: A clip, the folder of a project, or that of a run.
        output: The folder for the project of a clip; None for one beside it.
        source: Where the clip of a project or run is now, if it was moved.
        reading: How to read a clip; of a project it is known.
        settings: Settings for tracking in a new project, such as `tuning.steps=0`.

    Raises:
        RotolineError: It cannot be opened, or an option has no effect on it.
    """
    if is_project(given) or is_run(given):
        if output is not None:
            raise ConfigError(f"{given} is a project already; leave --output out")
        _refuse_options(given, reading, settings)
        if is_run(given):
            _adopt_run(given, source)
            source = None
        return Project(given, source)
    if source is not None:
        raise ConfigError("--source is for projects: it says where their clip is now; leave it out")
    if given.is_dir() and (given / "hints.jsonl").exists():
        raise InputError(
            f"{given} holds hints.jsonl but no project.json, so it is not known which clip was "
            "drawn on; put project.json back"
        )
    folder = given.with_name(f"{given.stem}-rotoline") if output is None else output
    if is_project(folder):
        _refuse_options(folder, reading, settings)
        return Project(folder, given)
    config = read_config(FAST, None, list(settings))
    create_project(folder, open_frames(given, **reading), settings=_chosen(config))
    return Project(folder)


def default_folder(name: str) -> Path:
    """A folder for a project of the bundled clip, in the data folder of the user."""
    return user_folder("XDG_DATA_HOME", ".local/share") / name


def _refuse_options(folder: Path, reading: Reading, settings: Sequence[str]) -> None:
    """Refuse what can only be chosen when a project is made."""
    defaults: Mapping[str, Any] = {"every": 1, "first_number": 0}
    chosen = [name for name, value in reading.items() if value != defaults.get(name)]
    if settings:
        chosen.append("set")
    if chosen:
        raise ConfigError(
            f"--{chosen[0].replace('_', '-')} has no effect on {folder}, which is a project "
            "already; leave it out, or make another project of the clip with --output"
        )


def _adopt_run(folder: Path, source: Path | None) -> None:
    results = RunResults(folder)
    config = results.record.get("config", {})
    if config.get("preset", FAST.preset) != FAST.preset:
        raise InputError(
            f"{folder} was made with the preset {config['preset']}, and the studio works with "
            f"{FAST.preset} alone; segment the clip again with that preset"
        )
    project_of_run(folder, reopen(results, source), settings=_different(config))


def _chosen(config: Any) -> dict[str, Any]:
    return _different(config.model_dump(mode="json"))


def _different(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are not the defaults, by their paths."""
    defaults = flatten(FAST.model_dump(mode="json"))
    return {
        name: value
        for name, value in flatten(config).items()
        if name in defaults and value != defaults[name]
    }
