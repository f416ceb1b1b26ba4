"""The frames to correct first: the most urgent ones, not all of them neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rotoline.review.findings import Finding
from rotoline.types import ObjectId

LISTED = 24
"""The largest number of frames that are listed, each with three pictures."""
MIN_DISTANCE = 5
"""Smallest distance of two listed frames, in frames; larger in a clip of more than 480."""


@dataclass(frozen=True)
class ListedFrame:
    """A frame that is worth correcting."""

    frame: int
    """Position of the frame in the run."""
    urgency: float
    """See `urgencies`."""
    findings: list[Finding]
    """What was found in it."""
    nearby: list[Finding]
    """What was found in frames around it that are not listed: by kind and objects the most severe
    one, unless the frame itself has it."""

    @property
    def object_ids(self) -> list[ObjectId]:
        """The objects that something was found about, in this frame or around it; ascending."""
        return sorted({i for one in (*self.findings, *self.nearby) for i in one.object_ids})


def rank_frames(findings: Sequence[Finding], frames: int) -> list[ListedFrame]:
    """Choose the frames to correct first, at most `LISTED`.

    A mask that is corrected also corrects the frames around it, so the neighbours of a frame that
    is chosen are not chosen (non-maximum suppression in time).

    Args:
        findings: All findings.
        frames: Number of frames of the run.

    Returns:
        The frames, the most urgent one first.
    """
    urgency = urgencies(findings, frames)
    distance = max(MIN_DISTANCE, frames // (4 * LISTED))
    chosen = suppress_neighbours(urgency, distance, LISTED)
    by_frame: dict[int, list[Finding]] = {}
    for one in findings:
        by_frame.setdefault(one.frame, []).append(one)
    listed = []
    for frame in chosen:
        around = [
            one
            for t in range(frame - distance, frame + distance + 1)
            if t not in chosen
            for one in by_frame.get(t, ())
        ]
        own = by_frame[frame]
        listed.append(ListedFrame(frame, float(urgency[frame]), own, _most_severe(around, own)))
    return listed


def urgencies(findings: Sequence[Finding], frames: int) -> NDArray[np.float64]:
    """How urgent each frame is, float `(frames,)`.

    The sum over the objects of the severity of the worst finding about each, so about the number of
    objects that have to be drawn again. What concerns two objects counts half for each.
    """
    worst: dict[tuple[int, ObjectId | None], float] = {}
    for one in findings:
        for name in one.object_ids or (None,):
            key, value = (one.frame, name), one.severity / max(1, len(one.object_ids))
            worst[key] = max(worst.get(key, 0.0), value)
    result = np.zeros(frames)
    for (frame, _), value in worst.items():
        result[frame] += value
    return result


def suppress_neighbours(urgency: NDArray[np.float64], distance: int, most: int) -> list[int]:
    """Positions of the highest values, each more than `distance` from the others.

    Args:
        urgency: float `(T,)`; positions with 0 are never chosen.
        distance: Closest distance that is refused.
        most: Largest number of positions.

    Returns:
        The positions, the highest value first; of equal values the earlier one.
    """
    left, chosen = urgency.copy(), list[int]()
    while len(chosen) < most and left.max(initial=0.0) > 0:
        position = int(left.argmax())
        chosen.append(position)
        left[max(0, position - distance) : position + distance + 1] = 0
    return chosen


def _most_severe(around: Sequence[Finding], own: Sequence[Finding]) -> list[Finding]:
    """By kind and objects the most severe one, unless it is among `own`; by frame."""
    known = {(one.kind, one.object_ids) for one in own}
    best: dict[tuple[str, tuple[ObjectId, ...]], Finding] = {}
    for one in sorted(around, key=lambda one: -one.severity):
        if (one.kind, one.object_ids) not in known:
            best.setdefault((one.kind, one.object_ids), one)
    return sorted(best.values(), key=lambda one: (one.frame, -one.severity, one.object_ids))
