"""Which frame each mask file marks: by its name, for one file as for a folder of files.

A single file is usually called `first.png` or the like; so if its name is no frame's, it marks the
first frame, and a warning says so. What can be read in two ways is refused.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from rotoline.errors import InputError
from rotoline.io.excerpt import OutsideExcerptError
from rotoline.io.frame_names import is_number, names_inside
from rotoline.io.frames import FrameSource
from rotoline.io.paths import is_folder
from rotoline.io.pictures import (
    EXTENSIONS,
    describe_contents,
    describe_skipped,
    list_pictures,
    natural_key,
)

_FRAME_NUMBER = re.compile(
    r"(?:(?<=frame)|(?<=frame[ _-]))\d+|(?<!\d)(?<!\dx)\d{3,}(?![^\W_])", re.IGNORECASE
)
"""A number that may be one of a frame; the second one of a size, as in `1920x1080`, is none."""

Warn = Callable[[str], None]
"""Called with something that the user must know."""


def ignore_warning(warning: str) -> None:
    """Do nothing with a warning."""
    del warning


def match_masks(path: Path, frames: FrameSource, warn: Warn) -> dict[int, Path]:
    """Find the frame of every mask file.

    Args:
        path: A mask, or a folder of masks.
        frames: The frames that the masks belong to.
        warn: Called where a mask marks a frame that is not named like it, and with files that are
            skipped.

    Returns:
        The files by frame index.

    Raises:
        InputError: A file belongs to no frame, it can belong to two, or it is a frame itself.
    """
    _refuse_frames(path, frames)
    return _match_folder(path, frames, warn) if is_folder(path) else _match_file(path, frames, warn)


def match_names(files: Sequence[Path], frames: FrameSource, warn: Warn) -> dict[int, Path]:
    """Find the frame of every name, by the rules of mask files, whether such files exist or not.

    Args:
        files: One path for every mask; their names are those of frames.
        frames: The frames that they belong to.
        warn: Called where a name marks a frame that is not called like it.

    Returns:
        The paths by frame index.

    Raises:
        InputError: A name belongs to no frame, or it can belong to two.
    """
    if len(files) == 1:
        return _match_one(files[0], frames, warn)
    return _match_several(files, frames, warn)


def _refuse_frames(path: Path, frames: FrameSource) -> None:
    """Refuse masks in the folder of the frames, where every picture is a frame."""
    folder = path if is_folder(path) else path.parent
    is_picture = folder != path and path.suffix.lower() in EXTENSIONS and path.is_file()
    if (is_picture or folder == path) and folder.resolve() == frames.path.resolve():
        raise InputError(
            f"{path} is {'a picture in ' * is_picture}the folder of the frames, in which every "
            "picture is a frame; move the masks to a folder of their own"
        )


def _match_folder(folder: Path, frames: FrameSource, warn: Warn) -> dict[int, Path]:
    masks = list_pictures(folder)
    if not masks:
        raise InputError(
            f"{folder} holds no masks: {describe_contents(folder)}; "
            "put PNG files there, each named like its frame"
        )
    files = _match_several(masks, frames, warn)
    skipped = describe_skipped(folder)
    if skipped:
        warn(skipped)
    return files


def _match_several(masks: Sequence[Path], frames: FrameSource, warn: Warn) -> dict[int, Path]:
    found = [(_find_or_refuse(file, frames), file) for file in masks]
    _refuse_unclear_counting(found, frames)
    files: dict[int, Path] = {}
    for index, file in found:
        if index in files:
            raise InputError(
                f"{files[index]} and {file} both belong to frame {frames.name(index)}; "
                "keep one mask per frame"
            )
        files[index] = file
    for index, file in files.items():
        if not _is_named(file.stem, frames, index):
            warn(
                f"no frame is called {file.stem}; {file} marks frame {frames.name(index)}, "
                f"number {int(file.stem)} counted from 0"
            )
    return files


def _match_file(path: Path, frames: FrameSource, warn: Warn) -> dict[int, Path]:
    if not path.exists():
        return {0: path}  # whoever reads it explains
    return _match_one(path, frames, warn)


def _match_one(path: Path, frames: FrameSource, warn: Warn) -> dict[int, Path]:
    index, first = _find(path, frames), frames.name(0)
    is_like_video = path.stem == frames.path.stem and not is_folder(frames.path)
    if index and is_like_video:
        raise InputError(
            f"{path} can mark the first frame, {first}, because it is called like "
            f"{frames.path.name}; or frame {frames.name(index)}, because of its number; call it "
            f"{path.with_name('first' + path.suffix).name}, or give a folder with this mask"
        )
    if index is not None and _is_named(path.stem, frames, index):
        if index and path.stem != frames.name(index):
            warn(f"{path} marks frame {frames.name(index)}, not the first one: it has this number")
        return {index: path}
    rename = f"name it like its frame, or {path.with_name('first' + path.suffix).name}"
    if index:
        raise InputError(
            f"{path} can mark the first frame, {first}, because no frame is called {path.stem}; or "
            f"frame {frames.name(index)}, number {int(path.stem)} counted from 0; {rename}"
        )
    if index is None and is_number(path.stem) and not is_like_video:
        raise InputError(
            f"{path} belongs to no frame of {frames.path}: {_frame_names(frames)}; {rename} if it "
            "marks the first frame"
        )
    inside = _find_inside(path.stem, frames)
    if inside and inside.position != 0:
        where = "" if inside.position else f" (it is not read: {first} is the first)"
        raise InputError(
            f"{path} can mark frame {inside.name}{where}, because of what its name contains, or "
            f"the first frame, {first}, because no frame is called {path.stem}; {rename}"
        )
    warn(f"no frame is called {path.stem}; {path} marks the first frame, {first}")
    return {0: path}


def _find(file: Path, frames: FrameSource) -> int | None:
    """Index of the frame that a file is named after; errors name the file."""
    try:
        return frames.find(file.stem)
    except OutsideExcerptError as error:
        raise InputError(f"{file} marks no frame that is read: {error}") from error
    except InputError as error:
        raise InputError(f"{file} is not clear: {error}") from error


def _find_or_refuse(file: Path, frames: FrameSource) -> int:
    """Index of the frame that a file is named after; it must be named after one."""
    index = _find(file, frames)
    if index is None:
        raise InputError(
            f"{file} belongs to no frame of {frames.path}: {_frame_names(frames)}; "
            "name each mask like its frame"
        )
    return index


def _find_inside(stem: str, frames: FrameSource) -> "_Named | None":
    """The frame whose name, or long number, is part of a file's name; None if there is none.

    Short numbers are left out: `mask_v2` and `bear 1` are no frames.
    """
    stem = _without_source(stem, frames)
    for name in names_inside(stem):
        found = _find_clear(name, frames)
        if found is not None and found.name == name:
            return found
    for number in _FRAME_NUMBER.findall(stem):
        found = _find_clear(number, frames)
        if found is not None and _has_number(number, found.name):
            return found
    return None


def _without_source(stem: str, frames: FrameSource) -> str:
    """A file's name without that of the video or folder at its beginning: it has other numbers.

    All of it if the frames are called like that too, or if the number of a frame may be meant.
    """
    source = frames.path.name if is_folder(frames.path) else frames.path.stem
    start, rest = stem[: len(source)], stem[len(source) :]
    is_source = start.casefold() == source.casefold() and not rest[:1].isalnum()
    is_frame = is_number(source) or frames.name(0).casefold().startswith(source.casefold())
    return rest if is_source and not is_frame else stem


class _Named(NamedTuple):
    """A frame that a part of a file's name means."""

    name: str
    position: int | None
    """Its index; None for a frame that is not read."""


def _find_clear(name: str, frames: FrameSource) -> _Named | None:
    """The frame that a name means; None if it means none or several."""
    try:
        index = frames.find(name)
    except OutsideExcerptError as error:
        return _Named(error.frame, None)
    except InputError:
        return None
    return None if index is None else _Named(frames.name(index), index)


def _is_named(stem: str, frames: FrameSource, index: int) -> bool:
    """Whether a frame has this name or number; see `_has_number`.

    If not, then `FrameSource.find` has read the name as an index.
    """
    return _has_number(stem, frames.name(index))


def _has_number(stem: str, name: str) -> bool:
    """Whether a name is this one, where numbers are compared as numbers, or has this number."""
    key = natural_key(name)
    return natural_key(stem) == key or (is_number(stem) and int(stem) in key)


def _refuse_unclear_counting(found: Sequence[tuple[int, Path]], frames: FrameSource) -> None:
    """Refuse numbers that may be counted from 0, from 1, or like the frames.

    Masks 0, 1, 2 of frames 1, 2, 3 are counted from 0, though two of them have names of frames.
    Masks 1 and 2 of frames a, b, c may be counted from 0 or 1; only a mask 0 would tell.
    """
    numbers = [(index, file) for index, file in found if is_number(file.stem)]
    counted = [(index, file) for index, file in numbers if not _is_named(file.stem, frames, index)]
    named = [(index, file) for index, file in numbers if index != int(file.stem)]
    if not counted:
        return
    index, one = counted[0]
    how = f"no frame is called {one.stem}, so it is number {int(one.stem)} counted from 0"
    if named:
        named_index, other = named[0]
        raise InputError(
            f"{one.name} and {other.name} in {one.parent} are counted differently: {how}, "
            f"{frames.name(index)}; but {other.stem} is the number of frame "
            f"{frames.name(named_index)}; name each mask like its frame"
        )
    if int(one.stem) > 0:
        before = frames.name(index - 1) if index else "the one before it"
        raise InputError(
            f"{one} can mark two frames: {how}, {frames.name(index)}, or counted from 1, "
            f"{before}; name each mask like its frame"
        )


def _frame_names(frames: FrameSource) -> str:
    """Examples of frame names, for an error message."""
    if frames.count is None:
        return f"frames are called {frames.name(0)}, {frames.name(1)} and so on"
    if frames.count == 1:
        return f"the only frame is called {frames.name(0)}"
    return f"frames are called {frames.name(0)} ... {frames.name(frames.count - 1)}"
