"""What the user marked: which objects there are, where each was shown, and where each starts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rotoline.errors import InputError
from rotoline.types import MAX_ID, Frame, LabelMap, ObjectId


@dataclass(frozen=True, slots=True)
class Marks:
    """Label maps of the marked frames, checked.

    Nothing is assumed about an object in a marked frame that does not show it: it may be hidden,
    or only not marked there.
    """

    labels: dict[int, LabelMap]
    """uint8 `(H, W)` by frame index, rising."""
    object_ids: list[ObjectId]
    """Rising; an object's position is its channel."""
    starts: np.ndarray
    """int `(K,)`: the first frame in which each object is marked."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return next(iter(self.labels.values())).shape

    def shows(self, index: int) -> np.ndarray:
        """Which objects are marked in a frame, bool `(K,)`."""
        return np.isin(self.object_ids, self.labels.get(index, ()))

    def masks(self, index: int) -> Tensor:
        """The objects as marked in one frame, float `(K, H, W)`, 0 or 1."""
        labels = torch.from_numpy(self.labels[index])
        ids = torch.tensor(self.object_ids, dtype=torch.uint8)
        return (labels[None] == ids[:, None, None]).float()

    def masks_at(self, index: int, size: tuple[int, int]) -> Tensor:
        """The same at another size, as the share of each pixel that is covered."""
        return functional.interpolate(self.masks(index)[None], size=size, mode="area")[0]


def check_marks(masks: LabelMap | Mapping[int, LabelMap], frames: Mapping[int, Frame]) -> Marks:
    """Check label maps against the frames they belong to.

    Args:
        masks: One label map for frame 0, or several by frame index.
        frames: The frames with those indices.

    Raises:
        InputError: No marks, a wrong shape, type or id, or nothing but background.
    """
    labels: dict[int, LabelMap] = {}
    starts: dict[ObjectId, int] = {}
    for index, given in sorted(by_index(masks).items()):
        found = np.asarray(given)
        if found.dtype == bool:
            found = found.astype(np.uint8)
        if found.ndim != 2 or not np.issubdtype(found.dtype, np.integer):
            raise InputError(
                f"the mask of frame {index} is {found.dtype} of shape {found.shape}; "
                "needed are object ids as integers (height, width), 0 for background"
            )
        height, width = frames[index].shape[:2]
        if found.shape != (height, width):
            raise InputError(
                f"the mask of frame {index} is {found.shape[1]}x{found.shape[0]}, its frame is "
                f"{width}x{height}; draw the mask at the size of the frame"
            )
        ids = np.unique(found)
        if ids[0] < 0 or ids[-1] > MAX_ID:
            raise InputError(
                f"the mask of frame {index} has ids from {ids[0]} to {ids[-1]}; "
                f"supported are 1 to {MAX_ID}, and 0 for background: renumber the objects"
            )
        if ids[-1] == 0:
            raise InputError(
                f"the mask of frame {index} is all background; mark at least one object in it"
            )
        labels[index] = found.astype(np.uint8)
        for object_id in ids[ids > 0].tolist():
            starts.setdefault(object_id, index)
    object_ids = sorted(starts)
    return Marks(labels, object_ids, np.array([starts[object_id] for object_id in object_ids]))


def by_index(masks: LabelMap | Mapping[int, LabelMap]) -> dict[int, LabelMap]:
    """Marks by frame index; a single label map belongs to frame 0.

    Raises:
        InputError: There are none, or an index is no frame number.
    """
    marks = dict(masks) if isinstance(masks, Mapping) else {0: masks}
    if not marks:
        raise InputError("no masks were given; mark each object in at least one frame")
    for index in marks:
        if not isinstance(index, (int, np.integer)) or index < 0:
            raise InputError(f"masks are given for frame {index!r}; frames count 0, 1, 2, ...")
    return {int(index): label_map for index, label_map in marks.items()}
