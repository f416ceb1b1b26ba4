"""A clip that accuracy is measured on: frames and true labels, read when needed."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rotoline.data.video_sequence import VideoSequence, find_sequence, read_labels_with_void
from rotoline.errors import InputError
from rotoline.types import VOID, Frame, LabelMap, ObjectId, without_void

DEVELOPMENT, MULTI_OBJECT, SYNTHETIC = "development", "multi-object", "synthetic"
"""Groups of `rotoline.evaluation.development_clips`."""
UNSEEN, FITTED = "unseen", "fitted"
"""Groups of `rotoline.evaluation.halves`: sequences that the weights have not seen, and those that
they were fitted on."""
BUNDLED, DEVELOPMENT_CLIPS, UNLIKE = "bundled", "development-clips", "unlike"
"""Groups of `rotoline.evaluation.unlike`; the last two are also the names of folders."""

SMALLEST_MARK = 0.005
"""A partly masked clip begins where its objects cover this share of the frame: nothing can be
learned from the first pixels of a person who comes through a door."""


@dataclass(frozen=True, eq=False, kw_only=True)
class EvaluationClip:
    """A clip whose objects are marked in one frame or several, and scored in others.

    The two functions can be pickled, so that a clip can be measured in another process.
    """

    name: str
    """Name of the clip."""
    group: str
    """The group that it belongs to; what is quoted is the mean over a group."""
    frame_names: tuple[str, ...]
    """Names of all frames."""
    read_frame: Callable[[int], Frame]
    """Reads the frame of an index, uint8 `(H, W, 3)`."""
    read_truth: Callable[[int], LabelMap]
    """Reads the true labels of the frame of an index, which is marked or scored, uint8 `(H, W)`;
    255 where the truth is unknown."""
    object_ids: tuple[ObjectId, ...]
    """The objects with pixels in a marked frame, in ascending order: the marked and scored ones."""
    scored: tuple[int, ...]
    """Indices of the scored frames, in ascending order."""
    marked: tuple[int, ...] = (0,)
    """Indices of the frames whose true labels are given, in ascending order."""
    has_exact_borders: bool = True
    """Whether the true masks are exact enough for F; if not, J&F is J alone."""

    @property
    def scored_names(self) -> tuple[str, ...]:
        """Names of the scored frames."""
        return tuple(self.frame_names[index] for index in self.scored)

    def read_mark(self, index: int) -> LabelMap:
        """The labels given for a marked frame: unknown pixels are background."""
        return without_void(self.read_truth(index))


def marked_clip(
    *, name: str, read_truth: Callable[[int], LabelMap], marked: Sequence[int] = (0,), **rest: Any
) -> EvaluationClip:
    """Return the clip with the objects that its marked frames show.

    Args:
        name: Name of the clip.
        read_truth: As in `EvaluationClip`.
        marked: As in `EvaluationClip`.
        **rest: The other fields but `object_ids`.

    Raises:
        InputError: No marked frame shows an object.
    """
    found = {int(one) for index in marked for one in np.unique(read_truth(index))}
    ids = tuple(sorted(found - {0, VOID}))
    if not ids:
        raise InputError(
            f"the first true mask of {name} is empty; objects are marked there, "
            "so begin the clip in a frame that shows one"
        )
    return EvaluationClip(
        name=name, read_truth=read_truth, object_ids=ids, marked=tuple(marked), **rest
    )


def read_sequence_clip(name: str, group: str, frames: Path, masks: Path) -> EvaluationClip:
    """Return a clip with a mask for every frame, scored as in DAVIS: without its two ends.

    Void pixels are background, as in DAVIS.

    Args:
        name: Name of the clip.
        group: Name of its group.
        frames: Folder with one picture per frame.
        masks: Folder with one mask per frame, named like the frame.

    Raises:
        InputError: A folder is missing or empty, masks are missing, or there are fewer than three
            frames.
    """
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
    return marked_clip(
        name=name,
        group=group,
        frame_names=names,
        read_frame=sequence.read_frame,
        read_truth=sequence.read_labels,
        scored=tuple(range(1, len(names) - 1)),
    )


def read_partly_masked_clip(
    name: str, group: str, sequence: VideoSequence, *, has_exact_borders: bool = True
) -> EvaluationClip:
    """Return a clip with masks for some frames, all of which are scored but the first one.

    The clip begins with the first masked frame whose objects together cover at
    least `SMALLEST_MARK` of it; they are marked there. Pixels of label 255 are unknown.

    Args:
        name: Name of the clip.
        group: Name of its group.
        sequence: Frames and masks.
        has_exact_borders: As in `EvaluationClip`.

    Raises:
        InputError: No mask shows objects of that size, or it is the last one.
    """
    start = next((i for i in sequence.annotated if _shows_objects(sequence, i)), None)
    if start is None or start == sequence.annotated[-1]:
        raise InputError(
            f"the masks of {name} show no objects of at least {SMALLEST_MARK:.1%} of the frame, or "
            "only the last one does; give masks for the first frame that shows the objects and for "
            "later ones, with ids from 1 (255 is unknown)"
        )
    part = _From(sequence, start)
    return marked_clip(
        name=name,
        group=group,
        frame_names=sequence.frame_names[start:],
        read_frame=part.read_frame,
        read_truth=part.read_truth,
        scored=tuple(index - start for index in sequence.annotated if index > start),
        has_exact_borders=has_exact_borders,
    )


@dataclass(frozen=True)
class _From:
    """A sequence from some frame on."""

    sequence: VideoSequence
    start: int

    def read_frame(self, index: int) -> Frame:
        return self.sequence.read_frame(self.start + index)

    def read_truth(self, index: int) -> LabelMap:
        return read_labels_with_void(self.sequence.label_files[self.start + index])


def _shows_objects(sequence: VideoSequence, index: int) -> bool:
    """Whether the objects in a frame together cover at least `SMALLEST_MARK` of it."""
    labels = without_void(read_labels_with_void(sequence.label_files[index]))
    return bool(np.mean(labels > 0) >= SMALLEST_MARK)


def choose_clips(
    clips: Sequence[EvaluationClip], only: Collection[str], place: str
) -> list[EvaluationClip]:
    """Return the clips of some names.

    Args:
        clips: All clips.
        only: Names of the clips to take; all of them if empty.
        place: Where the clips are, for the message.

    Raises:
        InputError: There is no clip of a name in `only`.
    """
    unknown = sorted(set(only) - {clip.name for clip in clips})
    if unknown:
        names = dict.fromkeys(clip.name for clip in clips)
        raise InputError(
            f"there is no clip {unknown[0]} below {place}; choose from {', '.join(names)}"
        )
    return [clip for clip in clips if not only or clip.name in only]
