"""What the label maps and the pictures of a run say, as numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rotoline.types import Frame, LabelMap, ObjectId

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]

_LABELS = 256
_THUMBNAIL = (64, 36)
"""Width and height to which a picture is reduced before its colours are counted."""
_LEVELS = 8
"""Levels that each colour channel is divided into."""


class Meetings(NamedTuple):
    """Pairs of objects that meet, M of them in all frames, ascending by frame; each int `(M,)`."""

    frame: Integers
    """Position of the frame in the run."""
    first: Integers
    """Id of an object."""
    second: Integers
    """Id of another one. Each pair is there in both orders."""
    border: Integers
    """Pairs of neighbouring pixels of which one belongs to the first and one to the second."""
    taken: Integers
    """Pixels of the first object in the previous frame that belong to the second in this one."""


@dataclass(frozen=True, eq=False)
class Measures:
    """The numbers of T frames, in their order, and K objects."""

    names: list[str]
    """Names of the frames."""
    indices: NDArray[np.int64]
    """int `(T,)`: their indices in the video; frames without results are missing."""
    object_ids: list[ObjectId]
    size: tuple[int, int]
    """Height and width of the frames."""
    confidence: Floats
    """float `(T, K)` in [0, 1]: the expected intersection over union; 0 where not visible."""
    areas: NDArray[np.int64]
    """int `(T, K)`: number of pixels of each mask."""
    centres: Floats
    """float `(T, K, 2)`: mean row and column of each mask; NaN where not visible."""
    at_border: NDArray[np.bool_]
    """bool `(T, K)`: whether the mask touches the border of the frame."""
    change: Floats
    """float `(T,)` in [0, 1]: `colour_distance` to the previous frame, 0 in the first."""
    change_over_two: Floats
    """float `(T,)` in [0, 1]: `colour_distance` to the frame before the previous one."""
    meetings: Meetings
    """Pairs of objects that touch, or of which one takes pixels of the other."""
    marked: NDArray[np.bool_]
    """bool `(T,)`: whether the user has drawn a mask for the frame."""

    @property
    def follows(self) -> NDArray[np.bool_]:
        """Whether the frame before each in the video has results, too; bool `(T,)`."""
        result = np.zeros(len(self.names), bool)
        result[1:] = np.diff(self.indices) == 1
        return result


class Measuring:
    """Measures a run, one frame after the other.

    Args:
        object_ids: All objects of the run, ascending.
        size: Height and width of the frames.
        marked: Names of the frames for which the user has drawn a mask.
    """

    def __init__(
        self, object_ids: Sequence[ObjectId], size: tuple[int, int], marked: Sequence[str]
    ) -> None:
        self._ids, self._size, self._marked = list(object_ids), size, set(marked)
        self._names: list[str] = []
        self._frames: list[tuple[Any, ...]] = []
        self._meetings: list[Integers] = []
        self._labels: LabelMap | None = None
        self._colours: list[Floats] = []

    def add(
        self,
        name: str,
        index: int,
        labels: LabelMap,
        confidence: Mapping[ObjectId, float],
        picture: Frame,
    ) -> None:
        """Measure the next frame.

        Args:
            name: Its name.
            index: Its index in the video.
            labels: Object ids, uint8 `(H, W)`.
            confidence: That of every object.
            picture: uint8 RGB `(H, W, 3)`.
        """
        here = len(self._names)
        areas, centres = _areas_and_centres(labels, self._ids)
        border = np.isin(self._ids, np.concatenate([labels[0], labels[-1], *labels[:, [0, -1]].T]))
        colours = colour_histogram(picture)
        change = [colour_distance(colours, before) for before in reversed(self._colours)]
        change += [0.0] * (2 - len(change))
        known = [confidence[i] for i in self._ids]
        self._frames.append((index, known, areas, centres, border, *change))
        self._meetings.append(_find_meetings(here, self._labels, labels))
        self._names.append(name)
        self._labels = labels
        self._colours = [*self._colours, colours][-2:]

    def finish(self) -> Measures:
        """The numbers of all frames so far, of which there is one at least."""
        columns = [np.array(column) for column in zip(*self._frames, strict=True)]
        indices, confidence, areas, centres, at_border, change, change_over_two = columns
        return Measures(
            names=self._names,
            indices=indices,
            object_ids=self._ids,
            size=self._size,
            confidence=confidence.astype(np.float64),
            areas=areas,
            centres=centres,
            at_border=at_border,
            change=change,
            change_over_two=change_over_two,
            meetings=Meetings(*np.concatenate(self._meetings, axis=1)),
            marked=np.array([name in self._marked for name in self._names]),
        )


def _areas_and_centres(
    labels: LabelMap, object_ids: Sequence[ObjectId]
) -> tuple[NDArray[np.int64], Floats]:
    """Number of pixels `(K,)`, and mean row and column `(K, 2)`, NaN where there are none."""
    # A histogram of the ids in every row and column: weights a pixel would be much slower.
    height, width = labels.shape
    in_rows = np.zeros((height, _LABELS), np.int64)
    in_columns = np.zeros((width, _LABELS), np.int64)
    rows, columns = np.nonzero(labels)
    ids = labels[rows, columns].astype(np.int64)
    in_rows += np.bincount(rows * _LABELS + ids, minlength=in_rows.size).reshape(in_rows.shape)
    in_columns += np.bincount(columns * _LABELS + ids, minlength=in_columns.size).reshape(
        in_columns.shape
    )
    areas = in_rows.sum(0)[list(object_ids)]
    sums = np.stack([np.arange(height) @ in_rows, np.arange(width) @ in_columns], axis=1)
    with np.errstate(invalid="ignore"):
        centres: Floats = sums[list(object_ids)] / np.where(areas, areas, np.nan)[:, None]
    return areas, centres


def _find_meetings(frame: int, previous: LabelMap | None, labels: LabelMap) -> Integers:
    """The pairs of objects that touch in a frame, or of which one takes pixels of the other.

    Returns:
        int32 `(5, M)`, the fields of `Meetings`: tuples of numbers would need ten times the memory.
    """
    touching = np.zeros((_LABELS, _LABELS), np.int64)
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        touching += _count_pairs(a, b)
    touching += touching.T
    taken = np.zeros_like(touching) if previous is None else _count_pairs(previous, labels)
    first, second = np.nonzero(touching + taken)
    here = np.full_like(first, frame)
    numbers = (here, first, second, touching[first, second], taken[first, second])
    return np.stack(numbers).astype(np.int32)


def _count_pairs(first: LabelMap, second: LabelMap) -> NDArray[np.int64]:
    """How often each pair of two different objects is at one place, int `(256, 256)`."""
    chosen = (first != second) & (first > 0) & (second > 0)
    pairs = first[chosen].astype(np.int64) * _LABELS + second[chosen]
    counts: NDArray[np.int64] = np.bincount(pairs, minlength=_LABELS**2)
    return counts.reshape(_LABELS, _LABELS)


def reduced(picture: Frame) -> Frame:
    """All that is measured of a picture, uint8 `(36, 64, 3)`; it may be given in its place."""
    return np.asarray(Image.fromarray(picture).resize(_THUMBNAIL, Image.Resampling.BOX))


def colour_histogram(picture: Frame) -> Floats:
    """The share of every colour in a picture, float `(512,)` that sums to 1.

    The picture is reduced to 64 x 36 pixels, and each channel to 8 levels.

    Args:
        picture: uint8 RGB `(H, W, 3)`.
    """
    levels = reduced(picture).reshape(-1, 3).astype(np.int64) * _LEVELS // 256
    colours = levels @ np.array([_LEVELS**2, _LEVELS, 1])
    result: Floats = np.bincount(colours, minlength=_LEVELS**3) / len(colours)
    return result


def colour_distance(first: Floats, second: Floats) -> float:
    """The share of the pixels by which two colour histograms differ, in [0, 1]."""
    return float(np.abs(first - second).sum() / 2)
