"""`results.json` of `rotoline experiment`: what was measured, and what produced it."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rotoline.errors import InputError
from rotoline.evaluation.clips import EvaluationClip
from rotoline.evaluation.measure import ClipMeasure
from rotoline.io.atomic import make_folder, write_text
from rotoline.io.run_record import current_commit, device, versions
from rotoline.model import Model
from rotoline.systems.protocol import SystemConfig

FILE = "results.json"
"""Name of the file in the output folder."""

Scope = dict[str, tuple[tuple[str, ...], tuple[int, ...]]]
"""The scored frames and object ids, by the label of the clip (`ClipMeasure.label`)."""


class RunRecord(BaseModel):
    """What produced some measurements. `--config results.json` uses the settings of such a file."""

    model_config = ConfigDict(frozen=True)

    command: tuple[str, ...]
    """The command line, word by word."""
    config: dict[str, Any]
    """All settings."""
    weights: dict[str, Any]
    """The record of the weights (`rotoline.weights.files.WeightsRecord`); if there are several,
    their records by name."""
    versions: dict[str, str]
    """Versions of Python, of rotoline, and of the packages that can change a result."""
    device: dict[str, str | int]
    """Device, machine, operating system and number of threads."""
    commit: str
    """Commit of the source, with `+` for changes that are not committed; empty if unknown."""


class Results(RunRecord):
    """The measures of one configuration on all clips."""

    clips: tuple[ClipMeasure, ...] = Field(min_length=1)
    """One entry per clip, and per weights that segmented it."""

    def in_group(self, group: str) -> list[ClipMeasure]:
        """The clips of one group, in order."""
        return [clip for clip in self.clips if clip.group == group]

    @property
    def groups(self) -> list[str]:
        """The groups of clips, in the order in which they were measured."""
        return list(dict.fromkeys(clip.group for clip in self.clips))

    @property
    def scope(self) -> Scope:
        """The scored frames and objects."""
        return {c.label: (c.frames, tuple(o.object_id for o in c.objects)) for c in self.clips}

    def only(self, labels: Iterable[str]) -> "Results":
        """The same results without the clips of other labels."""
        kept = tuple(clip for clip in self.clips if clip.label in set(labels))
        return self.model_copy(update={"clips": kept})


Record = TypeVar("Record", bound=RunRecord)


def circumstances(model: Model, config: SystemConfig, command: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a `RunRecord` for a run in this process."""
    return {
        "command": tuple(command),
        "config": config.for_device(model.system.device).model_dump(mode="json"),
        "weights": model.record.model_dump(),
        "versions": versions(),
        "device": device(model.system.device),
        "commit": current_commit(),
    }


def make_results(
    models: Mapping[str, Model],
    config: SystemConfig,
    command: Sequence[str],
    clips: Iterable[ClipMeasure],
) -> Results:
    """Combine measures with what produced them.

    Args:
        models: The models by the name of their weights (`ClipMeasure.weights`).
        config: The settings.
        command: The command line.
        clips: The measures.
    """
    produced_by = circumstances(next(iter(models.values())), config, command)
    if len(models) > 1:
        weights = {name: model.record.model_dump() for name, model in models.items()}
        produced_by |= {"weights": weights}
    return Results(clips=tuple(clips), **produced_by)


def scope_of(clips: Mapping[str, EvaluationClip]) -> Scope:
    """Return the frames and objects that will be scored in clips, given by their labels."""
    return {label: (clip.scored_names, clip.object_ids) for label, clip in clips.items()}


def check_same_scope(before: Scope, after: Scope) -> None:
    """Check that two runs scored the same frames and objects.

    Raises:
        InputError: A clip, a frame or an object is in one of the two only.
    """
    for name in {**before, **after}:
        if name not in before or name not in after:
            run = "other" if name in before else "new"
            raise InputError(
                f"the clip {name} is in the {run} run only; a comparison needs the same clips, "
                "so choose them with --only or measure both on the same data"
            )
        for what, a, b in zip(("frames", "objects"), before[name], after[name], strict=True):
            if a != b:
                odd = sorted(map(str, set(a) ^ set(b))) or ["the order"]
                raise InputError(
                    f"the two runs scored different {what} of {name}: {odd[0]} differs, of "
                    f"{len(a)} and {len(b)}; measure both on the same data"
                )


def read_results(folder: Path) -> Results:
    """Read the results of a finished `rotoline experiment dev`, or of one variant of an ablation.

    Args:
        folder: The output folder, which holds `results.json`.

    Raises:
        InputError: There is no such file, or it is damaged.
    """
    return read_record(folder, Results)


def read_record(folder: Path, kind: type[Record]) -> Record:
    """Read `results.json` of a finished run of some kind.

    Raises:
        InputError: There is no such file, or it is damaged or of another kind.
    """
    path = folder / FILE
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {os.strerror(error.errno or 0)}; "
            "give the output folder of a finished experiment"
        ) from error
    except ValidationError as error:
        raise InputError(
            f"{path} holds no results of an experiment ({error.errors()[0]['msg']}); "
            "give another folder, or measure again"
        ) from error


def write_record(path: Path, record: BaseModel) -> None:
    """Write a record as JSON, complete or not at all; make its folder if there is none.

    Raises:
        OutputError: The folder or the file could not be written.
    """
    make_folder(path.parent)
    write_text(path, record.model_dump_json(indent=1) + "\n")
