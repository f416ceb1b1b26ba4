"""Parts of a connected region that lie where the object was not: they may be a neighbour.

When the object touches something that looks like it, one connected region holds both, and the
decision about the region would add the neighbour to the object from one frame to the next.
"""

import numpy as np
from numpy.typing import NDArray

from rotoline.stages.regions.components import Regions, count_pixels

NEAR_RADIUS = 4
"""Pixels of the map (stride 4) that an object may grow by in a frame, in each direction."""
SMALLEST_SHARE = 0.1
"""Smallest part, as a share of the last visible mask."""
SMALLEST_AREA = 16
"""Smallest part in pixels of the map."""

SMALLEST_REST = 0.5
"""Share of the last visible mask that has to be covered still, for a part to be split off: an
object that is in view may have a neighbour, and one that moves far has itself as a new part."""

Masks = NDArray[np.bool_]


def split_off_new_parts(
    regions: Regions, stays: Masks, here: Masks, last_visible: Masks, removed: Masks
) -> Regions:
    """Make regions of their own of parts that are new.

    A pixel is new if it lies more than `NEAR_RADIUS` pixels away from where the object was, or if
    it was removed in the previous frame. A part is an 8-connected set of new pixels that is large
    enough, and what lies between it and the object's place but nearer to the part. A region of
    which nothing lies where the object was is no part.

    Args:
        regions: n connected regions of an object's map.
        stays: bool `(n,)`: which of them stay. The others are not split.
        here: bool `(h, w)`: where the object was: its last visible mask, and the previous map
            carried along with the motion.
        last_visible: bool `(h, w)`: the last visible mask; nothing is split unless the regions
            that stay cover half of it.
        removed: bool `(h, w)`: what was removed from the object's map in the previous frame.

    Returns:
        The same n regions without their new parts, then the parts, numbered in the order in which
        their first pixels come. Parts of several regions that touch are one. `regions` itself if
        there is none.
    """
    from scipy import ndimage  # imported late: a fifth of the time that loading the model takes

    smallest = max(SMALLEST_AREA, SMALLEST_SHARE * count_pixels(last_visible))
    kept = np.concatenate(([False], stays))[regions.labels]
    known = ndimage.maximum_filter(here, size=2 * NEAR_RADIUS + 1)
    new = kept & (~known | (removed & ~here))
    covered = count_pixels(kept & last_visible) / max(count_pixels(last_visible), 1)
    if count_pixels(new) < smallest or covered < SMALLEST_REST:
        return regions
    has_place = np.zeros(len(regions.areas), dtype=bool)
    has_place[regions.labels[kept & here]] = True
    new &= has_place[regions.labels]
    numbers, count = ndimage.label(new, structure=np.ones((3, 3), dtype=bool))
    is_large = np.bincount(numbers.ravel(), minlength=count + 1) >= smallest
    is_large[0] = False
    new = is_large[numbers]
    if not new.any():
        return regions
    place = kept & here & has_place[regions.labels]
    is_nearer = ndimage.distance_transform_edt(~new) < ndimage.distance_transform_edt(~place)
    parts = kept & has_place[regions.labels] & is_nearer & ~here
    numbers, count = ndimage.label(parts, structure=np.ones((3, 3), dtype=bool))
    n = len(regions.areas) - 1
    labels = np.where(parts, numbers + n, regions.labels)
    return Regions(labels, np.bincount(labels.ravel(), minlength=n + count + 1))
