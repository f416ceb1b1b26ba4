"""Which sequences of DAVIS-2016 train are left out of a training, to be measured as unseen.

Two halves: the sequences in alphabetical order, `bear` (number 0), `boat` (2) and so on are `even`,
the others are `odd`. Weights that were fitted on one half are measured on the other, both ways, so
that all 30 sequences are measured by weights that have not seen them.
"""

from collections.abc import Mapping

SEQUENCES = (
    *("bear", "bmx-bumps", "boat", "breakdance-flare", "bus", "car-turn", "dance-jump"),
    *("dog-agility", "drift-turn", "elephant", "flamingo", "hike", "hockey", "horsejump-low"),
    *("kite-walk", "lucia", "mallard-fly", "mallard-water", "motocross-bumps", "motorbike"),
    *("paragliding", "rhino", "rollerblade", "scooter-gray", "soccerball", "stroller", "surf"),
    *("swing", "tennis", "train"),
)
"""All sequences of DAVIS-2016 train in alphabetical order."""

EVEN, ODD = "even", "odd"
HALVES: Mapping[str, tuple[str, ...]] = {ODD: SEQUENCES[1::2], EVEN: SEQUENCES[::2]}
"""The two halves by name. They do not change where a copy of the data lacks sequences."""

DEVELOPMENT_SPLIT = (
    "bmx-bumps",
    "dance-jump",
    "horsejump-low",
    "kite-walk",
    "scooter-gray",
    "tennis",
)
"""Six sequences that versions were compared on before there were halves. Settings were chosen on
them, so their figures are too good; they stay for comparison with earlier figures."""

SPLITS: Mapping[str, tuple[str, ...]] = {"development": DEVELOPMENT_SPLIT, **HALVES}
"""Sequences that may be left out together, by the name for `--leave-out`."""


def sequences_of(text: str) -> tuple[str, ...]:
    """Return the sequences that a value of `--leave-out` names.

    Args:
        text: The name of a split in `SPLITS`, or names of sequences, separated by commas.

    Example:
        >>> sequences_of("bear, bus")
        ('bear', 'bus')
        >>> sequences_of("odd")[:2]
        ('bmx-bumps', 'breakdance-flare')
    """
    if text in SPLITS:
        return SPLITS[text]
    return tuple(name.strip() for name in text.split(",") if name.strip())
