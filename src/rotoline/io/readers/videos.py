"""Which of the videos of a file is meant."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from rotoline.errors import InputError
from rotoline.io.mask_files import Warn
from rotoline.io.pictures import shorten
from rotoline.wording import counted


def choose_video(
    path: Path, videos: Sequence[str], wanted: str | None, clip: Path | None, warn: Warn
) -> int:
    """Position of the video that is meant.

    Args:
        path: The file, for messages.
        videos: The names of the videos in it.
        wanted: The name of one, if the user chose.
        clip: The frames that are to be marked, if they are known: a video of their name is meant.
        warn: Called if the name decides.

    Raises:
        InputError: There is no video of the wanted name, or it is not clear which is meant.
    """
    if wanted is None and len(videos) == 1:
        return 0
    names = [wanted] if wanted is not None else [clip.stem, clip.name] if clip is not None else []
    found = [index for index, name in enumerate(videos) if name in names]
    if len(found) == 1:
        if wanted is None:
            warn(f"of the {len(videos)} videos in {path}, {videos[found[0]]} is read")
        return found[0]
    listed = f"{path} holds {counted(len(videos), 'video')}: {shorten(videos, 8)}"
    if wanted is not None:
        raise InputError(f"{listed}; there is {'no' if not found else 'more than one'} {wanted}")
    raise InputError(
        f"{listed}; write the one that is meant into a file of its own with "
        f"rotoline convert {path} --sequence NAME --to youtube-vis"
        + (f", or call {clip.name} like it" if clip is not None else "")
    )


def folder_of(file_name: str) -> str:
    """The folder in the name of a picture, whatever system it was written on; empty if none."""
    parent = PurePosixPath(file_name.replace("\\", "/")).parent.as_posix()
    return "" if parent == "." else parent


def stem_of(file_name: str) -> str:
    """The name of a picture without folder and ending, whatever system it was written on."""
    return PurePosixPath(file_name.replace("\\", "/")).stem
