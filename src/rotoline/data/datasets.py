"""Read a data set of annotated videos in one of the two standard folder layouts."""

from pathlib import Path

from rotoline.data.davis import is_davis, read_davis
from rotoline.data.video_sequence import VideoSequence
from rotoline.data.youtube_vos import read_youtube_vos, youtube_vos_splits
from rotoline.errors import InputError

_LAYOUTS = (
    "DAVIS (JPEGImages/480p/SEQUENCE, Annotations/480p/SEQUENCE, ImageSets/2017/SPLIT.txt) or "
    "YouTube-VOS (SPLIT/JPEGImages/VIDEO, SPLIT/Annotations/VIDEO, SPLIT/meta.json)"
)


def read_dataset(root: Path, split: str) -> list[VideoSequence]:
    """Find the annotated videos of one split; recognise the layout from the folders.

    Args:
        root: The folder of a data set in the layout of DAVIS or of YouTube-VOS; see
            `rotoline.data.davis` and `rotoline.data.youtube_vos`.
        split: Name of the split, such as "val" (DAVIS) or "valid" (YouTube-VOS).

    Returns:
        One entry per video. No picture is read yet.

    Raises:
        InputError: The folder has neither layout or both, or the split, sequences or masks are
            missing.
    """
    if not root.is_dir():
        raise InputError(f"{root} is not a folder; give the folder of a data set: {_LAYOUTS}")
    splits = youtube_vos_splits(root)
    if is_davis(root) and splits:
        raise InputError(
            f"{root} holds two data sets: DAVIS (JPEGImages) and YouTube-VOS "
            f"({', '.join(f'{name}/JPEGImages' for name in splits)}); "
            "move one of them into a folder of its own and give that"
        )
    if is_davis(root):
        return read_davis(root, split)
    if splits:
        return read_youtube_vos(root, split)
    if (root / "JPEGImages").is_dir() and (root / "Annotations").is_dir():
        raise InputError(
            f"{root} has JPEGImages without a folder 480p or Full-Resolution; for a split of "
            f"YouTube-VOS, give the folder above it: {root.parent}; the layout must be {_LAYOUTS}"
        )
    raise InputError(f"{root} holds no data set; the layout must be {_LAYOUTS}")
