"""Write masks of one format in another: `rotoline convert` without its output on the terminal."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NoReturn, TypeVar

import numpy as np
import torch

from rotoline.errors import ConfigError, InputError
from rotoline.io.frame_names import FrameNames, describe_gaps, is_number
from rotoline.io.frames import FOLDER_FRAME_RATE, FrameSource, open_frames
from rotoline.io.mask_files import Warn, match_names
from rotoline.io.masks import drop_void
from rotoline.io.output_folder import check_output, new_output
from rotoline.io.paths import is_folder
from rotoline.io.readers import is_label_file, read_label_file
from rotoline.io.readers.colours import ColourTable
from rotoline.io.readers.paint import paint
from rotoline.io.results import LabelMaps, read_label_maps
from rotoline.io.run_record import read_run_record
from rotoline.io.writers import find_writer
from rotoline.runtime.progress import Progress
from rotoline.types import Frame, FrameResult, LabelMap, ObjectId

FORMATS = ("png", "youtube-vis", "coco", "labelme", "cvat", "tracks", "mot", "mots")
"""The formats that need nothing but masks."""

Value = TypeVar("Value")

_COUNTED = ("cvat", "mot", "mots")
"""The formats that know frames by their numbers only."""


def convert_masks(  # noqa: PLR0913 (the command's options, by name)
    source: Path,
    formats: Sequence[str],
    output: Path,
    *,
    clip: Path | None = None,
    video: str | None = None,
    colours: bool = False,
    warn: Warn,
) -> Iterator[Progress]:
    """Write the masks of `source` in other formats into the new folder `output`.

    Args:
        source: A folder of masks, the output folder of a run, or a file of annotations.
        formats: Names of formats, of `FORMATS`.
        output: Must not exist, or be empty.
        clip: The frames that the masks belong to: a video, or a folder of pictures.
        video: Which video is meant, in a file of several.
        colours: Whether every colour of the masks is an object.
        warn: Called with what the user must know, before anything is written.

    Yields:
        Progress, once a frame.

    Raises:
        RotolineError: Something is wrong with the input or the output.
    """
    yield Progress("reading")
    for name in formats:
        find_writer(name)
        if name not in FORMATS:
            raise ConfigError(
                f"{name} needs more than masks, so masks cannot be converted into it; choose among "
                f"{', '.join(FORMATS)}"
            )
    check_output(output)
    masks = open_masks(source, video=video, colours=colours, warn=warn)
    frames: FrameSource
    if clip is None:
        numbers = _number_frames(source, masks.frame_names, needed=bool({*formats} & {*_COUNTED}))
        frames = MaskFrames(source, masks.size, dict(zip(numbers, masks.frame_names, strict=True)))
    else:
        frames = open_frames(clip)
        numbers = _match(masks, frames, warn)
    with new_output(output):
        writers = [find_writer(name)(output, frames) for name in dict.fromkeys(formats)]
        try:
            for done, number in enumerate(numbers):
                result = masks.result(done, number)
                for writer in writers:
                    writer.write(result)
                yield Progress("converting", done + 1, len(numbers))
            for writer in writers:
                for done in writer.finish():
                    yield Progress("finishing", done, len(numbers))
        finally:
            for writer in writers:
                writer.close()
    yield Progress("done", len(numbers), len(numbers))


class Masks(ABC):
    """The masks of a clip, whatever they were read from."""

    frame_names: list[str]
    """The names of the frames, in their order."""
    size: tuple[int, int]
    """Height and width of the frames."""
    names: dict[ObjectId, str]
    """Every object, and its name."""
    source: Path
    """Where they are."""

    @abstractmethod
    def labels(self, position: int) -> LabelMap:
        """The label map of a frame, uint8 `(H, W)`."""

    def confidence(self, position: int, labels: LabelMap) -> dict[ObjectId, float]:
        """How sure each object's mask is: fully, unless a run says otherwise; 0 where hidden."""
        del position
        return {one: float((labels == one).any()) for one in self.names}

    def result(self, position: int, index: int) -> FrameResult:
        """The frame at a position as the result of a run, under the index `index`."""
        labels = self.labels(position)
        if labels.shape != self.size:
            raise InputError(
                f"{self.frame_names[position]} is {labels.shape[1]}x{labels.shape[0]}, and the "
                f"frames are {self.size[1]}x{self.size[0]}; bring all to one size"
            )
        return FrameResult(
            index=index,
            labels=labels,
            confidence=self.confidence(position, labels),
            logits=torch.zeros(len(self.names), 0, 0),
            names=self.names,
        )


def open_masks(source: Path, *, video: str | None, colours: bool, warn: Warn) -> Masks:
    """Open the masks of a folder, a run, or a file of annotations.

    Raises:
        InputError: There are none, or an option does not fit them.
    """
    is_run = is_folder(source) and bool(read_run_record(source))  # which may hold exports as well
    is_file = not is_run and is_label_file(source)
    if is_file and colours:
        raise InputError(f"{source} is no picture, so there are no colours; leave --colours out")
    if is_file:
        return _FileMasks(source, video, warn)
    if video is not None:
        raise InputError(f"{source} has the masks of one video; leave --video out")
    return _PictureMasks(source, warn, colours=colours)


class _FileMasks(Masks):
    """Those of a file of annotations."""

    def __init__(self, source: Path, video: str | None, warn: Warn) -> None:
        self.source = source
        self._file = read_label_file(source, video=video, fills=True, warn=warn)
        self._warn = warn
        if not self._file.frames:
            raise InputError(f"{source} has no frames; give a file with annotations")
        self.frame_names = [frame.name for frame in self._file.frames]
        self.size, self.names = self._file.frames[0].size, self._file.names

    def labels(self, position: int) -> LabelMap:
        return paint(self._file.path, self._file.frames[position], self.names, self._warn)


class _PictureMasks(Masks):
    """Those of a folder of pictures, or of a run."""

    def __init__(self, source: Path, warn: Warn, *, colours: bool) -> None:
        self.source = source
        self._maps: LabelMaps = read_label_maps(source)
        self.frame_names = list(self._maps)
        self._table: ColourTable | None = None
        if colours:
            self._table = ColourTable(list(self._maps.files.values()))
            warn(self._table.note)
        record = read_run_record(source)
        confidence = record.get("confidence")
        self._confidence: Mapping[str, Mapping[str, float]] = confidence or {}
        self.size = self.labels(0).shape[0], self.labels(0).shape[1]
        ids = {int(key) for of_frame in self._confidence.values() for key in of_frame}
        for position in range(len(self.frame_names)) if not ids else ():
            ids |= set(np.unique(self.labels(position)).tolist()) - {0}
        named = self._table.names if self._table else _int_keys(record.get("names", {}))
        self.names = {one: named.get(one, f"object {one}") for one in sorted(ids)}

    def labels(self, position: int) -> LabelMap:
        name = self.frame_names[position]
        if self._table is None:
            return self._maps[name]
        path = self._maps.files[name]
        return drop_void(path, self._table.read(path))

    def confidence(self, position: int, labels: LabelMap) -> dict[ObjectId, float]:
        known = self._confidence.get(self.frame_names[position])
        return _int_keys(known) if known else super().confidence(position, labels)


def _int_keys(values: Mapping[str, Value]) -> dict[ObjectId, Value]:
    return {int(key): value for key, value in values.items()}


def _match(masks: Masks, frames: FrameSource, warn: Warn) -> list[int]:
    """The index of every frame among those of a clip."""
    if masks.size != frames.size:
        raise InputError(
            f"the masks are {masks.size[1]}x{masks.size[0]}, and the frames of {frames.path} "
            f"{frames.size[1]}x{frames.size[0]}; give the frames that they belong to"
        )
    found = match_names([masks.source / f"{name}.png" for name in masks.frame_names], frames, warn)
    index_of = {path.stem: index for index, path in found.items()}
    return [index_of[name] for name in masks.frame_names]


def _number_frames(source: Path, names: Sequence[str], *, needed: bool) -> list[int]:
    """The index of every frame, counted from 0.

    Names that are numbers and begin at 0 are indices, as in a video. Otherwise frames are counted,
    if none is missing between them.

    Raises:
        InputError: The indices are `needed`, and it is not clear which they are.
    """
    if all(map(is_number, names)):
        numbers = [int(name) for name in names]
        if 0 in numbers:
            return numbers
        has_gaps = len(numbers) == 1 or any(after - one != 1 for one, after in pairwise(numbers))
    else:
        has_gaps = describe_gaps(names) is not None
    if has_gaps and needed:
        raise InputError(
            f"{source} has frames {names[0]} ... {names[-1]}, not all of a clip, and the format "
            "knows frames by their numbers; it can be read in two ways: these names are indices "
            "counted from 0; or the names of pictures, of which others are missing; give the "
            "video or the folder of pictures with --frames"
        )
    return list(range(len(names)))


class MaskFrames:
    """The frames that masks belong to, as far as masks tell: a `FrameSource` without pictures."""

    frame_rate = FOLDER_FRAME_RATE
    pixel_shape = Fraction(1)
    problem: str | None = None
    reading: Mapping[str, object] = {}

    def __init__(self, path: Path, size: tuple[int, int], names: Mapping[int, str]) -> None:
        self.path, self.size, self.count = path, size, max(names) + 1
        self._names = names
        self._found = FrameNames(list(names.values()))

    def name(self, index: int) -> str:
        """The name of a frame."""
        return self._names[index]

    def find(self, name: str) -> int | None:
        """Index of a frame with this name."""
        position = self._found.find_named(name)
        return None if position is None else list(self._names)[position]

    def time(self, index: int) -> float | None:
        """None: masks do not tell."""
        del index
        return None

    def __iter__(self) -> Iterator[Frame]:
        self._refuse()

    def backwards(self, start: int) -> Iterator[tuple[int, Frame]]:
        """Refused."""
        del start
        self._refuse()

    def read(self, indices: Collection[int]) -> dict[int, Frame]:
        """Refused."""
        del indices
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise InputError(f"{self.path} holds masks and no frames; give the video")
