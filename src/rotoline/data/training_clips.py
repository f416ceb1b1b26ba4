"""The training data, held in memory: annotated videos, and stills as clips of one frame.

    DATA/davis-2016-train/                       a data set in the layout of DAVIS; or DATA is one
    DATA/davis-2017-first-frames/images/NAME.jpg, masks/NAME.png     stills with object ids
    DATA/clothing-co-parsing/images/NAME.jpg, labels/NAME.png        stills with garment ids

The videos are needed, the stills are optional. See docs/how-to/train.md.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from rotoline.data.davis import davis_sequence_names, find_davis_sequences, is_davis
from rotoline.data.sampler import Sampler
from rotoline.data.splits import SEQUENCES, SPLITS
from rotoline.data.video_sequence import VideoSequence, without_void
from rotoline.errors import InputError
from rotoline.io.masks import read_labels
from rotoline.io.pictures import opened_picture
from rotoline.types import Frame, LabelMap

SHORT_SIDE = 480
"""Default size of the training data: larger pictures are reduced until their shorter side has this
many pixels."""

VIDEO_FOLDER = "davis-2016-train"
"""Folder of the videos, where the data folder is not itself in the layout of DAVIS."""
CLOTHING = "clothing-co-parsing"
"""Folder of stills whose labels are the garments of one person, not objects."""
STILL_FOLDERS = {"davis-2017-first-frames": "masks", CLOTHING: "labels"}
"""Folders of stills, each with the name of its folder of label maps."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames with label maps, all in memory; a still is a clip of one frame."""

    name: str
    """Name of the sequence; FOLDER/NAME for a still."""
    frames: list[Tensor]
    """RGB, uint8 `(3, H, W)` each."""
    labels: list[Tensor]
    """Object ids, uint8 `(H, W)` each; 0 is background."""

    @property
    def is_still(self) -> bool:
        """Whether there is one frame only, so that motion has to be synthesised."""
        return len(self.frames) == 1


def load_clips(
    folder: Path, leave_out: Collection[str], short_side: int = SHORT_SIDE
) -> list[Clip]:
    """Read all videos and stills of a data folder.

    If the data set of the videos has a folder ImageSets, the videos are those of its split `train`,
    else all of them.
    Void pixels (label 255) are background; see `VideoSequence.read_labels`.

    Args:
        folder: The data folder, laid out as the docstring of `rotoline.data.training_clips` shows.
        leave_out: Names of video sequences not to read.
        short_side: Pictures whose shorter side has more pixels are reduced to it.

    Raises:
        InputError: There are no videos, or files are missing or cannot be used.
    """
    clips = [_load_video(sequence, short_side) for sequence in _find_videos(folder, leave_out)]
    for name, labels in STILL_FOLDERS.items():
        for picture in sorted((folder / name / "images").glob("*.jpg")):
            truth = folder / name / labels / f"{picture.stem}.png"
            clips.append(_load_still(f"{name}/{picture.stem}", picture, truth, short_side))
    return clips


def describe(clips: list[Clip]) -> str:
    """Say how many videos and stills there are, for the record of weights."""
    videos = sum(not clip.is_still for clip in clips)
    stills = {
        folder: sum(clip.is_still and clip.name.startswith(f"{folder}/") for clip in clips)
        for folder in STILL_FOLDERS
    }
    return f"{videos} sequences of DAVIS" + "".join(
        f", {count} stills of {folder}" for folder, count in stills.items() if count
    )


def sample_clip(clips: list[Clip], sampler: Sampler) -> Clip:
    """Sample a clip: a video (probability 2/3), a still of clothing or another still (1/6 each).

    Where there are no clips of a kind, the probabilities of the others keep their ratio.
    """
    videos = [clip for clip in clips if not clip.is_still]
    stills = [clip for clip in clips if clip.is_still]
    people = [clip for clip in stills if clip.name.startswith(CLOTHING)]
    others = [clip for clip in stills if not clip.name.startswith(CLOTHING)]
    kinds = [kind for kind in (videos, videos, videos, videos, people, others) if kind]
    return sampler.one_of(sampler.one_of(kinds))


def _find_videos(folder: Path, leave_out: Collection[str]) -> list[VideoSequence]:
    """Find the video sequences of a data folder; at least one."""
    found = [root for root in (folder / VIDEO_FOLDER, folder) if is_davis(root)]
    if len(found) > 1:
        raise InputError(
            f"{folder} holds videos twice, in JPEGImages and in {VIDEO_FOLDER}/JPEGImages; "
            "move one of the two data sets to another place"
        )
    sequences = []
    for root in found:
        split = "train" if (root / "ImageSets").is_dir() else None
        names = davis_sequence_names(root, split)
        # A split may be named as a whole where only some of it is there.
        unknown = [name for name in leave_out if name not in (*names, *SEQUENCES)]
        if unknown:
            raise InputError(
                f"there is no sequence {unknown[0]} to leave out; choose from {', '.join(names)}, "
                f"or a split: {', '.join(SPLITS)}"
            )
        sequences += find_davis_sequences(root, [name for name in names if name not in leave_out])
    if not sequences:
        raise InputError(
            f"no training sequence below {folder}; it must hold "
            f"{VIDEO_FOLDER}/JPEGImages/480p/SEQUENCE/*.jpg (see docs/how-to/train.md)"
        )
    return sequences


def _load_video(sequence: VideoSequence, short_side: int) -> Clip:
    """Read all frames and label maps of a sequence."""
    count = len(sequence.frame_names)
    if len(sequence.annotated) < count:
        raise InputError(
            f"{sequence.name} has masks for {len(sequence.annotated)} of {count} frames; training "
            "needs a mask for every frame, so take a split with all masks, such as train"
        )
    pairs = [
        _reduce(sequence.read_frame(index), sequence.read_labels(index), short_side)
        for index in range(count)
    ]
    return Clip(sequence.name, [frame for frame, _ in pairs], [labels for _, labels in pairs])


def _load_still(name: str, picture: Path, truth: Path, short_side: int) -> Clip:
    """Read a picture and its label map."""
    # Label maps do not follow an orientation tag, so the picture is not rotated either.
    with opened_picture(picture) as image:
        frame = np.array(image.convert("RGB"))
    labels = read_labels(truth)
    if labels.shape != frame.shape[:2]:
        raise InputError(
            f"{truth} is {labels.shape[0]} x {labels.shape[1]}, but {picture} is "
            f"{frame.shape[0]} x {frame.shape[1]} (height x width); replace one of them"
        )
    pair = _reduce(frame, without_void(labels), short_side)
    return Clip(name, [pair[0]], [pair[1]])


def _reduce(frame: Frame, labels: LabelMap, short_side: int) -> tuple[Tensor, Tensor]:
    """A frame `(3, H, W)` and labels `(H, W)`, uint8, reduced to `short_side` if it is smaller."""
    height, width = labels.shape
    scale = min(1.0, short_side / min(height, width))
    size = (round(width * scale), round(height * scale))
    pixels = np.array(Image.fromarray(frame).resize(size, Image.Resampling.BOX))
    ids = np.array(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous(), torch.from_numpy(ids)
