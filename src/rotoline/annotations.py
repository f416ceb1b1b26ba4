"""The user's annotations: which objects there are, and in which frames each is annotated."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from rotoline.errors import InputError
from rotoline.types import (
    MAX_ID,
    VOID,
    Frame,
    LabelMap,
    ObjectId,
    as_array,
    described,
    list_ids,
    without_void,
)


class GivenMasks(NamedTuple):
    """The masks of a clip as they were given."""

    masks: Mapping[int, LabelMap]
    """Object ids by frame index, uint8 `(H, W)`; 255 where they are void."""
    complete: Collection[int] = ()
    """Indices of the frames whose masks show all objects that are there."""


@dataclass(frozen=True, slots=True)
class Annotations:
    """Label maps of the annotated frames, checked.

    An object that an annotated frame does not show may be hidden there, or merely not annotated;
    neither is assumed. A frame that is complete is different: what it does not show is hidden
    there. So is one whose annotation is all background: none of the objects is there.

    Void pixels (255) are unknown: nothing is learned from them.
    """

    labels: dict[int, LabelMap]
    """uint8 `(H, W)` by frame index, in ascending order; background where they are void."""
    object_ids: list[ObjectId]
    """In ascending order; the position of an object is its channel in all maps."""
    first_annotated: Tensor
    """int64 `(K,)`: index of the first frame in which each object is annotated."""
    complete: frozenset[int] = frozenset()
    """Indices of the annotated frames that show all objects that are there."""
    void: Mapping[int, NDArray[np.bool_]] = field(default_factory=dict)
    """The void pixels `(H, W)` by frame index, of frames that have some."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames."""
        height, width = next(iter(self.labels.values())).shape
        return height, width

    def annotated_in(self, index: int) -> Tensor:
        """The objects of which frame `index` says where they are, or that they are not there.

        Returns:
            bool `(K,)`: all objects if the frame is complete or its annotation is all background,
            else those it shows; none if the frame is not annotated.
        """
        labels = self.labels.get(index)
        if labels is None:
            return torch.zeros(len(self.object_ids), dtype=torch.bool)
        tells_all = index in self.complete or not labels.any()
        return torch.from_numpy(np.isin(self.object_ids, labels) | tells_all)

    def masks(self, index: int) -> Tensor:
        """The annotated masks of frame `index`, float `(K, H, W)`, 0 or 1."""
        labels = torch.from_numpy(self.labels[index])
        ids = torch.tensor(self.object_ids, dtype=torch.uint8)
        return (labels[None] == ids[:, None, None]).float()

    def given(self) -> dict[int, LabelMap]:
        """The label maps as they were given, with 255 where they are void."""
        return {
            index: np.where(self.void[index], VOID, labels).astype(np.uint8)
            if index in self.void
            else labels
            for index, labels in self.labels.items()
        }

    def known_at(self, index: int, size: tuple[int, int]) -> Tensor | None:
        """The fraction of each pixel of frame `index` that is not void, float `size` in [0, 1].

        None if nothing is void there.
        """
        if index not in self.void:
            return None
        known = torch.from_numpy(~self.void[index]).float()
        return functional.interpolate(known[None, None], size=size, mode="area")[0, 0]

    def masks_at(self, index: int, size: tuple[int, int]) -> Tensor:
        """The masks of frame `index` at another size, float `(K, *size)` in [0, 1].

        The value of a pixel is the fraction of it that the object covers (area interpolation).
        """
        return functional.interpolate(self.masks(index)[None], size=size, mode="area")[0]


def check_annotations(
    masks: LabelMap | Mapping[int, LabelMap],
    frames: Mapping[int, Frame],
    *,
    complete: bool | Collection[int] = False,
) -> Annotations:
    """Check label maps against the frames they belong to.

    Args:
        masks: One label map for frame 0, or several by frame index. One that is all background
            says that no object is in its frame.
        frames: The frames with those indices.
        complete: Indices of the frames whose label maps show all objects that are there; True for
            all of them.

    Raises:
        InputError: No masks, a complete frame without one, a wrong shape, type or id, or nothing
            but background in all of them.
    """
    labels: dict[int, LabelMap] = {}
    void: dict[int, NDArray[np.bool_]] = {}
    first: dict[ObjectId, int] = {}
    given_masks = sorted(by_index(masks).items())
    for index, given in given_masks:
        height, width = frames[index].shape[:2]
        labels[index] = check_mask(
            f"the mask of frame {index}",
            given,
            (height, width),
            may_be_empty=len(given_masks) > 1,
        )
        if (is_void := labels[index] == VOID).any():
            void[index], labels[index] = is_void, without_void(labels[index])
        for object_id in np.unique(labels[index]).tolist():
            if object_id > 0:
                first.setdefault(object_id, index)
    if not first:
        raise InputError(
            f"all {len(labels)} masks are all background: every pixel is 0; mark each object in at "
            f"least one of them, with an id from 1 to {MAX_ID}"
        )
    object_ids = sorted(first)
    starts = torch.tensor([first[i] for i in object_ids])
    return Annotations(labels, object_ids, starts, _complete_frames(complete, labels), void)


def _complete_frames(complete: Any, labels: Collection[int]) -> frozenset[int]:
    if isinstance(complete, bool):
        return frozenset(labels) if complete else frozenset()
    if not isinstance(complete, Collection) or isinstance(complete, (str, bytes)):
        raise InputError(
            f"complete is {described(complete)}; give True if every mask shows all objects that "
            "are there, or the indices of the frames whose masks do: {0, 40}"
        )
    unknown = [index for index in complete if index not in labels]
    if unknown:
        raise InputError(
            f"frame {unknown[0]!r} is complete, but has no mask; masks are of the frames "
            f"{list_ids(list(labels))}"
        )
    return frozenset(complete)


def check_mask(
    name: str, mask: Any, size: tuple[int, int] | None = None, *, may_be_empty: bool = False
) -> LabelMap:
    """Check one label map that annotates objects.

    Args:
        name: Name of the mask in error messages, such as "the mask of frame 3" or a path.
        mask: Object ids as integers, or bool, where True is object 1.
        size: Height and width of the frame that the mask belongs to, if they are known.
        may_be_empty: Whether it may be all background.

    Returns:
        The ids, uint8 `(H, W)`, with 255 where the mask is void, beside objects.

    Raises:
        InputError: A wrong shape, type or id, void alone, or nothing but background where that is
            not allowed.
    """
    needed = "a mask must hold object ids as integers (height, width), 0 for background"
    found = as_array(name, mask, needed)
    if found.dtype == bool:
        found = found.astype(np.uint8)
    if found.ndim != 2 or not np.issubdtype(found.dtype, np.integer) or not found.size:
        raise InputError(f"{name} is {found.dtype} of shape {found.shape}; {needed}")
    if size is not None and found.shape != size:
        is_turned = found.shape == size[::-1]
        what_to_do = (
            "turn the mask upright, as the frame is read (EXIF data may turn either)"
            if is_turned
            else "draw the mask at the size of the frame"
        )
        raise InputError(
            f"{name} is {found.shape[1]}x{found.shape[0]}, its frame is {size[1]}x{size[0]}; "
            f"{what_to_do}"
        )
    ids = np.unique(found)
    if ids[0] >= 0 and ids[-1] == VOID and not ((ids > 0) & (ids < VOID)).any():
        raise InputError(
            f"{name} holds {VOID}, which marks void pixels and no object; set these pixels to 0, "
            f"or give the object an id from 1 to {MAX_ID} (black and white: `mask > 0`)"
        )
    if ids[0] < 0 or ids[-1] > VOID:
        raise InputError(
            f"{name} has ids from {ids[0]} to {ids[-1]}; "
            f"ids 1 to {MAX_ID} are supported, and 0 for background: renumber the objects"
        )
    if ids[-1] == 0 and not may_be_empty:
        raise InputError(
            f"{name} is all background: every pixel is 0; mark at least one object in it, with an "
            f"id from 1 to {MAX_ID}"
        )
    return found.astype(np.uint8)


def by_index(masks: LabelMap | Mapping[int, LabelMap]) -> dict[int, LabelMap]:
    """Label maps by frame index; a single label map belongs to frame 0.

    Raises:
        InputError: There are no masks, or an index is not a frame number.
    """
    if masks is None or isinstance(masks, (str, bytes, PathLike)):
        raise InputError(
            f"masks is {described(masks)}; give an array of object ids for frame 0, or arrays by "
            "frame index: {0: rotoline.read_mask(path)}"
        )
    label_maps = dict(masks) if isinstance(masks, Mapping) else {0: masks}
    if not label_maps:
        raise InputError("no masks were given; mark each object in at least one frame")
    for index in label_maps:
        if isinstance(index, bool) or not isinstance(index, (int, np.integer)) or index < 0:
            raise InputError(f"masks are given for frame {index!r}; frames count 0, 1, 2, ...")
    return {int(index): label_map for index, label_map in label_maps.items()}
