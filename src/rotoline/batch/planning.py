"""Manifests of the clips in a folder: by a pattern, or of a data set in a standard layout."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from rotoline.batch.storage import Place, place_of
from rotoline.data.datasets import read_dataset
from rotoline.data.davis import is_davis
from rotoline.data.video_sequence import VideoSequence
from rotoline.data.youtube_vos import youtube_vos_splits
from rotoline.errors import ConfigError, InputError

VIDEOS, MASKS = "*.mp4", "{stem}.png"
"""The patterns where none is given."""


class Planned(NamedTuple):
    """What was found in a folder."""

    lines: list[dict[str, Any]]
    """The lines of the manifest."""
    without: list[str]
    """Videos that were left out because there are no masks for them."""


def plan_folder(folder: str, videos: str | None, masks: str | None, manifest: Path) -> Planned:
    """Find videos and their masks in a folder, or at an address such as `s3://bucket/clips`.

    Args:
        folder: The folder.
        videos: A pattern such as `*.mp4` or `*/frames`, for files or folders of pictures.
        masks: Where the masks of a video are: `{stem}` stands for its name without the ending,
            `{name}` for its name, `{parent}` for the folder that it is in.
        manifest: Where the manifest will be: paths of files below its folder are relative.

    Raises:
        InputError: There is no video, or no mask for any of them.
        ConfigError: The folder is a data set, and no split or pattern was given; or a pattern
            cannot be used.
    """
    place = place_of(folder)
    if videos is None and place.is_local:
        _refuse_dataset(place.local)
    pattern, template = videos or VIDEOS, masks or MASKS
    pairs, without = [], []
    for name in _matching(place, pattern):
        path = PurePosixPath(name)
        try:
            mask = template.format(stem=path.stem, name=path.name, parent=path.parent)
        except (KeyError, IndexError, ValueError) as error:
            raise ConfigError(
                f"--masks {template} cannot be used ({error}); it may have {{stem}}, {{name}} and "
                "{parent}"
            ) from error
        mask = str(PurePosixPath(mask))
        if mask != name and (place / mask).exists():
            pairs.append((name, mask))
        else:
            without.append(name)
    if not pairs:
        found = f"{len(without)} videos {pattern}" if without else f"no video {pattern}"
        raise InputError(
            f"{folder} holds {found} with masks {template}; say where they are with --videos and "
            "--masks"
        )
    lines = []
    for one, pair in zip(_ids([name for name, _ in pairs]), pairs, strict=True):
        video, mask = (_address(place / path, manifest) for path in pair)
        lines.append({"id": one, "video": video, "masks": [mask]})
    return Planned(lines, without)


def plan_dataset(folder: Path, split: str, manifest: Path) -> Planned:
    """List the sequences of a split of DAVIS or YouTube-VOS.

    The masks are that of the first frame (DAVIS), or of the frames in which objects appear for the
    first time (YouTube-VOS).

    Args:
        folder: The folder of the data set.
        split: Name of the split.
        manifest: Where the manifest will be.

    Raises:
        InputError: The folder has neither layout, or something is missing.
    """
    first_only = is_davis(folder)
    lines = []
    for sequence in read_dataset(folder, split):
        indices = sequence.annotated[:1] if first_only else _first_appearances(sequence)
        masks = [_relative(sequence.label_files[index], manifest) for index in indices]
        video = _relative(sequence.frame_folder, manifest)
        lines.append({"id": sequence.name, "video": video, "masks": masks})
    return Planned(lines, [])


def _first_appearances(sequence: VideoSequence) -> Iterator[int]:
    known: set[int] = set()
    for index in sequence.annotated:
        shown = set(np.unique(sequence.read_labels(index)).tolist()) - {0}
        if shown - known:
            yield index
        known |= shown


def _refuse_dataset(folder: Path) -> None:
    """Refuse a data set whose split is not named: its folders match many patterns."""
    if is_davis(folder) or youtube_vos_splits(folder):
        raise ConfigError(
            f"{folder} looks like a data set of DAVIS or YouTube-VOS; name a split of it, such as "
            "--split val, or give the clips in it with --videos and --masks"
        )


def _matching(place: Place, pattern: str) -> list[str]:
    """Paths below the place that match a pattern, without hidden ones."""
    start = len(place.path.rstrip("/")) + 1
    found = (str(path).rstrip("/")[start:] for path in place.files.glob((place / pattern).path))
    return sorted(
        name for name in found if not any(p.startswith(".") for p in PurePosixPath(name).parts)
    )


def _ids(names: Sequence[str]) -> list[str]:
    """An id for each path: without its ending, unless two have the same."""
    short = [_as_id(PurePosixPath(name).with_suffix("")) for name in names]
    return [
        one if short.count(one) == 1 else _as_id(PurePosixPath(name))
        for one, name in zip(short, names, strict=True)
    ]


def _as_id(path: PurePosixPath) -> str:
    text = re.sub(r"[^A-Za-z0-9._-]+", "_", "-".join(path.parts))
    return text if text[:1].isalnum() else f"clip{text}"


def _address(place: Place, manifest: Path) -> str:
    return _relative(place.local, manifest) if place.is_local else str(place)


def _relative(path: Path, manifest: Path) -> str:
    """The path from the folder of the manifest if it is below it, else the whole path."""
    path, folder = path.absolute(), manifest.absolute().parent
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
