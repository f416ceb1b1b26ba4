"""The folder layout of YouTube-VOS 2018 and 2019.

ROOT/SPLIT/JPEGImages/VIDEO/00000.jpg
ROOT/SPLIT/Annotations/VIDEO/00000.png       of some frames
ROOT/SPLIT/meta.json                         the videos and their objects

Masks exist at least for the frames in which objects first appear.
"""

import json
from pathlib import Path

from rotoline.data.davis import is_davis
from rotoline.data.video_sequence import VideoSequence, find_sequence
from rotoline.errors import InputError
from rotoline.io.text import read_text


def youtube_vos_splits(root: Path) -> list[str]:
    """Return the names of the splits below `root`: its folders that hold JPEGImages/VIDEO."""
    if not root.is_dir():
        return []
    # A folder of DAVIS has JPEGImages as well, but is a data set by itself.
    return sorted(
        path.name
        for path in root.iterdir()
        if (path / "JPEGImages").is_dir() and not is_davis(path)
    )


def read_youtube_vos(root: Path, split: str) -> list[VideoSequence]:
    """Find the videos of a split, in alphabetical order.

    The videos are those in meta.json, or all folders below JPEGImages if there is no meta.json.

    Args:
        root: The folder that holds the folder of the split.
        split: Name of that folder: "train", "valid", "valid_all_frames".

    Raises:
        InputError: The split, folders of videos or their masks are missing, or meta.json is
            damaged. The message lists the splits that exist.
    """
    splits = youtube_vos_splits(root)
    if split not in splits:
        known = f"choose from {', '.join(splits)}" if splits else "there is none"
        raise InputError(f"{root} has no split {split} (SPLIT/JPEGImages); {known}")
    folder = root / split
    frames, labels = folder / "JPEGImages", folder / "Annotations"
    if not labels.is_dir():
        raise InputError(
            f"{folder} has JPEGImages but no Annotations; masks are needed at least of the frames "
            "in which objects first appear, so copy that folder as well"
        )
    meta = folder / "meta.json"
    names = _read_video_names(meta) if meta.is_file() else [path.name for path in frames.iterdir()]
    return [
        find_sequence(name, frames / name, labels / name)
        for name in sorted(names)
        if not name.startswith(".")
    ]


def _read_video_names(path: Path) -> list[str]:
    """Return the names of the videos that meta.json lists."""
    text = read_text(path)
    try:
        return list(json.loads(text)["videos"].keys())
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f'{path} does not list videos; it must hold {{"videos": {{NAME: ...}}}}, as in '
            "YouTube-VOS, so replace it by a good copy, or remove it to use every folder"
        ) from error
