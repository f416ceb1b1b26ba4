"""J and F of a folder of predicted masks against a folder of true masks."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rotoline.errors import InputError
from rotoline.evaluation.mask_pairs import match_names
from rotoline.io.masks import is_black_and_white
from rotoline.io.results import LabelMaps, read_label_maps
from rotoline.metrics import SequenceScores, evaluate_sequence, scored_frames
from rotoline.types import VOID, LabelMap, ObjectId, known_labels


def evaluate_folders(predicted: Path, truth: Path, *, every_frame: bool) -> SequenceScores:
    """Score the masks in one folder against those in another, matched by their names.

    Names are matched as `rotoline segment` matches masks to frames: `1` is `00001`.

    Args:
        predicted: A mask for every frame of `truth`, in a folder of masks or the output folder of
            a run; masks of further frames are ignored.
        truth: A folder with the true masks. The objects in any of them are scored. As
            in DAVIS, void pixels (255) are background in both masks.
        every_frame: Whether the first and the last true mask are scored too, which DAVIS leaves
            out. Needed if `truth` holds a few frames only.

    Raises:
        InputError: A folder is missing or empty, predictions are missing, sizes or ids differ, or
            the two folders seem to be numbered differently.
    """
    true_masks, predicted_masks = read_label_maps(truth), read_label_maps(predicted)
    object_ids = _object_ids(true_masks, truth)
    predicted_names = match_names(predicted_masks, true_masks, (predicted, truth))
    names = scored_frames(list(true_masks), every_frame=every_frame)

    def pairs() -> Iterator[tuple[str, LabelMap, LabelMap]]:
        for name in names:
            found = predicted_masks[predicted_names[name]]
            yield name, *known_labels(found, true_masks.with_void(name))

    return evaluate_sequence(pairs(), object_ids)


def _object_ids(masks: LabelMaps, folder: Path) -> list[ObjectId]:
    """The ids in all true masks, ascending, without void."""
    found = {name: set(np.unique(masks.with_void(name)).tolist()) for name in masks}
    void = next((name for name, ids in found.items() if VOID in ids), None)
    if void is not None:
        for name, file in masks.files.items():
            if found[name] == {0, 1} and is_black_and_white(file):
                raise InputError(
                    f"{file} is black and white, and {masks.files[void]} has ids and void pixels "
                    f"({VOID}). White can be read in two ways: as object 1, or as void; save all "
                    "masks of the folder in one way, with a palette"
                )
    object_ids = sorted(set().union(*found.values()) - {0, VOID})
    if not object_ids:
        what = "background" if void is None else f"background or void ({VOID}, no object)"
        raise InputError(f"the masks in {folder} are all {what}; there is nothing to score")
    return object_ids
