"""The training data, held in memory at 480p: video clips and still images as short clips.

The folder layout is that of `docs/training.md`: each part is optional, at least one clip is needed.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from rotoline.errors import InputError
from rotoline.data.sampler import Sampler

DEVELOPMENT_SPLIT = (
    "bmx-bumps",
    "dance-jump",
    "horsejump-low",
    "kite-walk",
    "scooter-gray",
    "tennis",
)
"""Sequences that weights are measured on and therefore not fitted on."""

SHORT_SIDE = 480
"""Larger pictures are reduced to it while loading, unless another size is asked for."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames with labels; a still image is a clip of one frame."""

    name: str
    frames: list[Tensor]
    """uint8 `(3, H, W)` each."""
    labels: list[Tensor]
    """uint8 `(H, W)` each: object ids, 0 is background."""

    @property
    def is_still(self) -> bool:
        """Whether motion has to be made up."""
        return len(self.frames) == 1


def load_clips(
    folder: Path, leave_out: Collection[str], short_side: int = SHORT_SIDE
) -> list[Clip]:
    """Read every clip and still below a data folder.

    Args:
        folder: Holds any of `davis-2016-train`, `davis-2017-first-frames`, `clothing-co-parsing`.
        leave_out: Names of video sequences not to read.
        short_side: Larger pictures are reduced to it, in pixels.

    Raises:
        InputError: There is no video sequence below the folder.
    """
    clips = []
    frames = folder / "davis-2016-train" / "JPEGImages" / "480p"
    masks = folder / "davis-2016-train" / "Annotations" / "480p"
    for sequence in sorted(frames.glob("*")):
        if sequence.name not in leave_out:
            pictures = sorted(sequence.glob("*.jpg"))
            truth = [masks / sequence.name / f"{path.stem}.png" for path in pictures]
            clips.append(_read(sequence.name, pictures, truth, short_side))
    if not clips:
        raise InputError(
            f"no training sequence below {folder}; needed is "
            "davis-2016-train/JPEGImages/480p/SEQUENCE/*.jpg (see docs/training.md)"
        )
    for name, labels in (("davis-2017-first-frames", "masks"), ("clothing-co-parsing", "labels")):
        for picture in sorted((folder / name / "images").glob("*.jpg")):
            truth = folder / name / labels / f"{picture.stem}.png"
            clips.append(_read(f"{name}/{picture.stem}", [picture], [truth], short_side))
    return clips


def describe(clips: list[Clip]) -> str:
    """What clips are of, for the record of weights."""
    videos = sum(not clip.is_still for clip in clips)
    return (
        f"{videos} sequences of DAVIS-2016 train, {len(clips) - videos} stills of DAVIS-2017 and "
        "Clothing Co-Parsing"
    )


def sample_clip(clips: list[Clip], sampler: Sampler) -> Clip:
    """Two thirds from video, one third stills, half of those with several instances."""
    videos = [clip for clip in clips if not clip.is_still]
    people = [clip for clip in clips if clip.is_still and clip.name.startswith("clothing")]
    others = [clip for clip in clips if clip.is_still and not clip.name.startswith("clothing")]
    kinds = [kind for kind in (videos, videos, videos, videos, people, others) if kind]
    return sampler.one_of(sampler.one_of(kinds))


def _read(name: str, pictures: list[Path], truth: list[Path], short_side: int) -> Clip:
    frames, labels = [], []
    for picture, mask in zip(pictures, truth, strict=True):
        with Image.open(picture) as image, Image.open(mask) as label:
            scale = min(1.0, short_side / min(image.size))
            size = (round(image.width * scale), round(image.height * scale))
            pixels = np.array(image.convert("RGB").resize(size, Image.Resampling.BOX))
            ids = np.array(label.resize(size, Image.Resampling.NEAREST), dtype=np.uint8)
        frames.append(torch.from_numpy(pixels).permute(2, 0, 1).contiguous())
        labels.append(torch.from_numpy(np.where(ids == 255, 1, ids)))
    return Clip(name, frames, labels)
