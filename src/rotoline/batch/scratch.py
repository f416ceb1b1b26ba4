"""Copies on this machine of what an item reads and writes elsewhere; their size is bounded.

SCRATCH/KEY/inputs, SCRATCH/KEY/output

The key stands for the output and the inputs of an item. What an item leaves that was not finished
stays, so that the next attempt on this machine goes on from there, until room is needed.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rotoline.batch.jobs import Job
from rotoline.batch.ledger import RUN, Fingerprint
from rotoline.batch.storage import Place, fetch, place_of, upload
from rotoline.errors import OutputError
from rotoline.io.atomic import make_folder
from rotoline.io.output_folder import locked_output


class Workplace(NamedTuple):
    """Where the files of an item are on this machine."""

    video: Path
    """The video."""
    masks: Path
    """A mask file or a folder of them."""
    output: Path
    """The folder to write into."""
    check: Callable[[], str]
    """Says why the item must be stopped; empty while its copies are within their bound."""
    finish: Callable[[], None]
    """Takes the results where they belong."""


@contextmanager
def workplace(job: Job, wanted: Fingerprint) -> Iterator[Workplace]:
    """Bring the files of an item to this machine, where they are not.

    Args:
        job: The item.
        wanted: Its fingerprint.

    Raises:
        InputError: The inputs are larger than their bound.
        OutputError: Nothing can be written here.
    """
    video, output = place_of(job.item.video), place_of(job.item.output)
    masks = [place_of(one) for one in job.item.masks]
    if len(masks) == 1 and all(one.is_local for one in (video, output, masks[0])):
        yield Workplace(video.local, masks[0].local, output.local, lambda: "", lambda: None)
        return
    key = hashlib.sha256(json.dumps([job.item.output, wanted]).encode()).hexdigest()[:24]
    entry, most = job.means.scratch / key, job.means.scratch_limit
    with locked_output(entry):
        _keep_within(job.means.scratch, most, entry)
        inputs, results = entry / "inputs", entry / "output"
        there = output.local if output.is_local else results
        yield Workplace(
            video=_bring(video, inputs, most),
            masks=_bring_masks(masks, inputs / "masks", most),
            output=there,
            check=lambda: _check(entry, most),
            finish=lambda: None if output.is_local else upload(there, output, RUN),
        )
        for path in (inputs, results):
            shutil.rmtree(path, ignore_errors=True)


def _bring(place: Place, folder: Path, most: int) -> Path:
    """A place on this machine: itself, or a copy."""
    if place.is_local:
        return place.local
    left = most - (_size(folder) if folder.exists() else 0)
    return fetch(place, folder, max(0, left))


def _bring_masks(masks: list[Place], folder: Path, most: int) -> Path:
    """One mask file or folder as `_bring` does; several files in one folder."""
    if len(masks) == 1:
        return _bring(masks[0], folder, most)
    make_folder(folder)
    for one in masks:
        if one.is_local:
            shutil.copyfile(one.local, folder / one.local.name)
        else:
            fetch(one, folder, most)
    return folder


def _check(entry: Path, most: int) -> str:
    if _size(entry) <= most:
        return ""
    return (
        f"its copies and results take more than the {most / 1e9:.3g} GB that --scratch-limit allows"
    )


def _keep_within(scratch: Path, most: int, own: Path) -> None:
    """Remove what earlier items have left, the oldest first, until it is within the bound."""
    entries = sorted(
        (path for path in scratch.iterdir() if path.is_dir() and path != own),
        key=lambda path: path.stat().st_mtime,
    )
    sizes = {path: _size(path) for path in entries}
    for path in entries:
        if sum(sizes.values()) <= most:
            return
        try:
            with locked_output(path):
                for name in ("inputs", "output"):
                    shutil.rmtree(path / name, ignore_errors=True)
            shutil.rmtree(path, ignore_errors=True)
        except OutputError:  # an item has just begun there
            pass
        del sizes[path]


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:  # removed meanwhile
            continue
    return total
