"""How accurate is one configuration on clips that its weights have not seen?

    rotoline experiment halves --data DATA --odd-weights ODD --even-weights EVEN --output OUT

The weights ODD were fitted on the odd sequences of DAVIS-2016 train (`rotoline.data.splits`) and
are measured on the even ones, EVEN the other way round: 30 clips, all unseen. With the fitted half
of the work, the same weights are measured on the sequences that they were fitted on, and the gap
between the two is a row of its own.

Rows for some kinds of clips, by rules on the true masks of the scored frames:

- *thin parts*: unseen sequences in which at least `THIN_SHARE` of the object's pixels are in parts
  that are at most 8 pixels wide at 480p (`error_places.TrueShape`);
- *small objects*: unseen sequences whose object covers less than `SMALL_AREA` of the frame;
- *several objects*: clips with more than one object. As the masks of DAVIS-2016 have one, these are
  schoolgirls, which both weights segment, and the composites of two sequences of one half.

What a run writes is in `rotoline.evaluation.experiment`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rotoline.data.splits import DEVELOPMENT_SPLIT, EVEN, HALVES, ODD, SEQUENCES
from rotoline.errors import InputError
from rotoline.evaluation.clips import (
    FITTED,
    MULTI_OBJECT,
    SYNTHETIC,
    UNSEEN,
    EvaluationClip,
    choose_clips,
    read_sequence_clip,
)
from rotoline.evaluation.development_clips import COMPOSITES, compose, find_schoolgirls
from rotoline.evaluation.measure import ClipMeasure
from rotoline.evaluation.results import Results
from rotoline.evaluation.rows import Row
from rotoline.evaluation.runner import Subject
from rotoline.evaluation.unlike import unlike_rows

THIN_SHARE = 0.04
"""An object is thin if this share of its pixels is in thin parts."""
SMALL_AREA = 0.05
"""An object is small if it covers less than this share of the frame."""

NOTES = (
    "Unseen: each sequence is segmented with weights that were fitted on the other half. "
    f"*Thin parts*: at least {THIN_SHARE:.0%} of the object's pixels are in parts at most 8 pixels "
    f"wide at 480p. *Small objects*: they cover less than {SMALL_AREA:.0%} of the frame. *Several "
    "objects*: clips with more than one object, which are not among the sequences."
)


def halves_subjects(
    data: Path,
    weights: Mapping[str, Path],
    *,
    only: Sequence[str] = (),
    fitted: bool = True,
    unlike: Sequence[EvaluationClip] = (),
) -> list[Subject]:
    """Return which clip is segmented with which weights.

    Args:
        data: Holds `davis-2016-train` and, optionally, `davis-2017-schoolgirls`.
        weights: The weights files for `ODD` and for `EVEN`.
        only: Names of the clips to take; all of them if empty.
        fitted: Whether the sequences that weights were fitted on are measured too.
        unlike: Further clips, which both weights segment.

    Returns:
        The unseen sequences in alphabetical order, the fitted ones, then the others.

    Raises:
        InputError: No sequence is there, masks are missing, or there is no clip of a name in
            `only`.
    """
    sequences = _find_sequences(data)
    other = {ODD: EVEN, EVEN: ODD}
    half_of = {name: half for half, names in HALVES.items() for name in names}

    def subject(clip: EvaluationClip, half: str) -> Subject:
        return Subject(clip=clip, weights=weights[half], weights_name=half)

    subjects = [subject(clip, other[half_of[name]]) for name, clip in sequences[UNSEEN].items()]
    if fitted:
        subjects += [subject(clip, half_of[name]) for name, clip in sequences[FITTED].items()]
    for composite in COMPOSITES:
        parts = {composite.behind, composite.in_front}
        halves = {half_of[name] for name in parts}
        if parts <= set(sequences[UNSEEN]) and len(halves) == 1:
            clip = compose(composite, sequences[UNSEEN], SYNTHETIC)
            subjects.append(subject(clip, other[halves.pop()]))
    taken = {one.clip.name for one in subjects}
    shared = {clip.name: clip for clip in (*find_schoolgirls(data), *unlike)}
    subjects += [
        subject(clip, half) for name, clip in shared.items() if name not in taken for half in HALVES
    ]
    chosen = choose_clips([one.clip for one in subjects], only, str(data))
    return [one for one in subjects if one.clip in chosen]


def _find_sequences(data: Path) -> dict[str, dict[str, EvaluationClip]]:
    """The sequences that are there, by group and name."""
    davis = data / "davis-2016-train"
    frames, masks = davis / "JPEGImages" / "480p", davis / "Annotations" / "480p"
    names = [name for name in SEQUENCES if (frames / name).is_dir()]
    if not names:
        raise InputError(
            f"no sequence of DAVIS-2016 train below {data}; it must hold davis-2016-train/"
            "JPEGImages/480p/SEQUENCE; give the folder of docs/how-to/train.md"
        )
    return {
        group: {
            name: read_sequence_clip(name, group, frames / name, masks / name) for name in names
        }
        for group in (UNSEEN, FITTED)
    }


def halves_rows(results: Results) -> list[Row]:
    """Return the means to report; see the docstring of this module."""
    unseen, fitted = results.in_group(UNSEEN), results.in_group(FITTED)
    names = {clip.name for clip in unseen}
    several = [*results.in_group(MULTI_OBJECT), *results.in_group(SYNTHETIC)]
    rows = [
        Row(name="unseen", clips=unseen),
        Row(name="fitted", clips=fitted),
        Row(
            name="gap: fitted minus unseen",
            clips=[clip for clip in fitted if clip.name in names],
            minus=unseen if fitted else (),
        ),
        Row(name="unseen: thin parts", clips=list(filter(is_thin, unseen))),
        Row(name="unseen: small objects", clips=list(filter(is_small, unseen))),
        Row(name="several objects", clips=[clip for clip in several if len(clip.objects) > 1]),
        Row(
            name="unseen: the old development split",
            clips=[clip for clip in unseen if clip.name in DEVELOPMENT_SPLIT],
        ),
        *unlike_rows(results),
    ]
    return [row for row in rows if row.clips]


def is_thin(clip: ClipMeasure) -> bool:
    """Whether a clip counts as one with thin parts, in the mean over its objects."""
    shares = [one.shape.thin for one in clip.objects if one.shape is not None]
    return bool(shares) and float(np.mean(shares)) >= THIN_SHARE


def is_small(clip: ClipMeasure) -> bool:
    """Whether a clip counts as one with small objects, in the mean over its objects."""
    areas = [one.shape.area for one in clip.objects if one.shape is not None]
    return bool(areas) and float(np.mean(areas)) < SMALL_AREA
