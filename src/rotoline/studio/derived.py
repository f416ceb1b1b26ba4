"""The files of a project that are made from the others: masks of frames, and `run.json`.

They are what `rotoline export`, `rotoline report` and `rotoline segment --masks` read.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rotoline.io.atomic import make_folder, output_errors
from rotoline.io.content import mask_hash
from rotoline.io.frames import FrameSource
from rotoline.io.masks import write_mask
from rotoline.io.old_results import OLD_STATE
from rotoline.io.paths import PROJECT_MARKS
from rotoline.io.run_record import read_run_record, write_run_record
from rotoline.io.run_state import can_go_on, remove_checkpoint
from rotoline.io.writers.png import PngWriter
from rotoline.studio.frame_masks import FrameMasks
from rotoline.studio.project import Project
from rotoline.types import LabelMap


def write_frame(project: Project, masks: FrameMasks, index: int) -> None:
    """Write the mask files of a frame as they are now, or remove those that it has no more.

    Raises:
        OutputError: They cannot be written.
    """
    name = project.name(index)
    is_marked = index in project.state.frames
    _write(project.folder / PROJECT_MARKS, name, masks.mark(index) if is_marked else None)
    if index in project.results:
        _write(project.folder / PngWriter.target, name, masks.shown(index))


def frames_without_file(project: Project) -> set[int]:
    """The frames with a result that has no mask file, as after a run that wrote other formats."""
    folder = project.folder / PngWriter.target
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return {i for i in project.results if f"{project.name(i)}{PngWriter.suffix}" not in found}


def _write(folder: Path, name: str, labels: LabelMap | None) -> None:
    path = folder / f"{name}{PngWriter.suffix}"
    if labels is not None:
        make_folder(folder)
        write_mask(path, labels)
        return
    with output_errors(path):
        path.unlink(missing_ok=True)


def own_state(folder: Path) -> None:
    """Remove what a run that was opened as a project has kept to go on from.

    What changes here would not agree with it.
    """
    remove_checkpoint(folder)
    shutil.rmtree(folder / OLD_STATE, ignore_errors=True)


def write_record(
    project: Project, masks: FrameMasks, source: FrameSource, circumstances: Mapping[str, Any]
) -> None:
    """Write `run.json`, if there are results.

    That of a run in which nothing was marked or tracked here says the names of objects, and else
    what it did.

    Args:
        project: The project.
        masks: Its masks.
        source: Its frames.
        circumstances: Settings, versions, device and weights.

    Raises:
        OutputError: It cannot be written.
    """
    results, state = project.results, project.state
    if not len(results):
        return
    names = {str(one.id): one.name for one in state.objects.values()}
    if can_go_on(project.folder):
        write_run_record(project.folder, read_run_record(project.folder) | {"names": names})
        return
    marked = sorted(state.frames)
    record = {
        "status": "complete" if len(results) >= project.count else "interrupted",
        "command": ["rotoline", "studio", str(project.folder)],
        "input": {
            "video": project.about.source.path,
            "masks": str(project.folder / PROJECT_MARKS),
            "size": list(project.size),
            **source.reading,
        },
        "content": {
            "video": project.about.source.content,
            "masks": {project.name(i): mask_hash(masks.mark(i)) for i in marked},
        },
        "annotated_frames": [project.name(index) for index in marked],
        "complete_frames": [project.name(i) for i in marked if state.frames[i].is_complete],
        "warnings": [],
        "names": names,
        "formats": ["png"],
        **circumstances,
        "frames": len(results),
        "frames_declared": project.count,
        "frame_rate": project.about.frame_rate,
        "confidence": _confidences(project),
    }
    write_run_record(project.folder, record)


def _confidences(project: Project) -> Iterator[tuple[str, dict[int, float]]]:
    ids = sorted(project.state.objects)
    for index in project.results:
        known = project.results.confidence(index)
        yield project.name(index), {i: known.get(i, 0.0) for i in ids}


def remove_stale_files(project: Project) -> None:
    """Remove the mask files of frames that were marked and are not any more."""
    folder = project.folder / PROJECT_MARKS
    for index in project.history.touched - project.state.frames.keys():
        with suppress(OSError):
            (folder / f"{project.name(index)}{PngWriter.suffix}").unlink()
