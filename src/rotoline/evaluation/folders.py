"""Folders of masks in, J and F out."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rotoline.errors import InputError
from rotoline.io.masks import read_labels
from rotoline.io.pictures import list_pictures
from rotoline.metrics import SequenceScores, evaluate_sequence, scored_frames
from rotoline.types import LabelMap


def evaluate_folders(predicted: Path, truth: Path, *, every_frame: bool) -> SequenceScores:
    """Score the masks in one folder against those in another, matched by their names.

    Args:
        predicted: A mask file for every frame of `truth`; masks of further frames are ignored.
        truth: The true masks. The objects in any of them are scored.
        every_frame: Whether the first and the last true mask are scored too, which DAVIS leaves
            out. Needed if `truth` holds a few frames only.

    Raises:
        InputError: A folder is missing or empty, predictions are missing, sizes or ids differ.
    """
    true_masks = {path.stem: path for path in _masks_in(truth)}
    predicted_masks = {path.stem: path for path in _masks_in(predicted)}
    missing = sorted(set(true_masks) - set(predicted_masks))
    if missing:
        raise InputError(
            f"{predicted} lacks {len(missing)} of the {len(true_masks)} frames in {truth}, the "
            f"first is {missing[0]}; predict all frames, with the names the truth has"
        )
    ids = sorted({int(i) for path in true_masks.values() for i in np.unique(read_labels(path))})
    object_ids = [object_id for object_id in ids if object_id]
    if not object_ids:
        raise InputError(f"the masks in {truth} are all background; there is nothing to score")
    names = scored_frames(list(true_masks), every_frame=every_frame)

    def pairs() -> Iterator[tuple[str, LabelMap, LabelMap]]:
        for name in names:
            yield name, read_labels(predicted_masks[name]), read_labels(true_masks[name])

    return evaluate_sequence(pairs(), object_ids)


def _masks_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give the folder that holds the masks")
    paths = list_pictures(folder)
    if not paths:
        raise InputError(f"{folder} holds no masks; give a folder with one mask picture a frame")
    return paths
