"""The values that pass between all parts of rotoline; shapes, dtypes and ranges are stated here.

Frame      uint8 `(H, W, 3)`, RGB
LabelMap   uint8 `(H, W)`, one object id per pixel, 0 is background
ObjectId   int, 1 to 254: the user's number, never renumbered
index      int, the number of a frame, counted from 0
map        float `(K, h, w)`: one value per object and pixel at the working resolution
logit      a map before the sigmoid; score: after it, in [0, 1]
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rotoline.errors import InputError
from rotoline.extras import import_extra

if TYPE_CHECKING:
    import supervision as sv

if TYPE_CHECKING:
    # Loaded where it is used: what only reads files starts in a tenth of the time without it.
    from torch import Tensor

Frame = NDArray[np.uint8]
LabelMap = NDArray[np.uint8]
ObjectId = int

VOID = 255
"""The label of void pixels, as in DAVIS and YouTube-VOS: it is not known what they show. They are
no object."""

MAX_ID = 254
"""The largest object id: what one byte holds, as in palette PNGs, but for `VOID`."""

SATURATED_LOGIT = 8.0
"""Logit of a pixel that is known to belong to an object (score 0.9997); its negative for a pixel
that is known not to: outside an annotation, outside the foreground, or removed by a filter."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FrameResult:
    """The masks of all objects in one frame."""

    index: int
    """Index of the frame. Frames before the first annotated one are returned first, backwards."""
    labels: LabelMap
    """uint8 `(H, W)`: the object id of every pixel, at the size of the frame."""
    confidence: dict[ObjectId, float]
    """The J that each object's mask is expected to have, in [0, 1]; 0 if it is not visible."""
    logits: "Tensor"
    """float32 `(K, h, w)`: the objects' logits before fusion, at the working resolution, on the
    CPU, in the order of `object_ids`."""
    names: Mapping[ObjectId, str] = field(default_factory=dict)
    """Names of objects, for those that the annotations name."""

    @property
    def object_ids(self) -> list[ObjectId]:
        """Ids of all objects in ascending order; the order of `scores` and `logits`."""
        return list(self.confidence)

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """float32 `(K, H, W)` in [0, 1]: each object's score map at the size of the frame.

        Computed on first access, since most callers need the labels alone.
        """
        scores: NDArray[np.float32] = upsample(self.logits, self.labels.shape).sigmoid().numpy()
        return scores

    def name(self, object_id: ObjectId) -> str:
        """The name of an object; `object 1` if it has none."""
        return self.names.get(object_id, f"object {object_id}")

    def to_supervision(self) -> "sv.Detections":
        """The visible objects as `supervision.Detections`, in ascending order of their ids.

        `xyxy` are the boxes as supervision makes them of masks, `mask` is bool `(N, H, W)`,
        `confidence` is the J that each mask is expected to have. `tracker_id` and `class_id` are
        the object ids, and `data["class_name"]` the names.

        Raises:
            ConfigError: supervision is not installed.

        Example:
            >>> import torch
            >>> labels = np.array([[0, 7, 7], [0, 7, 7]], np.uint8)
            >>> result = FrameResult(
            ...     index=0, labels=labels, confidence={3: 0.0, 7: 0.9}, logits=torch.zeros(2, 1, 1)
            ... )
            >>> detections = result.to_supervision()
            >>> detections.tracker_id.tolist(), detections.xyxy.tolist()
            ([7], [[1.0, 0.0, 2.0, 1.0]])
        """
        supervision = import_extra("supervision", "to_supervision")
        ids = np.intersect1d(self.object_ids, self.labels)
        masks = self.labels[None] == ids[:, None, None]
        detections: sv.Detections = supervision.Detections(
            xyxy=supervision.mask_to_xyxy(masks).astype(np.float32).reshape(-1, 4),
            mask=masks,
            confidence=np.array([self.confidence[i] for i in ids.tolist()], np.float32),
            class_id=ids.astype(int),
            tracker_id=ids.astype(int),
            data={"class_name": np.array([self.name(i) for i in ids.tolist()], str)},
        )
        return detections


def ids_in(labels: LabelMap) -> list[ObjectId]:
    """The objects that a label map shows, ascending; not background and void."""
    return [one for one in np.unique(labels).tolist() if 0 < one < VOID]


def without_void(labels: LabelMap) -> LabelMap:
    """Return a copy of a label map in which void pixels are background."""
    return np.where(labels == VOID, 0, labels).astype(np.uint8)


def known_labels(predicted: LabelMap, true: LabelMap) -> tuple[LabelMap, LabelMap]:
    """Return both label maps with background where the true label is unknown (255)."""
    if not (true == VOID).any() or true.shape != predicted.shape:
        return predicted, true
    return np.where(true == VOID, 0, predicted).astype(np.uint8), without_void(true)


def described(value: Any) -> str:
    """What was given in place of something else, in a few words, for a message."""
    if isinstance(value, (str, PathLike)):
        text = str(value)
        return f"the text or path {text if len(text) < 200 else text[:200] + '...'!r}"
    if value is None or isinstance(value, (bool, int, float, complex)):
        return repr(value)
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    return f"a {name} of {len(value)}" if isinstance(value, (tuple, list, Mapping)) else f"a {name}"


def as_array(name: str, value: Any, needed: str) -> NDArray[Any]:
    """Convert a picture or a mask to an array, whatever its shape and dtype.

    Args:
        name: Name of the value in messages, such as "frame 3".
        value: An array, or what NumPy makes one of.
        needed: Says what is needed, for the messages.

    Raises:
        InputError: The value is none, a path, or a pair as cv2's `read()` returns it, for example.
    """
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], (bool, np.bool_)):
        raise InputError(
            f"{name} is a pair (ok, picture), as cv2's read() returns it; {needed}: "
            "give the picture alone, in RGB: picture[..., ::-1]"
        )
    if isinstance(value, (str, bytes, PathLike)):
        raise InputError(
            f"{name} is {described(value)}; {needed}: read it first, with rotoline.open_frames or "
            "rotoline.read_mask"
        )
    try:
        found: NDArray[Any] = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged; or a tensor on a GPU
        raise InputError(f"{name} is {described(value)}, not an array; {needed}") from error
    if found.dtype == object:
        raise InputError(f"{name} is {described(value)}, not an array; {needed}")
    return found


def list_ids(ids: Sequence[int] | NDArray[Any]) -> str:
    """The first eight ids and the number of the others, for a message: `1, 2, 3 and 4 more`."""
    shown = ", ".join(str(object_id) for object_id in ids[:8])
    return shown + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")


def upsample_in_turn(maps: "Tensor", size: tuple[int, ...]) -> Iterator["Tensor"]:
    """Resize maps `(K, h, w)` as `upsample` does; yield `size` for each, so that one is held."""
    for one in maps:
        yield upsample(one[None], size)[0]


def upsample(maps: "Tensor", size: tuple[int, ...]) -> "Tensor":
    """Resize maps `(K, h, w)` to `size` (height, width) by bilinear interpolation.

    Corners are not aligned: pixel centres are at half-integer positions.
    """
    import torch
    from torch.nn import functional

    if maps.shape[0] == 0:
        return torch.zeros((0, *size), dtype=torch.float32)
    return functional.interpolate(maps[None], size=size, mode="bilinear", align_corners=False)[0]
