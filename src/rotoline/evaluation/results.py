"""`results.json`: what was measured, and everything that made it."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rotoline.model import Model
from rotoline.errors import InputError, OutputError
from rotoline.evaluation.development_clips import DevelopmentClip
from rotoline.evaluation.measure import ClipMeasure
from rotoline.io.atomic import write_text
from rotoline.io.run_record import current_commit, device, versions
from rotoline.pipeline import PipelineConfig

FILE = "results.json"

Scope = dict[str, tuple[tuple[str, ...], tuple[int, ...]]]
"""What was scored: frames and object ids by the name of the clip."""


class Results(BaseModel):
    """One configuration on all clips. As a file, `--config results.json` repeats its settings."""

    model_config = ConfigDict(frozen=True)

    command: tuple[str, ...]
    config: dict[str, Any]
    weights: dict[str, Any]
    """The record of the weights, as `rotoline.weights.files.WeightsRecord`."""
    versions: dict[str, str]
    device: dict[str, str | int]
    commit: str
    """Of the source; `+` for changes that are not in it."""
    clips: tuple[ClipMeasure, ...] = Field(min_length=1)

    def in_group(self, group: str) -> list[ClipMeasure]:
        """The clips of one group, in order."""
        return [clip for clip in self.clips if clip.group == group]

    @property
    def scope(self) -> Scope:
        """What was scored."""
        return {c.name: (c.frames, tuple(o.object_id for o in c.objects)) for c in self.clips}


def make_results(
    model: Model, config: PipelineConfig, command: Sequence[str], clips: Iterable[ClipMeasure]
) -> Results:
    """Put measures together with the circumstances of this process."""
    return Results(
        command=tuple(command),
        config=config.model_dump(mode="json"),
        weights=model.record.model_dump(),
        versions=versions(),
        device=device(),
        commit=current_commit(),
        clips=tuple(clips),
    )


def scope_of(clips: Iterable[DevelopmentClip]) -> Scope:
    """What will be scored."""
    return {clip.name: (clip.scored, clip.object_ids) for clip in clips}


def check_same_scope(before: Scope, after: Scope) -> None:
    """Refuse to compare what was not measured on the same frames and objects.

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
                odd = sorted(set(a) ^ set(b)) or ["the order"]
                raise InputError(
                    f"the two runs scored different {what} of {name}: {odd[0]} differs, of "
                    f"{len(a)} and {len(b)}; measure both on the same data"
                )


def gains(before: Sequence[ClipMeasure], after: Sequence[ClipMeasure]) -> list[np.ndarray]:
    """Per clip, J&F after minus before in every scored frame; the clips must be the same."""
    pairs = zip(before, after, strict=True)
    return [new.j_and_f_per_frame - old.j_and_f_per_frame for old, new in pairs]


def read_results(folder: Path) -> Results:
    """Read the results of a former run from its output folder.

    Raises:
        InputError: There are none, or the file is damaged.
    """
    path = folder / FILE
    try:
        return Results.model_validate_json(path.read_bytes())
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
    """Write a record as JSON, complete or not at all, into a folder that is made if need be.

    Raises:
        OutputError: The folder or the file could not be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make {path.parent}: {error.strerror}; choose a folder you may write to"
        ) from error
    write_text(path, record.model_dump_json(indent=1) + "\n")
