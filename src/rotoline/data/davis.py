"""The folder layout of DAVIS-2016 and DAVIS-2017.

    ROOT/JPEGImages/480p/SEQUENCE/00000.jpg      or Full-Resolution in place of 480p
    ROOT/Annotations/480p/SEQUENCE/00000.png     of every frame, or of the first one (test splits)
    ROOT/ImageSets/2017/SPLIT.txt                a sequence per line, or the path of a frame

The lists may also be in ImageSets/2016, ImageSets/480p (DAVIS-2016) or ImageSets itself.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from rotoline.data.video_sequence import VideoSequence, find_sequence
from rotoline.errors import InputError
from rotoline.io.text import read_text

RESOLUTIONS = ("480p", "Full-Resolution")
"""Folders of frames, the preferred one first: results of DAVIS are reported at 480p."""

_LIST_FOLDERS = ("2017", "2016", "480p", "")
"""Folders below ImageSets that are searched for the list of a split; the first one found is
used."""


def is_davis(root: Path) -> bool:
    """Return whether `root` has the folders of the DAVIS layout."""
    return any((root / "JPEGImages" / resolution).is_dir() for resolution in RESOLUTIONS)


def read_davis(root: Path, split: str) -> list[VideoSequence]:
    """Find the sequences of a split, in the order of its list.

    Args:
        root: The folder that holds JPEGImages, Annotations and ImageSets.
        split: Name of the list without ".txt": "val", or "2016/val" for the list of a certain year.
            If several folders have a list of that name, 2017 is preferred, then 2016.

    Raises:
        InputError: Folders, the split, sequences or masks are missing. The message lists the
            splits that exist.
    """
    return find_davis_sequences(root, davis_sequence_names(root, split))


def davis_sequence_names(root: Path, split: str | None) -> list[str]:
    """Return the names of the sequences of a split in the order of its list.

    Args:
        root: The folder that holds JPEGImages and ImageSets.
        split: As for `read_davis`; None for all sequences in alphabetical order, which needs no
            ImageSets.

    Raises:
        InputError: The split or the folder of frames is missing.
    """
    if split is not None:
        return _read_list(root / "ImageSets", split)
    frames, _ = _find_resolution(root)
    return sorted(
        path.name for path in frames.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def find_davis_sequences(root: Path, names: Sequence[str]) -> list[VideoSequence]:
    """Find sequences by name, at 480p if available, else at full resolution.

    Args:
        root: The folder that holds JPEGImages and Annotations.
        names: Names of the sequences.

    Raises:
        InputError: A folder is missing, or masks are. Each sequence needs a mask for every frame,
            or for the first one only.
    """
    frames, labels = _find_resolution(root)
    sequences = [find_sequence(name, frames / name, labels / name) for name in names]
    for sequence in sequences:
        _check_complete(sequence, labels)
    return sequences


def _find_resolution(root: Path) -> tuple[Path, Path]:
    """Return the folders of frames and of label maps."""
    found = [name for name in RESOLUTIONS if (root / "JPEGImages" / name).is_dir()]
    if not found:
        raise InputError(
            f"{root} has no JPEGImages/480p and no JPEGImages/Full-Resolution; a data set in the "
            "layout of DAVIS needs one of them, so give the folder that holds JPEGImages"
        )
    for name in found:
        if (root / "Annotations" / name).is_dir():
            return root / "JPEGImages" / name, root / "Annotations" / name
    raise InputError(
        f"{root} has JPEGImages/{found[0]} but no Annotations/{found[0]}; masks are needed at the "
        "resolution of the frames, so copy that folder as well"
    )


def _read_list(folder: Path, split: str) -> list[str]:
    """Return the names in the list of a split below ImageSets, without repetition."""
    candidates = [folder / name / f"{split}.txt" for name in _LIST_FOLDERS]
    path = next((path for path in candidates if path.is_file()), None)
    if path is None:
        known = sorted(
            path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.txt")
        )
        raise InputError(
            f"{folder} has no split {split}; "
            + (
                f"choose from {', '.join(known)}"
                if known
                else "a split is a file ImageSets/2017/SPLIT.txt with a sequence name per line, "
                "so copy ImageSets as well"
            )
        )
    entries = [line.split()[0] for line in read_text(path).splitlines() if line.strip()]
    if not entries:
        raise InputError(f"{path} is empty; write the name of a sequence into each line")
    # A line of DAVIS-2016 is "/JPEGImages/480p/bear/00000.jpg /Annotations/480p/bear/00000.png".
    names = [PurePosixPath(entry).parent.name if "/" in entry else entry for entry in entries]
    return list(dict.fromkeys(names))


def _check_complete(sequence: VideoSequence, labels: Path) -> None:
    """Refuse sequences with masks of some frames: an incomplete copy would distort a mean."""
    count = len(sequence.frame_names)
    if sequence.annotated in (tuple(range(count)), (0,)):
        return
    missing = next(index for index in range(count) if index not in sequence.label_files)
    raise InputError(
        f"{labels / sequence.name} lacks the masks of {count - len(sequence.annotated)} of {count} "
        f"frames, the first is {sequence.frame_names[missing]}; every frame needs its mask, or "
        "only the first frame has one; copy the data set again"
    )
