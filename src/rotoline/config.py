"""Strict reading of settings: a TOML file, the `run.json` of a former run, and `--set`."""

import difflib
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from rotoline.errors import ConfigError

Settings = TypeVar("Settings", bound=BaseModel)


def read_config(start: Settings, file: Path | None, settings: Sequence[str]) -> Settings:
    """Change some settings of `start`.

    Args:
        start: What holds where nothing else is said.
        file: `.toml`, or a `run.json`, whose configuration is taken.
        settings: `stage.name=value` each; the value as in TOML, quotes around text may be missing.

    Raises:
        ConfigError: A file that cannot be read, an unknown name, or a value out of range.
    """
    values = start.model_dump(mode="json")
    if file is not None:
        given = _read_file(file)
        preset = given.get("preset", values.get("preset"))
        if preset != values.get("preset"):
            raise ConfigError(
                f"{file} holds settings of the preset {preset}, not of {values.get('preset')}; "
                f"add --preset {preset}, or give another file"
            )
        _merge(values, given, "")
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise ConfigError(
                f"--set {setting} has no '='; write it as --set regions.threshold=0.3"
            )
        change: Any = _parse_value(value)
        for part in reversed(name.strip().split(".")):
            change = {part: change}
        _merge(values, change, "")
    try:
        return type(start).model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{name} is {first['input']!r}; {first['msg'].lower()}") from error


def _read_file(file: Path) -> dict[str, Any]:
    try:
        if file.suffix == ".json":
            return json.loads(file.read_text())["config"]
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}; check the path") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{file} is neither TOML settings nor the run.json of a run ({error}); correct it"
        ) from error


def _merge(values: dict[str, Any], change: dict[str, Any], path: str) -> None:
    """Put `change` into `values`, refusing names that are not there."""
    if not isinstance(change, dict):
        raise ConfigError(f"{path.rstrip('.')} is a group of settings; set one of {_names(values)}")
    for name, value in change.items():
        if name not in values:
            close = difflib.get_close_matches(name, values, n=1)
            hint = f"did you mean {path}{close[0]}?" if close else f"there are {_names(values)}"
            raise ConfigError(f"{path}{name} is unknown; {hint}")
        if isinstance(values[name], dict):
            _merge(values[name], value, f"{path}{name}.")
        else:
            values[name] = value


def _names(values: dict[str, Any]) -> str:
    return ", ".join(values)


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()
