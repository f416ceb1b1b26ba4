"""Parts of objects that the first frames do not show, and that come into view later.

A still that is moved shows the same of an object in every frame. Where things turn, come nearer or
step out from behind something, parts of them appear that nobody has marked. Here an object is
partly beyond the edge of the picture, or partly covered, until the targets show all of it.
"""

import math

from torch import Tensor

from rotoline.data.objects import ObjectView
from rotoline.data.scene_plans import LENGTH, TARGETS, Motion
from rotoline.data.scene_views import place_in_frame, radius_in_frame
from rotoline.learning.geometry import translation
from rotoline.learning.sampler import Sampler

FIRST_FRAMES = LENGTH - TARGETS
"""The reference and the frame before the targets, which do not show all of the object."""
OVER_EDGE = 0.5
"""How far the centre of the object may be from the edge, as a fraction of the object's radius."""


def sample_pan(
    focus: ObjectView, view: Tensor, size: tuple[int, int], sampler: Sampler
) -> list[Tensor]:
    """Sample a camera that shows a part of an object first, and the object at the end.

    Args:
        focus: The object.
        view: Affine map `(3, 3)` from the pixels of the frame to those of the picture.
        size: Height and width of the frames.
        sampler: Source of all random numbers.

    Returns:
        For each frame an affine map `(3, 3)` between pixels of the frame, to be applied before the
        view.
    """
    centre, radius = place_in_frame(view, focus.centre), radius_in_frame(view, focus)
    axis = sampler.integer(0, 1)  # left and right, or up and down
    edge = sampler.one_of([0, size[1 - axis]])
    shift = [0.0, 0.0]
    shift[axis] = edge + sampler.uniform(-OVER_EDGE, OVER_EDGE) * radius - centre[axis]
    left = [1.0] * FIRST_FRAMES + [1 - (t + 1) / TARGETS for t in range(TARGETS)]
    return [translation(-share * shift[0], -share * shift[1]) for share in left]


def slide_off(motion: Motion, distance: float, sampler: Sampler) -> Motion:
    """Let something leave its place, in the direction of a random angle, from the first target on.

    Args:
        motion: Where it is in each frame.
        distance: How far it has gone in the last frame, in pixels of the frame.
        sampler: Source of all random numbers.
    """
    angle = sampler.uniform(0, 2 * math.pi)
    steps = [max(0, t + 1 - FIRST_FRAMES) / TARGETS * distance for t in range(LENGTH)]
    views = [
        view @ translation(-step * math.cos(angle), -step * math.sin(angle))
        for view, step in zip(motion.views, steps, strict=True)
    ]
    return motion._replace(views=views)
