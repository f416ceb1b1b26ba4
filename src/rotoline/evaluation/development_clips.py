"""The clips of `rotoline experiment dev`.

There are three groups. `development`: the six sequences of `DEVELOPMENT_SPLIT`, one object each.
`multi-object`: schoolgirls, seven look-alikes. `synthetic`: composites of development sequences.
The number to quote is the mean over the first group; the others are never part of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rotoline.data.composites import paste_object, place, stack_labels
from rotoline.data.splits import DEVELOPMENT_SPLIT
from rotoline.errors import InputError
from rotoline.evaluation.clips import (
    DEVELOPMENT,
    MULTI_OBJECT,
    SYNTHETIC,
    EvaluationClip,
    choose_clips,
    marked_clip,
    read_sequence_clip,
)
from rotoline.types import Frame, LabelMap

Array = np.ndarray[Any, Any]

LONGEST_COMPOSITE = 40
"""Largest number of frames of a composite."""


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


def development_clips(data: Path, only: Sequence[str] = ()) -> list[EvaluationClip]:
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
        name: read_sequence_clip(name, DEVELOPMENT, frames / name, masks / name)
        for name in DEVELOPMENT_SPLIT
        if (frames / name).is_dir()
    }
    if not sequences:
        raise InputError(
            f"no development sequence below {data}; it must hold davis-2016-train/JPEGImages/480p/"
            f"SEQUENCE of {', '.join(DEVELOPMENT_SPLIT)}; give the folder of docs/how-to/train.md"
        )
    clips = [*sequences.values(), *find_schoolgirls(data)]
    clips += [
        compose(composite, sequences, SYNTHETIC)
        for composite in COMPOSITES
        if {composite.behind, composite.in_front} <= set(sequences)
    ]
    return choose_clips(clips, only, str(data))


def find_schoolgirls(data: Path) -> list[EvaluationClip]:
    """Return the clip schoolgirls, seven look-alikes, if it is below the data folder."""
    folder = data / "davis-2017-schoolgirls"
    if not folder.is_dir():
        return []
    folders = folder / "JPEGImages", folder / "Annotations"
    return [read_sequence_clip("schoolgirls", MULTI_OBJECT, *folders)]


def compose(
    composite: Composite, sequences: Mapping[str, EvaluationClip], group: str
) -> EvaluationClip:
    """Return a composite of two clips, made frame by frame as it is read.

    Raises:
        InputError: Its first true mask is empty.
    """
    behind, in_front = sequences[composite.behind], sequences[composite.in_front]
    count = min(len(behind.frame_names), len(in_front.frame_names), LONGEST_COMPOSITE)
    frames = _Composed(composite, behind, in_front)
    return marked_clip(
        name=composite.name,
        group=group,
        frame_names=behind.frame_names[:count],
        read_frame=frames.read_frame,
        read_truth=frames.read_truth,
        scored=tuple(range(1, count - 1)),
    )


@dataclass(frozen=True, eq=False)
class _Composed:
    """Frames and true labels of a composite."""

    composite: Composite
    behind: EvaluationClip
    in_front: EvaluationClip

    def read_frame(self, index: int) -> Frame:
        frame = self.behind.read_frame(index)
        mask = self._placed(self.in_front.read_truth(index) > 0, frame.shape[:2])
        return paste_object(
            frame, self._placed(self.in_front.read_frame(index), frame.shape[:2]), mask
        )

    def read_truth(self, index: int) -> LabelMap:
        own = self.behind.read_truth(index) > 0
        return stack_labels(own, self._placed(self.in_front.read_truth(index) > 0, own.shape))

    def _placed(self, picture: Array, size: tuple[int, int]) -> Array:
        return place(picture, size, self.composite.shift, mirrored=self.composite.mirrored)
