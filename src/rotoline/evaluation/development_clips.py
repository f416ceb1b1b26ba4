"""The clips that versions are compared on: frames and their true labels, read when needed.

There are three groups. `development`: the six sequences of `DEVELOPMENT_SPLIT`, one object each.
`multi-object`: schoolgirls, seven look-alikes. `synthetic`: composites of development sequences.
The number to quote is the mean over the first group; the others are never part of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rotoline.data.composites import paste_object, place, stack_labels
from rotoline.data.training_clips import DEVELOPMENT_SPLIT
from rotoline.data.video_sequence import find_sequence
from rotoline.errors import InputError
from rotoline.metrics import scored_frames
from rotoline.types import Frame, LabelMap, ObjectId

Array = np.ndarray[Any, Any]

DEVELOPMENT, MULTI_OBJECT, SYNTHETIC = GROUPS = ("development", "multi-object", "synthetic")

LONGEST_COMPOSITE = 40
"""Largest number of frames of a composite."""


@dataclass(frozen=True, eq=False, kw_only=True)
class DevelopmentClip:
    """A clip with the true label map of every frame; its objects are annotated in the first."""

    name: str
    """Name of the clip."""
    group: str
    """One of `GROUPS`."""
    frame_names: tuple[str, ...]
    """Names of all frames; at least three, since the first and the last are not scored."""
    read_frame: Callable[[int], Frame]
    """Reads the frame of an index, uint8 `(H, W, 3)`."""
    read_truth: Callable[[int], LabelMap]
    """Reads the true labels of the frame of an index, uint8 `(H, W)`."""
    object_ids: tuple[ObjectId, ...]
    """The objects with pixels in the first frame, in ascending order: the annotated and scored
    ones."""

    @property
    def scored(self) -> tuple[str, ...]:
        """Names of the frames that DAVIS would score: all but the first and the last."""
        return tuple(scored_frames(self.frame_names, every_frame=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """Which object is pasted over which clip; see `rotoline.data.composites`."""

    behind: str
    """Name of the clip that gives the background and the first object."""
    in_front: str
    """Name of the clip whose object is pasted over it."""
    shift: tuple[float, float]
    """Shift of the pasted object down and to the right, as fractions of the frame's height and
    width; chosen so that both objects are visible in the first frame and meet later."""
    mirrored: bool = False
    """Whether the pasted clip is mirrored left to right."""

    @property
    def name(self) -> str:
        """Name of the composite: `synthetic-` and the names of both clips."""
        other = "mirrored" if self.behind == self.in_front else self.in_front
        return f"synthetic-{self.behind}-{other}"


COMPOSITES = (
    Composite(behind="tennis", in_front="dance-jump", shift=(0, -0.35)),
    Composite(behind="horsejump-low", in_front="kite-walk", shift=(0, -0.45)),
    Composite(behind="scooter-gray", in_front="bmx-bumps", shift=(0, 0.25)),
    # The object's own mirror image comes from the other side: the closest look-alike possible.
    Composite(behind="scooter-gray", in_front="scooter-gray", shift=(0, 0.15), mirrored=True),
)


def development_clips(data: Path, only: Sequence[str] = ()) -> list[DevelopmentClip]:
    """Find the clips below a data folder, laid out as in docs/how-to/train.md.

    Args:
        data: Holds `davis-2016-train` and, optionally, `davis-2017-schoolgirls`.
        only: Names of the clips to take; all of them if empty.

    Returns:
        The development sequences that are there, in the order of the split, then schoolgirls,
        then every composite both of whose sequences are there.

    Raises:
        InputError: No development sequence is there, masks are missing, or there is no clip of a
            name in `only`.
    """
    davis = data / "davis-2016-train"
    frames, masks = davis / "JPEGImages" / "480p", davis / "Annotations" / "480p"
    sequences = {
        name: _read_folder(name, DEVELOPMENT, frames / name, masks / name)
        for name in DEVELOPMENT_SPLIT
        if (frames / name).is_dir()
    }
    if not sequences:
        raise InputError(
            f"no development sequence below {data}; it must hold davis-2016-train/JPEGImages/480p/"
            f"SEQUENCE of {', '.join(DEVELOPMENT_SPLIT)}; give the folder of docs/how-to/train.md"
        )
    clips = list(sequences.values())
    girls = data / "davis-2017-schoolgirls"
    if girls.is_dir():
        folders = girls / "JPEGImages", girls / "Annotations"
        clips.append(_read_folder("schoolgirls", MULTI_OBJECT, *folders))
    clips += [
        _compose(composite, sequences)
        for composite in COMPOSITES
        if {composite.behind, composite.in_front} <= set(sequences)
    ]
    unknown = sorted(set(only) - {clip.name for clip in clips})
    if unknown:
        raise InputError(
            f"there is no clip {unknown[0]} below {data}; "
            f"choose from {', '.join(clip.name for clip in clips)}"
        )
    return [clip for clip in clips if not only or clip.name in only]


def _read_folder(name: str, group: str, frames: Path, masks: Path) -> DevelopmentClip:
    """A clip of pictures, each with a mask of the same name."""
    sequence = find_sequence(name, frames, masks)
    names = sequence.frame_names
    if len(names) < 3:
        raise InputError(
            f"{frames} holds {len(names)} frames; the first and the last are not scored, "
            "so put at least three there"
        )
    missing = [one for index, one in enumerate(names) if index not in sequence.label_files]
    if missing:
        raise InputError(
            f"{masks} lacks the masks of {len(missing)} of {len(names)} frames, the first is "
            f"{missing[0]}; every frame needs its true mask, so copy the data again"
        )
    return _annotated_clip(
        name=name,
        group=group,
        frame_names=names,
        read_frame=sequence.read_frame,
        read_truth=sequence.read_labels,
    )


def _compose(composite: Composite, sequences: Mapping[str, DevelopmentClip]) -> DevelopmentClip:
    """A composite, made frame by frame as it is read."""
    behind, in_front = sequences[composite.behind], sequences[composite.in_front]
    count = min(len(behind.frame_names), len(in_front.frame_names), LONGEST_COMPOSITE)

    def placed(picture: Array, size: tuple[int, int]) -> Array:
        return place(picture, size, composite.shift, mirrored=composite.mirrored)

    def read_frame(index: int) -> Frame:
        frame = behind.read_frame(index)
        mask = placed(in_front.read_truth(index) > 0, frame.shape[:2])
        return paste_object(frame, placed(in_front.read_frame(index), frame.shape[:2]), mask)

    def read_truth(index: int) -> LabelMap:
        own = behind.read_truth(index) > 0
        return stack_labels(own, placed(in_front.read_truth(index) > 0, own.shape))

    return _annotated_clip(
        name=composite.name,
        group=SYNTHETIC,
        frame_names=behind.frame_names[:count],
        read_frame=read_frame,
        read_truth=read_truth,
    )


def _annotated_clip(
    *, name: str, read_truth: Callable[[int], LabelMap], **rest: Any
) -> DevelopmentClip:
    """The clip with the objects that its first true label map shows."""
    ids = tuple(int(object_id) for object_id in np.unique(read_truth(0)) if object_id)
    if not ids:
        raise InputError(
            f"the first true mask of {name} is empty; objects are annotated there, "
            "so begin the clip in a frame that shows one"
        )
    return DevelopmentClip(name=name, read_truth=read_truth, object_ids=ids, **rest)
