"""One label map from the regions of a frame, of which only one can be in front at each pixel."""

from pathlib import Path

import numpy as np

from rotoline.errors import InputError
from rotoline.io import rle
from rotoline.io.mask_files import Warn
from rotoline.io.readers.label_file import LabelledFrame, Region
from rotoline.types import LabelMap, ObjectId

_MARGIN = 0.1
"""Part of the smaller of two objects that both may claim: outlines by hand overlap a little."""


def paint(path: Path, frame: LabelledFrame, names: dict[ObjectId, str], warn: Warn) -> LabelMap:
    """Draw the regions of a frame into a label map, uint8 `(H, W)`.

    Where regions of different layers overlap, the higher layer is in front. In one layer, an object
    that lies within another is in front of it; objects that overlap at their edges share
    these pixels in the order of the file, and a warning says so.

    Raises:
        InputError: It is not clear which object is in front.
    """
    labels = np.zeros(frame.size, np.uint8)
    layers: dict[tuple[int, ObjectId], rle.Mask] = {}
    for region in sorted(frame.regions, key=lambda region: region.layer):
        key = region.layer, region.object_id
        mask = _decode(path, frame, region)
        layers[key] = layers[key] | mask if key in layers else mask
    for (layer, object_id), mask in layers.items():
        behind = mask.copy()
        for other in np.unique(labels[mask]).tolist():
            if other in (0, object_id) or (layer, other) not in layers:
                continue
            shared = mask & (labels == other)
            if _is_behind(path, frame, (names[object_id], mask), (names[other], labels == other)):
                behind &= ~shared
            elif shared.sum() != mask.sum():
                warn(
                    f"{names[other]} and {names[object_id]} overlap in {shared.sum()} pixels of "
                    f"frame {frame.name} of {path}; {names[object_id]}, which comes later there, "
                    "has them"
                )
        labels[behind] = object_id
    return labels


def _is_behind(
    path: Path, frame: LabelledFrame, later: tuple[str, rle.Mask], earlier: tuple[str, rle.Mask]
) -> bool:
    """Whether the object that comes later in the file lies behind the earlier one."""
    (name, mask), (other, other_mask) = later, earlier
    shared, area, other_area = (mask & other_mask).sum(), mask.sum(), other_mask.sum()
    if shared == area != other_area:
        return False
    if shared == other_area != area:
        return True
    if shared <= _MARGIN * min(area, other_area):
        return False
    raise InputError(
        f"{other} and {name} overlap in {shared} pixels of frame {frame.name} of {path}, and it "
        f"can be read in two ways: {other} is in front, or {name} is; cut the one behind out "
        "there"
    )


def _decode(path: Path, frame: LabelledFrame, region: Region) -> rle.Mask:
    try:
        return rle.decode(region.counts, frame.size)
    except InputError as error:
        raise InputError(f"frame {frame.name} of {path}: {error}") from error
