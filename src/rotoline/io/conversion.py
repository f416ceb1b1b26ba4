"""Write masks of one format in another: `rotoline convert` without its output on the terminal."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from rotoline.errors import ConfigError, InputError
from rotoline.io.frame_names import describe_gaps, is_number
from rotoline.io.frames import FrameSource, open_frames
from rotoline.io.mask_files import Warn, match_names
from rotoline.io.mask_frames import MaskFrames
from rotoline.io.masks import drop_void
from rotoline.io.output_folder import check_output, new_output
from rotoline.io.paths import is_folder
from rotoline.io.readers import is_label_file, read_label_file
from rotoline.io.readers.colours import ColourTable
from rotoline.io.readers.paint import paint
from rotoline.io.results import read_label_maps
from rotoline.io.run_record import FILE as RUN_RECORD
from rotoline.io.run_results import RunResults
from rotoline.io.writers import MASK_FORMATS, find_writer
from rotoline.io.writers.kept_results import without_scores
from rotoline.io.writers.together import Writers, check_formats
from rotoline.runtime.progress import Progress
from rotoline.types import FrameResult, LabelMap, ObjectId

_COUNTED = ("cvat", "mot", "mots")
"""The formats that know frames by their numbers only."""


def convert_masks(  # noqa: PLR0913 (the command's options, by name)
    source: Path,
    formats: Sequence[str],
    output: Path,
    *,
    video: Path | None = None,
    sequence: str | None = None,
    colours: bool = False,
    warn: Warn,
) -> Iterator[Progress]:
    """Write the masks of `source` in other formats into the new folder `output`.

    Args:
        source: A folder of masks, the output folder of a run, or a file of annotations.
        formats: Names of formats, of `rotoline.io.writers.MASK_FORMATS`.
        output: Must not exist, or be empty.
        video: The frames that the masks belong to: a video, or a folder of pictures.
        sequence: Which video is meant, in a file of several.
        colours: Whether every colour of the masks is an object.
        warn: Called with what the user must know, before anything is written.

    Yields:
        Progress, once a frame.

    Raises:
        RotolineError: Something is wrong with the input or the output.
    """
    yield Progress("reading")
    formats = list(dict.fromkeys(formats))
    for name in formats:
        find_writer(name)
    others = [name for name in formats if name not in MASK_FORMATS]
    if others or not formats:
        raise ConfigError(
            f"masks cannot be converted into {others[0] if others else 'no format'}, which needs "
            f"more; choose among {', '.join(MASK_FORMATS)}"
        )
    check_output(output)
    masks = open_masks(source, sequence=sequence, colours=colours, warn=warn)
    frames: FrameSource
    if video is None:
        numbers = _number_frames(source, masks.frame_names, needed=bool({*formats} & {*_COUNTED}))
        frames = MaskFrames(source, masks.size, dict(zip(numbers, masks.frame_names, strict=True)))
    else:
        frames = open_frames(video)
        numbers = _match(masks, frames, warn)
    check_formats(formats, frames)
    with new_output(output):
        writers = Writers(formats, output, frames)
        try:
            for position, number in enumerate(numbers):
                writers.write(masks.result(position, number))
                yield Progress("converting", position + 1, len(numbers))
            for done in writers.finish():
                yield Progress("finishing", done, len(numbers))
        finally:
            writers.close()
    yield Progress("done", len(numbers), len(numbers))


class Masks(ABC):
    """The masks of a clip, whatever they were read from."""

    source: Path
    """Where they are."""
    frame_names: list[str]
    """The names of the frames, in their order."""
    size: tuple[int, int]
    """Height and width of the frames."""

    @abstractmethod
    def result(self, position: int, index: int) -> FrameResult:
        """The frame at a position as the result of a run, under the index `index`.

        Raises:
            InputError: It cannot be read.
        """


def open_masks(source: Path, *, sequence: str | None, colours: bool, warn: Warn) -> Masks:
    """Open the masks of a folder, a run, or a file of annotations.

    Raises:
        InputError: There are none, or an option does not fit them.
    """
    is_file = is_label_file(source)
    is_run = is_folder(source) and (source / RUN_RECORD).exists()
    if sequence is not None and not is_file:
        raise InputError(f"{source} has the masks of one video; leave --sequence out")
    if colours and (is_file or is_run):
        raise InputError(f"{source} has ids and no colours; leave --colours out")
    if is_run:
        return _RunMasks(source, warn)
    return _FileMasks(source, sequence, warn) if is_file else _PictureMasks(source, warn, colours)


class _RunMasks(Masks):
    """Those of a run."""

    def __init__(self, source: Path, warn: Warn) -> None:
        self.source, self._results = source, RunResults(source)
        self.frame_names, self.size = self._results.names, self._results.size
        for warning in self._results.warnings:
            warn(warning)

    def result(self, position: int, index: int) -> FrameResult:
        return self._results.read(self.frame_names[position], index)


class _FileMasks(Masks):
    """Those of a file of annotations."""

    def __init__(self, source: Path, sequence: str | None, warn: Warn) -> None:
        self.source, self._warn = source, warn
        self._file = read_label_file(source, sequence=sequence, fills=True, warn=warn)
        if not self._file.frames:
            raise InputError(f"{source} has no frames; give a file with annotations")
        self.frame_names = [frame.name for frame in self._file.frames]
        self.size = self._file.frames[0].size

    def result(self, position: int, index: int) -> FrameResult:
        frame, names = self._file.frames[position], self._file.names
        if frame.size != self.size:
            raise _different_size(self.source, frame.name, frame.size, self.size)
        return _true_result(index, paint(self.source, frame, names, self._warn), names)


class _PictureMasks(Masks):
    """Those of a folder of pictures."""

    def __init__(self, source: Path, warn: Warn, colours: bool) -> None:  # noqa: FBT001
        self.source, self._maps = source, read_label_maps(source)
        self.frame_names = list(self._maps)
        self._table = ColourTable(list(self._maps.files.values())) if colours else None
        if self._table is not None:
            warn(self._table.note)
        # All are read once before: the results name all objects of the clip.
        ids: set[ObjectId] = set()
        for name in self.frame_names:
            labels = self._read(name)
            ids |= set(np.unique(labels).tolist()) - {0}
            height, width = labels.shape
            if name == self.frame_names[0]:
                self.size = height, width
            if labels.shape != self.size:
                raise _different_size(source, name, (height, width), self.size)
        known = self._table.names if self._table else {}
        self._names = {one: known.get(one, f"object {one}") for one in sorted(ids)}

    def result(self, position: int, index: int) -> FrameResult:
        return _true_result(index, self._read(self.frame_names[position]), self._names)

    def _read(self, name: str) -> LabelMap:
        if self._table is None:
            return self._maps[name]
        path = self._maps.files[name]
        return drop_void(path, self._table.read(path))


def _true_result(index: int, labels: LabelMap, names: Mapping[ObjectId, str]) -> FrameResult:
    """A label map as a result of which one is sure."""
    shown = set(np.unique(labels).tolist())
    return without_scores(index, labels, {one: float(one in shown) for one in names}, names)


def _different_size(
    source: Path, name: str, size: tuple[int, int], needed: tuple[int, int]
) -> InputError:
    return InputError(
        f"the mask of frame {name} in {source} is {size[1]}x{size[0]}, and the first one is "
        f"{needed[1]}x{needed[0]}; bring all to one size"
    )


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
            "video or the folder of pictures with --video"
        )
    return list(range(len(names)))
