"""What looks wrong in the results of a run: numbers in, findings out.

Each function looks for one kind. A finding names the frame to correct, and how much it matters, its
severity in [0, 1]: for a low confidence, the share of the object that is expected to be wrong; for
the others a value on the same scale.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rotoline.review.measures import Measures
from rotoline.types import ObjectId

Kind = Literal[
    "low confidence", "area", "place", "contact", "taken over", "vanishes", "returns", "cut"
]

LOW_CONFIDENCE = 0.7
"""Confidence below which a mask is a finding: on average, 30 % of it are expected to be wrong."""
AREA_RATIO = 1.5
"""Ratio of the areas in two consecutive frames from which it is a jump."""
MIN_AREA = 1 / 5000
"""Share of the frame by which an area must change; what is smaller counts as that large where it
moves. Small masks change and move by large ratios."""
DISTANCE = 1.0
"""How far a mask may be from where its motion leads, in units of the root of its area."""
TAKEN_SHARE = 0.2
"""Share of an object's pixels that another one takes from one frame to the next."""
APART = 5
"""Number of frames after which two objects that touch again count as a new contact."""
CUT_DISTANCE = 0.3
"""Colour distance of two consecutive frames from which there is a scene cut between them. In the 30
training sequences of DAVIS 2016, it is .21 at most; of 3,000 pairs of frames from two of these
sequences, one is below .3 (docs/decisions/0012-scene-cuts.md)."""

CONTACT, LEFT, HIDDEN, CUT = 0.3, 0.3, 0.6, 0.8
"""Severity of a contact, of vanishing at the border of the frame and elsewhere, and of a cut."""


@dataclass(frozen=True)
class Finding:
    """Something in a frame that may be wrong."""

    frame: int
    """Position of the frame in the run."""
    kind: Kind
    object_ids: tuple[ObjectId, ...]
    """The objects that it is about; none for a cut."""
    severity: float
    """How much it matters, in [0, 1]."""
    reason: str
    """The same in words."""


def find_all(measures: Measures) -> list[Finding]:
    """All findings of a run, by frame; in one frame, the most severe one first.

    A frame that the user has marked is right. If its masks differ much from those before it, these
    are what is wrong, so the finding is moved to the frame before.
    """
    cuts = find_cuts(measures)
    after_cut = {cut.frame for cut in cuts}
    found = [*cuts, *find_low_confidence(measures)]
    for find in (find_area_jumps, find_place_jumps, find_takeovers, find_contacts):
        # Between two scenes, places and areas say nothing.
        found += [one for one in find(measures) if one.frame not in after_cut]
    found += find_vanishing(measures)
    found = [_before_marked(one, measures) for one in found if not _is_given(one, measures)]
    return sorted(found, key=lambda one: (one.frame, -one.severity, one.kind, one.object_ids))


def _is_given(finding: Finding, measures: Measures) -> bool:
    """Whether a finding is only what the user has drawn, or cannot be moved before it."""
    if not measures.marked[finding.frame]:
        return False
    moves = finding.kind in ("area", "place", "taken over", "vanishes", "returns")
    before = finding.frame - 1
    return not (moves and measures.follows[finding.frame] and not measures.marked[before])


def _before_marked(finding: Finding, measures: Measures) -> Finding:
    if not measures.marked[finding.frame]:
        return finding
    return Finding(
        finding.frame - 1,
        finding.kind,
        finding.object_ids,
        finding.severity,
        f"from here to the marked frame {measures.names[finding.frame]}, {finding.reason}",
    )


def find_cuts(measures: Measures) -> list[Finding]:
    """The first frame after each scene cut.

    The colours differ from those of the previous frame. A flash is no cut: after it the colours are
    those before it again.
    """
    is_other = (measures.change >= CUT_DISTANCE) & measures.follows
    is_back = np.zeros_like(is_other)
    is_back[2:] = (measures.change_over_two[2:] < CUT_DISTANCE) & is_other[1:-1]
    # The frame of the flash itself, and the one after it.
    flash = is_back.copy()
    flash[:-1] |= is_back[1:]
    return [
        Finding(
            int(t),
            "cut",
            (),
            CUT,
            f"a scene cut: the colours of {measures.change[t]:.0%} of the picture change",
        )
        for t in np.flatnonzero(is_other & ~flash)
    ]


def find_low_confidence(measures: Measures) -> Iterator[Finding]:
    """Visible objects with a confidence below `LOW_CONFIDENCE`."""
    is_low = (measures.areas > 0) & (measures.confidence < LOW_CONFIDENCE)
    for t, k in np.argwhere(is_low):
        value, name = measures.confidence[t, k], measures.object_ids[k]
        yield Finding(
            int(t),
            "low confidence",
            (name,),
            float(1 - value),
            f"object {name}: confidence {value:.2f}",
        )


def find_area_jumps(measures: Measures) -> Iterator[Finding]:
    """Objects whose area changes by a factor of `AREA_RATIO` from one frame to the next."""
    now, before = measures.areas[1:], measures.areas[:-1]
    both = (now > 0) & (before > 0) & measures.follows[1:, None]
    smaller, larger = np.minimum(now, before), np.maximum(now, before)
    is_jump = both & (larger >= AREA_RATIO * smaller)
    is_jump &= larger - smaller >= MIN_AREA * measures.size[0] * measures.size[1]
    for t, k in np.argwhere(is_jump):
        name, ratio = measures.object_ids[k], now[t, k] / before[t, k]
        yield Finding(
            int(t) + 1,
            "area",
            (name,),
            float(1 - smaller[t, k] / larger[t, k]),
            f"object {name}: its area jumps to {ratio:.0%} of what it was",
        )


def find_place_jumps(measures: Measures) -> Iterator[Finding]:
    """Objects that are far from where their motion leads, or have moved far if it is unknown."""
    centres, areas = measures.centres, measures.areas
    step = centres[1:] - centres[:-1]
    # The motion of the previous frame goes on; where it is unknown there is none.
    motion = np.zeros_like(step)
    motion[1:] = np.where(measures.follows[1:-1, None, None], np.nan_to_num(step[:-1]), 0)
    off = np.hypot(*np.moveaxis(step - motion, -1, 0))
    # After a sudden stop the expected place is wrong, the previous one is right.
    off = np.minimum(off, np.hypot(*np.moveaxis(step, -1, 0)))
    smallest = MIN_AREA * measures.size[0] * measures.size[1]
    root = np.sqrt(np.maximum(np.minimum(areas[1:], areas[:-1]), smallest))
    distance = np.where(measures.follows[1:, None], np.nan_to_num(off) / root, 0)
    for t, k in np.argwhere(distance >= DISTANCE):
        name, pixels = measures.object_ids[k], off[t, k]
        yield Finding(
            int(t) + 1,
            "place",
            (name,),
            float(distance[t, k] / (1 + distance[t, k])),
            f"object {name}: its centre jumps by {pixels:.0f} pixels",
        )


def find_takeovers(measures: Measures) -> Iterator[Finding]:
    """Objects of which another one takes a share of `TAKEN_SHARE` from one frame to the next."""
    met = measures.meetings
    rows = np.searchsorted(measures.object_ids, met.first)
    # In the first frame, nothing is taken.
    before = np.maximum(measures.areas[np.maximum(met.frame - 1, 0), rows], 1)
    share = np.where(measures.follows[met.frame], met.taken / before, 0)
    for m in np.flatnonzero(share >= TAKEN_SHARE):
        first, second = int(met.first[m]), int(met.second[m])
        yield Finding(
            int(met.frame[m]),
            "taken over",
            (first, second),
            float(share[m]),
            f"object {second} takes {share[m]:.0%} of the place of object {first}",
        )


def find_contacts(measures: Measures) -> Iterator[Finding]:
    """Objects that begin to touch, after they have not for `APART` frames."""
    met = measures.meetings
    touching = np.flatnonzero((met.border > 0) & (met.first < met.second))
    # By pair, then by frame: a contact begins where the pair is another one or time has passed.
    order = touching[np.lexsort((met.frame[touching], met.second[touching], met.first[touching]))]
    frame, first, second = met.frame[order], met.first[order], met.second[order]
    begins = np.ones(len(order), bool)
    begins[1:] = (np.diff(first) != 0) | (np.diff(second) != 0) | (np.diff(frame) > APART)
    for m in np.flatnonzero(begins & (frame > 0)):
        pair = int(first[m]), int(second[m])
        reason = f"objects {pair[0]} and {pair[1]} begin to touch"
        yield Finding(int(frame[m]), "contact", pair, CONTACT, reason)


def find_vanishing(measures: Measures) -> Iterator[Finding]:
    """Objects that are no longer visible, and objects that are visible again."""
    visible = measures.areas > 0
    for k, name in enumerate(measures.object_ids):
        changes = (np.flatnonzero(np.diff(visible[:, k].astype(np.int8))) + 1).tolist()
        for before, t in zip([0, *changes], changes, strict=False):
            gone = not visible[t, k]
            if not gone and not before:
                continue  # it is a new object, not one that returns
            at_border = measures.at_border[t - 1 if gone else t, k]
            where = "at the border of the frame" if at_border else "inside the frame"
            reason = f"object {name} {'vanishes' if gone else 'returns'} {where}"
            if not gone:
                reason += f" after {t - before} frame{'s' if t - before > 1 else ''}"
            severity = LEFT if at_border else HIDDEN
            yield Finding(t, "vanishes" if gone else "returns", (name,), severity, reason)
