"""Manifests: the clips of a batch, a line for each, as JSON Lines or CSV.

    {"id": "cat", "video": "cat.mp4", "masks": "cat.png", "settings": {"tuning.steps": 8}}

    id,video,masks,output,settings
    cat,cat.mp4,cat.png,,tuning.steps=8; fuse.background_threshold=0.4

Paths are relative to the folder of the manifest, outputs to the root of the batch. An id that is
left out is the name of the video, an output that is left out the id.
"""

import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from rotoline.batch.jobs import HOME, Item
from rotoline.batch.storage import is_address
from rotoline.errors import ConfigError, InputError
from rotoline.io.atomic import write_text
from rotoline.io.text import read_text
from rotoline.settings import flatten

FIELDS = ("id", "video", "masks", "output", "settings")
SUFFIXES = (".jsonl", ".csv")
MOST_BYTES = 2**30
"""Bytes of a manifest: a million lines take a fifth of it."""
_SHOWN = 5
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
"""Names that Windows keeps for devices."""


class Line(BaseModel):
    """A line of a manifest as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str | None = None
    video: str
    masks: str | list[str]
    output: str | None = None
    settings: dict[str, Any] = {}

    @field_validator("video", "masks")
    @classmethod
    def _not_empty(cls, value: str | list[str]) -> str | list[str]:
        if not value or not all(value):
            raise ValueError("it is empty")
        return value


def read_manifest(path: Path, root: str) -> list[Item]:
    """Read a manifest.

    Args:
        path: A file `.jsonl` or `.csv`.
        root: The path or address that outputs are relative to.

    Raises:
        InputError: A line cannot be used; the message gives the numbers of the first ones.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"{path} is no manifest by its name; give a file .jsonl (a JSON object a line) or .csv"
        )
    text = read_text(path, MOST_BYTES)
    read = _read_csv if path.suffix.lower() == ".csv" else _read_json_lines
    items, problems = [], list[str]()
    for number, values in read(text, path):
        try:
            line = Line.model_validate(values())
            items.append(_item(line, number, path.absolute().parent, root))
        except ValidationError as error:
            problems.append(f"line {number}: {_explain(error)}")
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    problems += _find_doubles(items)
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise InputError(f"{path}: {'; '.join(problems[:_SHOWN])}{more}; correct it")
    if not items:
        raise InputError(f"{path} names no clip; write a line for each")
    return items


def _read_json_lines(text: str, path: Path) -> Iterator[tuple[int, Callable[[], Any]]]:
    del path
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, partial(_parse, line)


def _parse(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"it is no JSON ({error})") from error


def _read_csv(text: str, path: Path) -> Iterator[tuple[int, Callable[[], Any]]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        unknown = [str(name) for name in reader.fieldnames or () if name not in FIELDS]
        if unknown or not {"video", "masks"} <= set(reader.fieldnames or ()):
            raise InputError(
                f"{path}: its first line must name the columns, among {','.join(FIELDS)}; "
                f"{f'{unknown[0]!r} is none of them' if unknown else 'video and masks are missing'}"
            )
        for row in reader:
            yield reader.line_num, partial(_row, row)
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.reader.line_num}: {error}; correct it") from error


def _row(row: Mapping[str | None, Any]) -> dict[str, Any]:
    """The values of a row of CSV; empty ones are left out."""
    if None in row:
        raise InputError("it has more values than there are columns; quote values with commas")
    values: dict[str, Any] = {str(name): value.strip() for name, value in row.items() if value}
    values = {name: value for name, value in values.items() if value}
    if ";" in values.get("masks", ""):
        values["masks"] = [one.strip() for one in values["masks"].split(";") if one.strip()]
    settings = {}
    for one in values.get("settings", "").split(";"):
        name, equals, value = one.strip().partition("=")
        if name and not equals:
            raise InputError(f"{one.strip()!r} is no setting; write NAME=VALUE; NAME=VALUE")
        if name:
            settings[name.strip()] = _Text(value.strip())
    return {**values, "settings": settings}


class _Text(str):
    """A value as it is written after `--set NAME=`, not JSON."""

    __slots__ = ()


def assignments_of(settings: Mapping[str, Any]) -> list[str]:
    """Settings of an item in the form of `--set`."""
    return [f"{name}={value}" for name, value in settings.items()]


def _item(line: Line, number: int, folder: Path, root: str) -> Item:
    masks = [line.masks] if isinstance(line.masks, str) else line.masks
    name = line.id if line.id is not None else PurePosixPath(line.video.rstrip("/")).stem
    if not _ID.fullmatch(name) or _RESERVED.fullmatch(name) or name.endswith("."):
        where = "" if line.id is not None else ", the name of its video,"
        raise InputError(
            f"the id {name!r}{where} is no good name for a folder; give an id of letters, digits, "
            "'.', '_' and '-'"
        )
    settings = {
        key: value if isinstance(value, _Text) else json.dumps(value)
        for key, value in flatten(line.settings).items()
    }
    return Item(
        id=name,
        video=_located(line.video, folder),
        masks=tuple(_located(one, folder) for one in masks),
        output=_output(line.output or name, root),
        settings=settings,
        line=number,
    )


def _located(text: str, folder: Path) -> str:
    return text if is_address(text) else os.path.normpath(folder / text)


def _output(text: str, root: str) -> str:
    if is_address(text):
        return text
    if Path(text).is_absolute():
        return os.path.normpath(text)
    parts = PurePosixPath(text).parts
    if ".." in parts or parts[:1] == (HOME,) or not parts:
        raise InputError(f"the output {text!r} is not a folder below the root of the batch")
    return f"{root.rstrip('/')}/{'/'.join(parts)}"


def _find_doubles(items: Iterable[Item]) -> list[str]:
    """What two lines have in common that they must not."""
    found, ids, outputs = [], dict[str, Item](), dict[str, Item]()
    for one in items:
        # Some file systems do not tell capitals from small letters.
        for what, key, known in (("id", one.id, ids), ("output", one.output, outputs)):
            other = known.setdefault(key.lower(), one)
            if other is not one:
                found.append(f"lines {other.line} and {one.line} have the same {what} {key}")
                break
    for output, one in outputs.items():
        above = next((up for up in _parents(output) if up in outputs), None)
        if above is not None:
            found.append(
                f"the output of line {one.line} lies in that of line {outputs[above].line}"
            )
    return found


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"][:1]))
    if first["type"] == "extra_forbidden":
        return f"there is no field {name!r}; there are {', '.join(FIELDS)}"
    if first["type"] == "missing":
        return f"{name} is missing"
    if not name:
        return "it is no object with the fields id, video, masks, output, settings"
    return f"{name} is {first['input']!r}; {first['msg'].lower().removeprefix('value error, ')}"


def write_manifest(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write a manifest as JSON Lines or, if its name ends with `.csv`, as CSV.

    Args:
        path: The file; one that exists is not replaced.
        lines: The fields of each line; `masks` is a list.

    Raises:
        ConfigError: The name ends otherwise, or the file exists.
        OutputError: It cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{path} must end with .jsonl or .csv, which decides on its format")
    if path.exists():
        raise ConfigError(f"{path} exists already; give another name, or remove it")
    if path.suffix.lower() == ".jsonl":
        short = ({**one, "masks": _single(one["masks"])} for one in lines)
        write_text(path, "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in short))
        return
    file = io.StringIO()
    writer = csv.DictWriter(file, ("id", "video", "masks"), lineterminator="\n")
    writer.writeheader()
    writer.writerows({**one, "masks": ";".join(one["masks"])} for one in lines)
    write_text(path, file.getvalue())


def _single(masks: Sequence[str]) -> str | Sequence[str]:
    return masks[0] if len(masks) == 1 else masks
