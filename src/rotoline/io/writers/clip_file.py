"""What all formats share that hold the masks or places of a whole clip in one text file."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple, TextIO

import numpy as np
from scipy import ndimage

from rotoline.io import rle
from rotoline.io.atomic import make_folder, replacing
from rotoline.io.frames import FrameSource
from rotoline.io.mask_frames import MaskFrames
from rotoline.io.paths import is_folder
from rotoline.io.pictures import by_stem, list_pictures
from rotoline.types import FrameResult, LabelMap, ObjectId


class ObjectMask(NamedTuple):
    """One object in one frame."""

    object_id: ObjectId
    confidence: float
    area: int
    """Number of pixels; 0 if it is not visible."""
    box: tuple[int, int, int, int]
    """First column, first row, width and height, in pixels; zeros if it is not visible."""
    centre: tuple[float, float]
    """Mean column and row of the pixels, where the first pixel is at 0, 0."""
    counts: str
    """The mask as text of COCO; empty if it is not visible, or not needed."""


class ClipFileWriter(ABC):
    """Writes `OUTPUT/<target>` once all frames are segmented; see `MaskWriter`.

    Masks wait as run lengths, about a kilobyte each, because frames come in another order than they
    are written in.
    """

    target: ClassVar[str]
    """Name of the file, inside the output folder."""
    keeps_masks: ClassVar[bool] = True
    """Whether `ObjectMask.counts` is needed."""

    @classmethod
    def check(cls, frames: FrameSource) -> None:
        """Refuse to begin without what the format needs.

        Raises:
            ConfigError: pycocotools is not installed.
        """
        del frames
        if cls.keeps_masks:
            rle.pycocotools()

    def __init__(self, output: Path, frames: FrameSource) -> None:
        make_folder(output)
        self._path, self._frames = output / self.target, frames
        self._kept: dict[int, list[ObjectMask]] = {}
        self._names: dict[ObjectId, str] = {}

    def write(self, result: FrameResult) -> None:
        """Keep what is needed of one frame."""
        self._kept[result.index] = measure_objects(result, with_masks=self.keeps_masks)
        self._names.update((one, result.name(one)) for one in result.object_ids)

    def finish(self) -> Iterator[int]:
        """Write the file; yield the number of frames."""
        self._kept = dict(sorted(self._kept.items()))
        self._names = dict(sorted(self._names.items()))
        with (
            replacing(self._path) as temporary,
            temporary.open("w", encoding="utf-8", newline="\n") as file,
        ):
            self.write_clip(file)
        yield len(self._kept)

    def close(self) -> None:  # noqa: B027 (there is nothing that a format must do)
        """Do nothing: no file is open."""

    @abstractmethod
    def write_clip(self, file: TextIO) -> None:
        """Write everything that was kept: `_kept` by ascending index, `_names` by ascending id."""


def measure_objects(result: FrameResult, *, with_masks: bool) -> list[ObjectMask]:
    """Find every object of a result, in ascending order of ids."""
    places = ndimage.find_objects(result.labels)
    found = []
    for object_id in result.object_ids:
        place = places[object_id - 1] if object_id <= len(places) else None
        confidence = result.confidence[object_id]
        if place is None:
            found.append(ObjectMask(object_id, confidence, 0, (0, 0, 0, 0), (0.0, 0.0), ""))
            continue
        top, left = place[0].start, place[1].start
        rows, columns = np.nonzero(result.labels[place] == object_id)
        box = left, top, place[1].stop - left, place[0].stop - top
        centre = left + float(columns.mean()), top + float(rows.mean())
        counts = _encode(result.labels, object_id) if with_masks else ""
        found.append(ObjectMask(object_id, confidence, len(rows), box, centre, counts))
    return found


def _encode(labels: LabelMap, object_id: ObjectId) -> str:
    return rle.encode(labels == object_id)


class FileNames:
    """The name of the picture of each frame: its own, or `<frame>.jpg` where there is none."""

    def __init__(self, frames: FrameSource) -> None:
        self._frames = frames
        # A folder of masks holds pictures as well, but they are not those of the frames.
        has_pictures = is_folder(frames.path) and not isinstance(frames, MaskFrames)
        pictures = by_stem(list_pictures(frames.path)) if has_pictures else {}
        self._names = {stem: path.name for stem, path in pictures.items()}

    def of(self, index: int) -> str:
        """The file name of a frame."""
        name = self._frames.name(index)
        return self._names.get(name, f"{name}.jpg")
