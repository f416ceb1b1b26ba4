"""How a run begins: anew, from where another process was stopped, or in place of old results."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rotoline.correction import changed_masks
from rotoline.errors import ConfigError, OutputError
from rotoline.io.content import mask_hash
from rotoline.io.frames import FrameSource
from rotoline.io.old_results import check_replaceable, is_left_by_run, is_to_be_replaced
from rotoline.io.output_folder import check_output, is_empty
from rotoline.io.run_record import FILE, read_run_record
from rotoline.io.run_state import STATE, FinishedRun, SavedRun, read_finished_run, read_state
from rotoline.settings import flatten
from rotoline.types import LabelMap

_COMPARED = {
    "content.video": "the content of the video",
    "content.masks": "the mask of frame",
    "complete_frames": "the complete frames",
    "input": "how the video is read:",
    "config": "the setting",
    "weights.sha256": "the weights",
    "versions": "the version of",
    "device.device": "the device",
    "device.machine": "the kind of processor",
    "formats": "the formats",
}
"""The parts of `run.json` that a result depends on, in words."""
_NOT_COMPARED = ("input.video", "input.masks")
"""Paths: files may be moved."""


class Beginning(NamedTuple):
    """How a run begins."""

    saved: SavedRun | None = None
    """The state to go on from; None to begin with the first frame."""
    replaces: bool = False
    """Whether the folder holds results that the run replaces."""
    is_complete: bool = False
    """Whether all frames are segmented."""
    finished: FinishedRun | None = None
    """What is kept of a complete run, if it is."""
    note: str = ""
    """What the user must know about it."""


def begin(output: Path, record: Mapping[str, Any], *, resume: bool, overwrite: bool) -> Beginning:
    """Decide how a run begins; nothing is changed.

    Args:
        output: The output folder, locked.
        record: The fields of `run.json` that are known before the run.
        resume: Whether to go on with the run in the folder.
        overwrite: Whether to replace its results.

    Raises:
        OutputError: The folder holds something that is not to be replaced.
        ConfigError: The run in the folder was begun with other inputs.
        InputError: Its state or its record is damaged.
    """
    if overwrite:
        check_replaceable(output)
        return Beginning(replaces=not is_empty(output))
    if not resume:
        check_output(output, _advice(output))
        return Beginning()
    saved, old = read_state(output), read_run_record(output)
    if saved is not None:
        _refuse_differences(output, saved.facts["record"], record, are_masks_known=True)
        done = saved.frames_count
        note = f"{output}: going on after {done} finished frames"
        return Beginning(saved, is_to_be_replaced(output), note=note)
    anew = "so the run begins with the first frame"
    if is_to_be_replaced(output):
        return Beginning(replaces=True, note=f"{output} holds no checkpoint yet, {anew}")
    if not old:
        if not is_empty(output) and not (output / STATE).is_dir():
            raise OutputError(
                f"{output} holds files but no {FILE}, so there is no run to resume; give the "
                "folder of a run, or one that does not exist yet"
            )
        return Beginning(note=f"{output} holds no run to resume, {anew}")
    finished = read_finished_run(output)
    _refuse_differences(output, old, record, are_masks_known=finished is not None)
    if finished is not None or old.get("status") == "complete":
        return Beginning(is_complete=True, finished=finished)
    return Beginning(replaces=True, note=f"{output} holds no checkpoint yet, {anew}")


def later_masks(
    masks: Mapping[int, LabelMap], marks: Mapping[int, LabelMap]
) -> dict[int, LabelMap]:
    """The masks that are new, or differ from those that the run in the folder has (`marks`)."""
    if not marks:
        return {}
    return {index: masks[index] for index in changed_masks(marks, masks)}


def _advice(output: Path) -> str:
    """What to do about a folder that holds something."""
    if is_left_by_run(output):
        return "--resume goes on with the run in it, --overwrite replaces it; or give a new folder"
    return "give a folder that does not exist yet, or remove this one"


def _refuse_differences(
    output: Path, old: Mapping[str, Any], new: Mapping[str, Any], *, are_masks_known: bool
) -> None:
    """Refuse to go on with a run of other inputs, and say which.

    Masks do not matter where those of the run are known: then others are corrections.
    """
    if "content" not in old:
        raise ConfigError(
            f"{output} was written by a version of rotoline that kept nothing to resume from; "
            "start anew with --overwrite, or give another folder"
        )
    found = differences(old, json.loads(json.dumps(new)))
    if are_masks_known:
        about_masks = _COMPARED["content.masks"], _COMPARED["complete_frames"]
        found = [one for one in found if not one.startswith(about_masks)]
    if found:
        more = f", and {len(found) - 5} more" if len(found) > 5 else ""
        raise ConfigError(
            f"the run in {output} was begun otherwise: {', '.join(found[:5])}{more}; give what it "
            "was begun with to resume it, or start anew with --overwrite or in another folder"
        )


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What a result depends on and two records of runs differ in, in words, with both values."""
    was, now = (flatten(record) for record in (old, new))
    found = []
    for name in sorted(was.keys() | now.keys()):
        part = next((one for one in _COMPARED if f"{name}.".startswith(f"{one}.")), None)
        if part is None or name in _NOT_COMPARED or was.get(name) == now.get(name):
            continue
        words = " ".join(filter(None, (_COMPARED[part], name.removeprefix(part).lstrip("."))))
        is_hash = part.startswith("content") or part == "weights.sha256"
        values = (
            _added(was, now, name) if is_hash else f"{_said(was, name)}, now {_said(now, name)}"
        )
        found.append(f"{words} ({values})")
    return found


def _added(was: Mapping[str, Any], now: Mapping[str, Any], name: str) -> str:
    if name not in was:
        return "new"
    return "changed" if name in now else "missing now"


def _said(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name, "none")
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)


def mask_hashes(source: FrameSource, masks: Mapping[int, LabelMap]) -> dict[str, str]:
    """Hashes of masks by the name of their frame, for `run.json`."""
    return {source.name(index): mask_hash(mask) for index, mask in masks.items()}
