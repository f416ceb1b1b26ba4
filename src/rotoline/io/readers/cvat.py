"""Read "CVAT for video 1.1": tracks of masks and polygons."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from rotoline.errors import InputError
from rotoline.io import rle
from rotoline.io.mask_files import Warn
from rotoline.io.readers.label_file import LabelFile, LabelledFrame, Region, check_size
from rotoline.io.readers.numbering import Named, number_objects
from rotoline.types import ObjectId

_MOST_FRAMES = 1_000_000
"""Eleven hours; what states more is damaged."""


class _Shape(NamedTuple):
    """One element of a track."""

    frame: int
    is_outside: bool
    is_keyframe: bool
    layer: int
    counts: str


class _Track(NamedTuple):
    """An object in all frames in which something changes."""

    number: int
    label: str
    task: str
    """Number of the task, in a file of several."""
    shapes: list[_Shape]


def read_cvat(path: Path, *, size: tuple[int, int] | None, fills: bool, warn: Warn) -> LabelFile:
    """Read the tracks of a file. A track is an object, and its label the name.

    Frames count from 0, as in the video that CVAT was given.

    Args:
        path: The file.
        size: Height and width of the frames, for files that do not state them.
        fills: Whether to fill the frames between key frames: a mask stays until the next element
            of its track, as CVAT shows it. If not, only what a person marked is returned.
        warn: Called with what became of what, and with shapes that are skipped.

    Raises:
        InputError: The file is no such file, or damaged.
    """
    reader = _Reader(path, size)
    reader.read()
    tracks = reader.tracks
    numbering = number_objects(
        path, [Named(k, one.number, one.label) for k, one in enumerate(tracks)], "track"
    )
    if numbering.note:
        warn(numbering.note)
    if reader.skipped:
        kinds = ", ".join(f"{count} of type {kind}" for kind, count in reader.skipped.items())
        warn(f"{path} has shapes that are neither masks nor polygons, which are skipped: {kinds}")
    length = 1 + max([reader.last, *(one.frame for track in tracks for one in track.shapes)])
    if length > _MOST_FRAMES:
        raise InputError(f"{path} has a frame {length - 1}; correct the number")
    frames: dict[int, LabelledFrame] = {}
    for index in range(length) if fills else ():
        frames[index] = LabelledFrame(f"{index:05d}", reader.known_size())
    for k, track in enumerate(tracks):
        for frame, region in _places(track, numbering.ids[k], length if fills else None):
            name = f"{frame:05d}"
            found = frames.setdefault(frame, LabelledFrame(name, reader.known_size()))
            if region is None:
                found.hidden.add(numbering.ids[k])
            else:
                found.regions.append(region)
    in_order = [frames[index] for index in sorted(frames)]
    return LabelFile(path, numbering.names, in_order, is_counted=True, is_whole=fills)


def _places(
    track: _Track, object_id: ObjectId, length: int | None
) -> Iterator[tuple[int, Region | None]]:
    """The frames of a track with its mask there, or None where it is said to be hidden.

    If the `length` of the clip is given, all frames; otherwise key frames only.
    """
    shapes = sorted(track.shapes, key=lambda shape: shape.frame)
    ends = [shape.frame for shape in shapes[1:]] + [length or 0]
    for shape, end in zip(shapes, ends[: len(shapes)], strict=True):
        region = None if shape.is_outside else Region(object_id, shape.counts, shape.layer)
        if length is not None:
            yield from ((frame, region) for frame in range(shape.frame, end))
        elif shape.is_keyframe:
            yield shape.frame, region


class _Reader:
    """Reads the elements of a file one by one."""

    def __init__(self, path: Path, size: tuple[int, int] | None) -> None:
        self.path = path
        self.tracks: list[_Track] = []
        self.last = -1
        """Number of the last frame, as far as the file states it."""
        self.skipped: dict[str, int] = {}
        """How many shapes were skipped, by type."""
        self._size = size

    def read(self) -> None:
        """Read the file.

        Raises:
            InputError: It cannot be read, or it is not of CVAT.
        """
        root = ""
        try:
            for event, element in ElementTree.iterparse(self.path, events=("start", "end")):
                root = root or element.tag
                if event == "end":
                    self._take(element)
        except ElementTree.ParseError as error:
            raise InputError(
                f"{self.path} is no XML ({error}); replace it by a good copy"
            ) from error
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror}") from error
        if root != "annotations":
            raise InputError(
                f"{self.path} is not of CVAT, for it begins with {root}; give the annotations.xml "
                "of an export as CVAT for video 1.1"
            )
        tasks = {track.task for track in self.tracks}
        if len(tasks) > 1:
            raise InputError(
                f"{self.path} is of {len(tasks)} tasks, each with frames of its own; export the "
                "task that is meant by itself"
            )

    def known_size(self) -> tuple[int, int]:
        """Height and width of the frames.

        Raises:
            InputError: The file does not state them.
        """
        if self._size is None:
            raise InputError(
                f"{self.path} does not state the size of its frames (original_size); export it "
                "from CVAT again"
            )
        return self._size

    def _take(self, element: Element) -> None:
        if element.tag == "original_size":
            sides = [self._number(element.findtext(name)) for name in ("height", "width")]
            self._size = check_size(self.path, (sides[0], sides[1]))
        elif element.tag == "stop_frame":
            self.last = self._number(element.text)
        elif element.tag == "image":
            raise InputError(
                f"{self.path} is an export as CVAT for images, which does not say which object is "
                "which in another picture; export it as CVAT for video 1.1, with tracks"
            )
        elif element.tag == "track":
            shapes = [shape for child in element if (shape := self._shape(child))]
            label, task = element.get("label", ""), element.get("task_id", "")
            self.tracks.append(_Track(self._number(element.get("id")), label, task, shapes))
            element.clear()

    def _shape(self, element: Element) -> _Shape | None:
        """One element of a track; None if it is skipped."""
        if element.tag not in ("mask", "polygon"):
            if element.get("frame") is not None:
                self.skipped[element.tag] = self.skipped.get(element.tag, 0) + 1
            return None
        frame = self._number(element.get("frame"))
        if frame < 0:
            raise InputError(f"{self.path} has a frame {frame}; frames count from 0")
        is_outside = element.get("outside") == "1"
        try:
            mask = None if is_outside else self._mask(element)
        except InputError as error:
            raise InputError(f"frame {frame} of {self.path}: {error}") from error
        return _Shape(
            frame,
            is_outside,
            element.get("keyframe", "1") == "1",
            self._number(element.get("z_order", "0")),
            "" if mask is None else rle.encode(mask),
        )

    def _mask(self, element: Element) -> rle.Mask:
        """The pixels of a mask or polygon, bool `(H, W)`."""
        size = self.known_size()
        if element.tag == "polygon":
            points = element.get("points", "").replace(";", ",").split(",")
            return rle.draw_polygons([[self._float(value) for value in points]], size)
        left, top, width, height = (
            self._number(element.get(name)) for name in ("left", "top", "width", "height")
        )
        if min(left, top, width - 1, height - 1) < 0 or (
            left + width > size[1] or top + height > size[0]
        ):
            raise InputError(f"a mask reaches beyond the frame of {size[1]}x{size[0]}")
        runs = [self._number(value) for value in element.get("rle", "").split(",")]
        mask = np.zeros(size, bool)
        mask[top : top + height, left : left + width] = rle.decode_rows(runs, (height, width))
        return mask

    def _number(self, text: str | None) -> int:
        return int(self._float(text))

    def _float(self, text: str | None) -> float:
        try:
            value = float(text or "")
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(
                f"{self.path} has {text!r} where a number is needed; export it from CVAT again"
            )
        return value
