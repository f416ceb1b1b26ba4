"""The training data, held in memory: annotated videos, and stills as clips of one frame.

    DATA/davis-2016-train/                       a data set in the layout of DAVIS; or DATA is one
    DATA/SET/images/, DATA/SET/masks/            stills, see `rotoline.data.stills`

The videos are needed, the stills are optional. See docs/how-to/train.md.
"""

import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from rotoline.data.davis import davis_sequence_names, find_davis_sequences, is_davis
from rotoline.data.splits import SEQUENCES, SPLITS
from rotoline.data.stills import STILL_SETS, UNKNOWN, Group, LabelKind, read_stills
from rotoline.data.video_sequence import VideoSequence
from rotoline.errors import InputError
from rotoline.learning.sampler import Sampler
from rotoline.types import Frame, LabelMap

SHORT_SIDE = 480
"""Default size of the videos: larger frames are reduced until their shorter side has this many
pixels."""
STILL_SHORT_SIDE = 320
"""Largest size of the stills, in the same way, to save memory."""

VIDEO_FOLDER = "davis-2016-train"
"""Folder of the videos, where the data folder is not itself in the layout of DAVIS."""

VIDEO_SHARE = 9.0
"""How often a video is sampled, of 20 times in all if all sets of stills are there; see
`StillSet.share`."""


class PackedLabels(Sequence[Tensor]):
    """Label maps that are compressed in memory, to about a hundredth of their size.

    Args:
        labels: uint8 `(H, W)` each.
    """

    def __init__(self, labels: Iterable[LabelMap]) -> None:
        self._packed = [(zlib.compress(one.tobytes(), 1), one.shape) for one in labels]

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Tensor]: ...
    def __getitem__(self, index: int | slice) -> Tensor | Sequence[Tensor]:
        """A label map, uint8 `(H, W)`; a new tensor each time."""
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        packed, shape = self._packed[index]
        return torch.frombuffer(bytearray(zlib.decompress(packed)), dtype=torch.uint8).view(shape)


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames with label maps, all in memory; a still is a clip of one frame."""

    name: str
    """Name of the sequence; SET/NAME for a still."""
    frames: Sequence[Tensor]
    """RGB, uint8 `(3, H, W)` each."""
    labels: Sequence[Tensor]
    """Object ids, uint8 `(H, W)` each; 0 is background, 255 unknown."""
    group: Group = "video"
    """What it shows."""
    kind: LabelKind = "instances"
    """What the labels are; `classes` are objects by now."""

    @property
    def set_name(self) -> str:
        """Name of the set of stills that it is from; "video" for a video."""
        return self.name.partition("/")[0] if self.is_still else "video"

    @property
    def is_still(self) -> bool:
        """Whether there is one frame only, so that motion has to be synthesised."""
        return len(self.frames) == 1

    def known_labels(self, index: int) -> Tensor:
        """Object ids of a frame, uint8 `(H, W)`; unknown pixels are background."""
        labels = self.labels[index]
        return labels.masked_fill(labels == UNKNOWN, 0)


def load_clips(
    folder: Path, leave_out: Collection[str], short_side: int = SHORT_SIDE
) -> list[Clip]:
    """Read all videos and stills of a data folder.

    If the data set of the videos has a folder ImageSets, the videos are those of its split `train`,
    else all of them. Stills without an object that is large enough to be chosen are left out.
    Void pixels (label 255) stay 255, except in black-and-white masks of videos, where white is the
    object; see `VideoSequence.read_labels`.

    Args:
        folder: The data folder, laid out as the docstring of `rotoline.data.training_clips` shows.
        leave_out: Names of video sequences not to read.
        short_side: Frames whose shorter side has more pixels are reduced to it; stills to
            `STILL_SHORT_SIDE` if that is less.

    Raises:
        InputError: There are no videos, or files are missing or cannot be used.
    """
    clips = [_load_video(sequence, short_side) for sequence in find_videos(folder, leave_out)]
    for still_set, still in read_stills(folder):
        size = min(short_side, STILL_SHORT_SIDE)
        frame, labels = _reduce(still.picture, still.labels, size)
        kind, group = still_set.kind, still_set.group
        clips.append(Clip(still.name, [frame], PackedLabels([labels]), group, kind))
    return clips


def describe(clips: Sequence[Clip]) -> str:
    """Say how many videos and stills there are, for the record of weights."""
    videos = sum(not clip.is_still for clip in clips)
    sets = Counter(clip.name.partition("/")[0] for clip in clips if clip.is_still)
    return f"{videos} sequences of DAVIS" + "".join(
        f", {count} stills of {name}" for name, count in sets.items()
    )


def reflect_index(index: int, count: int) -> int:
    """Reflect the index of a frame at both ends of a clip of `count` frames.

    Example:
        >>> [reflect_index(index, 3) for index in range(-2, 6)]
        [2, 1, 0, 1, 2, 1, 0, 1]
    """
    index = abs(index) % max(1, 2 * (count - 1))
    return index if index < count else 2 * (count - 1) - index


def sample_clip(clips: Sequence[Clip], sampler: Sampler) -> Clip:
    """Sample a clip: its set by `sample_set`, all clips of a set equally likely."""
    sets: dict[str, list[Clip]] = {}
    for clip in clips:
        sets.setdefault(clip.set_name, []).append(clip)
    return sampler.one_of(sets[sample_set(list(sets), sampler)])


def sample_set(names: Sequence[str], sampler: Sampler) -> str:
    """Sample one of some sets by their shares; "video" stands for all videos.

    The shares of the sets that are there keep their ratio.
    """
    shares = [STILL_SETS[name].share if name in STILL_SETS else VIDEO_SHARE for name in names]
    point = sampler.uniform(0, sum(shares))
    for name, share in zip(names, shares, strict=True):
        point -= share
        if point < 0:
            return name
    return names[-1]


def find_videos(folder: Path, leave_out: Collection[str]) -> list[VideoSequence]:
    """Find the video sequences of a data folder; see `load_clips`."""
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
    pairs = (
        _reduce(sequence.read_frame(index), sequence.read_labels(index, keep_void=True), short_side)
        for index in range(count)
    )
    frames, labels = [], []
    for frame, label in pairs:
        frames.append(frame)
        labels.append(label)
    return Clip(sequence.name, frames, PackedLabels(labels))


def _reduce(frame: Frame, labels: LabelMap, short_side: int) -> tuple[Tensor, LabelMap]:
    """A frame `(3, H, W)` and labels `(H, W)`, uint8, reduced to `short_side` if it is smaller."""
    pixels, ids = reduced(frame, labels, short_side)
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous(), ids


def reduced(frame: Frame, labels: LabelMap, short_side: int) -> tuple[Frame, LabelMap]:
    """Reduce a frame `(H, W, 3)` and its labels `(H, W)` if their shorter side is longer."""
    height, width = labels.shape
    scale = min(1.0, short_side / min(height, width))
    size = (round(width * scale), round(height * scale))
    pixels = np.array(Image.fromarray(frame).resize(size, Image.Resampling.BOX))
    ids = np.array(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))
    return pixels, ids
