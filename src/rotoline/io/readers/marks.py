"""The label maps of the frames that a file of annotations marks."""

from pathlib import Path

from rotoline.errors import InputError
from rotoline.io.excerpt import Excerpt, OutsideExcerptError
from rotoline.io.frames import FrameSource
from rotoline.io.mask_files import Warn, match_names
from rotoline.io.paths import is_folder
from rotoline.io.pictures import shorten
from rotoline.io.readers import read_label_file
from rotoline.io.readers.label_file import LabelFile, LabelledFrame
from rotoline.io.readers.paint import paint
from rotoline.types import LabelMap, ObjectId
from rotoline.wording import counted


def read_marks(
    path: Path, frames: FrameSource, warn: Warn
) -> tuple[dict[int, LabelMap], dict[ObjectId, str]]:
    """Read the marked frames of a file, and the names of its objects.

    A frame without an object is marked only if the file says that all objects are hidden there.

    Args:
        path: A file of annotations, or a folder of labelme.
        frames: The frames that they belong to.
        warn: Called with what the user must know.

    Returns:
        uint8 `(H, W)` by frame index, in ascending order; and the names.

    Raises:
        InputError: It cannot be used, marks nothing, or a frame that does not exist.
    """
    file = read_label_file(path, size=frames.size, clip=frames.path, warn=warn)
    everyone = set(file.names)
    marked = [one for one in file.frames if one.regions or (everyone and one.hidden == everyone)]
    if not any(one.regions for one in marked):
        raise InputError(f"{path} marks no object; draw each one in at least one frame")
    indices = _match(file, marked, frames, warn)
    if len(marked) < len(file.frames):
        warn(
            f"{counted(len(file.frames) - len(marked), 'frame')} of {path} without an object, "
            "taken as not marked"
        )
    found = {}
    for index, one in zip(indices, marked, strict=True):
        if one.size != frames.size:
            raise InputError(
                f"frame {one.name} of {path} is {one.size[1]}x{one.size[0]}, and the frames are "
                f"{frames.size[1]}x{frames.size[0]}; mark frames of this size"
            )
        if index in found:
            raise InputError(f"{path} marks frame {frames.name(index)} twice; keep one of them")
        found[index] = paint(path, one, file.names, warn)
    return dict(sorted(found.items())), file.names


def _match(
    file: LabelFile, marked: list[LabelledFrame], frames: FrameSource, warn: Warn
) -> list[int]:
    """The index of every marked frame."""
    if file.is_counted:
        # They count the whole video, whatever part of it is read.
        whole = frames.source if isinstance(frames, Excerpt) else frames
        numbers = [_check_number(file, int(one.name), whole) for one in marked]
        try:
            return list(map(frames.position, numbers)) if isinstance(frames, Excerpt) else numbers
        except OutsideExcerptError as error:
            raise InputError(f"{file.path} marks a frame that is not read: {error}") from error
    try:
        everything = file.frames if file.is_whole else marked
        found = match_names([_as_path(file, one) for one in everything], frames, warn)
    except InputError:
        if not file.is_whole or len(file.frames) != frames.count:
            raise
        warn(
            f"the frames in {file.path} have other names; there are as many as in {frames.path}, "
            "so they are taken in their order"
        )
        found = dict(enumerate(_as_path(file, one) for one in file.frames))
    index_of = {path.stem: index for index, path in found.items()}
    return [index_of[one.name] for one in marked]


def _as_path(file: LabelFile, frame: LabelledFrame) -> Path:
    """A path as one mask of this frame would have."""
    return file.path / f"{frame.name}.png"


def _check_number(file: LabelFile, number: int, frames: FrameSource) -> int:
    """A frame that a file knows by its number."""
    if frames.count is not None and number >= frames.count:
        raise InputError(
            f"{file.path} marks frame {number}, counted from 0, and {frames.path} has "
            f"{frames.count}; give the annotations of this clip"
        )
    if is_folder(frames.path) and frames.count is not None:
        names = [frames.name(index) for index in range(frames.count)]
        if names != sorted(names):
            text = sorted(names)
            raise InputError(
                f"{file.path} counts frames, and it can be read in two ways: the pictures in "
                f"{frames.path} in the order of their numbers ({shorten(names, 3)}); or of their "
                f"letters, as CVAT takes them ({shorten(text, 3)}); give the pictures numbers of "
                "one length"
            )
    return number
