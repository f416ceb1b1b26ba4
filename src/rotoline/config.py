"""Strict reading of settings: a TOML file, the `run.json` of an earlier run, and `--set`.

Refused, each with a message of its own: a setting that does not exist (with the closest name), one
that has no effect under the other settings (with what it belongs to), and one that version 0.1 had
(with its new name).
"""

import difflib
import json
import math
import os
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from rotoline.errors import ConfigError, InputError
from rotoline.limits import DEFAULT_LIMITS, Limits
from rotoline.presets import PRESETS, find_preset
from rotoline.renamed_settings import explain_renamed
from rotoline.settings import flatten, list_settings, methods_of

Settings = TypeVar("Settings", bound=BaseModel)


def read_config(start: Settings, file: Path | None, assignments: Sequence[str]) -> Settings:
    """Change some settings of `start`.

    Args:
        start: The settings to change; their values stay where no other value is given.
        file: A `.toml` file, or the `run.json` or `results.json` of a run, whose settings are used.
        assignments: Settings as `group.name=value`; they take precedence over the file. The value
            is written as in TOML; quotes around text may be left out.

    Raises:
        ConfigError: A file that cannot be read, a setting that is unknown or has no effect, or a
            value out of range.
    """
    try:
        return _read_config(start, file, assignments)
    except RecursionError as error:
        where = f"{file} or --set" if file and assignments else str(file or "--set")
        raise ConfigError(
            f"{where} holds values that are nested far deeper than any setting; correct it"
        ) from error


def _read_config(start: Settings, file: Path | None, assignments: Sequence[str]) -> Settings:
    changes: dict[str, Any] = {}
    for assignment in assignments:
        _insert(changes, assignment)
    if file is not None:
        limits = {"limits": changes["limits"]} if "limits" in changes else {}
        values = _read_file(file, getattr(_change(start, limits), "limits", DEFAULT_LIMITS))
        own = getattr(start, "preset", None)
        preset = values.get("preset", own)
        if preset != own:
            find_preset(str(preset))
            raise ConfigError(
                f"{file} holds settings of the preset {preset}, not of {own}; "
                f"add --preset {preset}, or give another file"
            )
        start = _change(start, values)
    return _change(start, changes)


def _change(start: Settings, given: Mapping[str, Any]) -> Settings:
    """Return `start` with the given values in place of its own."""
    known = list(list_settings(start))
    paths = {one.path for one in known}
    unknown = [path for path in flatten(given) if path not in paths]
    renamed = explain_renamed(unknown, in_training=not hasattr(start, "preset"))
    if renamed:
        raise ConfigError(renamed)
    for path, value in flatten(given).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{path} is {value}; a finite number is needed")
    values = _merged(start, given, "", start)
    try:
        return type(start).model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = _setting_at(first["loc"], {one.condition for one in known})
        raise ConfigError(f"{name} is {first['input']!r}; {first['msg'].lower()}") from error


def _setting_at(location: Sequence[int | str], conditions: Collection[str]) -> str:
    """Path of the setting in a Pydantic error, whose location also has the methods of groups."""
    names: list[str] = []
    is_method = False
    for part in map(str, location):
        is_method = not is_method and f"{'.'.join(names)}.method={part}" in conditions
        if not is_method:
            names.append(part)
    return ".".join(names)


def _merged(
    current: BaseModel, given: Mapping[str, Any], path: str, whole: BaseModel
) -> dict[str, Any]:
    """Return the values of one group, with the given values in place of its own."""
    values = current.model_dump(mode="json")
    for name, value in given.items():
        field = type(current).model_fields.get(name)
        if field is None:
            raise ConfigError(_explain_unknown(f"{path}{name}", value, current, whole))
        group = getattr(current, name)
        if not isinstance(group, BaseModel):
            values[name] = value
            continue
        if not isinstance(value, Mapping):
            raise ConfigError(
                f"{path}{name} is a group of settings; set one of "
                f"{', '.join(f'{path}{name}.{one}' for one in type(group).model_fields)}"
            )
        methods = methods_of(field)
        method = value.get("method", getattr(group, "method", None))
        if methods and method != getattr(group, "method", None):
            if not isinstance(method, str) or method not in methods:
                raise ConfigError(
                    f"{path}{name}.method is {method!r}; choose one of {', '.join(methods)}"
                )
            group = methods[method]()
        values[name] = _merged(group, value, f"{path}{name}.", whole)
    return values


def _explain_unknown(path: str, value: Any, group: BaseModel, whole: BaseModel) -> str:
    """Say why there is no such setting, and what to write instead."""
    paths = list(flatten({path: value})) if isinstance(value, Mapping) else [path]
    known = list(list_settings(whole))
    conditions = [one.condition for one in known if one.path == paths[0]]
    if conditions:  # the setting exists under another method of this group
        where, now = conditions[0].partition("=")[0], getattr(group, "method", None)
        return (
            f"{paths[0]} belongs to {' or '.join(conditions)}; {where} is {now}, so it would have "
            f"no effect: leave it out, or set {conditions[0]} too"
        )
    own = getattr(whole, "preset", None)
    if own is not None:
        for name, preset in PRESETS.items():
            if name != own and any(one.path == paths[0] for one in list_settings(preset.config)):
                return (
                    f"{paths[0]} belongs to the preset {name}; the preset is {own}, so it would "
                    f"have no effect: leave it out, or add --preset {name}"
                )
    names = list(dict.fromkeys(one.path for one in known))
    close = difflib.get_close_matches(paths[0], names, n=1)
    siblings = [one for one in names if one.startswith(path.rpartition(".")[0])]
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(siblings)}"
    return f"{paths[0]} is unknown; {hint}"


def _read_file(file: Path, limits: Limits) -> dict[str, Any]:
    is_toml = file.suffix.lower() != ".json"
    limit = "settings_bytes" if is_toml else "text_bytes"
    try:
        with file.open("rb") as opened:
            data = opened.read(getattr(limits, limit) + 1)
            size = os.fstat(opened.fileno()).st_size
        if len(data) > getattr(limits, limit):
            raise limits.refuse(limit, f"{file} has {size:,} bytes", max(size, len(data)))
        text = data.decode("utf-8-sig")  # some editors begin a file with a byte-order mark
        if is_toml:
            return tomllib.loads(text)
        record = json.loads(text)
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}; check the path") from error
    except InputError as error:
        raise ConfigError(str(error)) from error
    except ValueError as error:
        raise ConfigError(
            f"{file} is neither TOML settings nor the run.json of a run ({error}); correct it"
        ) from error
    values = record.get("config") if isinstance(record, dict) else None
    if not isinstance(values, dict):
        raise ConfigError(
            f"{file} is neither TOML settings nor the run.json of a run (it has no settings under "
            "'config'); correct it"
        )
    return values


def _insert(changes: dict[str, Any], assignment: str) -> None:
    """Put `group.name=value` into nested values; a later assignment replaces an earlier one."""
    name, equals, text = assignment.partition("=")
    if not equals or not name:
        raise ConfigError(f"--set {assignment} has no '='; write it as --set regions.threshold=0.3")
    *groups, leaf = name.strip().split(".")
    for group in groups:
        inner = changes.setdefault(group, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{group} is set as a value and as a group; set one of the two")
        changes = inner
    changes[leaf] = _parse_value(text)


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:  # no TOML, or a number with thousands of digits
        return text.strip()
