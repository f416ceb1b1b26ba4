"""What a scene is made of: a clip, some of its pictures, and the objects of these to track."""

from collections.abc import Sequence
from typing import NamedTuple

from rotoline.data.objects import ObjectView, joined
from rotoline.data.scene_plans import LENGTH, MAX_OBJECTS, TARGETS
from rotoline.data.stills import UNKNOWN
from rotoline.data.training_clips import reflect_index
from rotoline.learning.sampler import Sampler

COMPANION_SHARE = 0.6
"""Probability that another large object of a still is tracked too."""
UNION_SHARE = 0.6
"""Probability that all garments of a still are one object, the person."""


class ClipSource(NamedTuple):
    """What the plans need to know of a clip."""

    first: int
    """Number of its first picture."""
    length: int
    """Number of its frames."""
    extent: tuple[int, int]
    """Their height and width."""
    group: str
    kind: str

    @property
    def is_still(self) -> bool:
        """Whether there is only one picture."""
        return self.length == 1


def sample_pictures(clip: ClipSource, max_gap: int, sampler: Sampler) -> list[int]:
    """The pictures of the reference, of the frame before the targets, and of the targets.

    Args:
        clip: Beyond its ends it runs backwards.
        max_gap: Largest distance in frames between the reference and the frame before the targets.
        sampler: Source of all random numbers.
    """
    if clip.is_still:
        return [clip.first] * LENGTH
    reference = sampler.integer(0, clip.length - 1)
    direction = 1 if sampler.chance(0.5) else -1
    step = sampler.one_of([1, 1, 2, 3])
    # A quarter of the episodes continue from the reference itself, as at the start of a clip.
    gap = 0 if sampler.chance(0.25) else sampler.integer(1, max_gap)
    row = [reference + direction * (gap + step * at) for at in range(TARGETS + 1)]
    return [clip.first + reflect_index(index, clip.length) for index in (reference, *row)]


def sample_tracked(
    clip: ClipSource, shown: Sequence[ObjectView], sampler: Sampler
) -> list[tuple[tuple[int, ...], ObjectView]]:
    """Choose the objects of a picture that are tracked, each with its labels."""
    if not shown:
        return []
    if clip.kind == "garments" and sampler.chance(UNION_SHARE):
        # Also the garments that are too small to be objects: they belong to the person.
        return [(tuple(range(1, UNKNOWN)), joined(shown))]
    focus = sampler.one_of(shown)
    others = [one for one in shown if one is not focus and sampler.chance(COMPANION_SHARE)]
    # With a layer for the background and one for what is pasted.
    chosen = [focus, *sampler.shuffled(others)][: MAX_OBJECTS - 1]
    return [((one.label,), one) for one in chosen]
