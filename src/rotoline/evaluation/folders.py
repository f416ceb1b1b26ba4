"""J and F of a folder of predicted masks against a folder of true masks."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rotoline.errors import InputError
from rotoline.evaluation.mask_pairs import match_names
from rotoline.io.results import read_label_maps
from rotoline.metrics import SequenceScores, evaluate_sequence, scored_frames
from rotoline.types import LabelMap


def evaluate_folders(predicted: Path, truth: Path, *, every_frame: bool) -> SequenceScores:
    """Score the masks in one folder against those in another, matched by their names.

    Names are matched as `rotoline segment` matches masks to frames: `1` is `00001`.

    Args:
        predicted: A mask for every frame of `truth`, in a folder of masks or the output folder of
            a run; masks of further frames are ignored.
        truth: A folder with the true masks. The objects in any of them are scored.
        every_frame: Whether the first and the last true mask are scored too, which DAVIS leaves
            out. Needed if `truth` holds a few frames only.

    Raises:
        InputError: A folder is missing or empty, predictions are missing, sizes or ids differ, or
            the two folders seem to be numbered differently.
    """
    true_masks, predicted_masks = read_label_maps(truth), read_label_maps(predicted)
    predicted_names = match_names(predicted_masks, true_masks, (predicted, truth))
    ids = sorted({int(i) for labels in true_masks.values() for i in np.unique(labels)})
    object_ids = [object_id for object_id in ids if object_id]
    if not object_ids:
        raise InputError(f"the masks in {truth} are all background; there is nothing to score")
    names = scored_frames(list(true_masks), every_frame=every_frame)

    def pairs() -> Iterator[tuple[str, LabelMap, LabelMap]]:
        for name in names:
            yield name, predicted_masks[predicted_names[name]], true_masks[name]

    return evaluate_sequence(pairs(), object_ids)
