"""What an episode shows, as numbers: which pictures, where, in which order. Nothing is drawn here.

A scene is a background and up to four layers of objects over it. `rotoline.data.scene_planner`
decides everything random, on the CPU; `rotoline.data.scene_drawing` makes the pictures of many
scenes at once, on any device.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from torch import Tensor

TARGETS = 3
"""Number of target frames, on which the loss is computed. The prediction for one target is an input
for the next."""
LENGTH = TARGETS + 2
"""Frames of an episode: the reference, the frame before the targets, the targets."""
MAX_OBJECTS, MAX_LAYERS = 4, 5
"""Most tracked objects of an episode, and most layers, the background included."""


class Motion(NamedTuple):
    """Where a picture is in each frame."""

    views: list[Tensor]
    """Affine maps `(3, 3)` from the pixels of the frame to those of the picture."""
    bends: list[Tensor]
    """Random displacements `(2, 4, 6)`, in pixels of the frame, between which a deformation is
    interpolated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPlan:
    """A clip, or some objects of one, in every frame of a scene."""

    pictures: Sequence[int]
    """The picture that each frame shows, by its number in the pool."""
    motion: Motion
    """Where it is in each frame."""
    labels: Mapping[int, int]
    """What a label of the picture is in the scene: 1, 2 and so on for tracked objects, 0 for
    background, 255 for unknown. In a layer over the background, other labels are not drawn; in the
    background, they are 0."""
    cut: Sequence[int] = ()
    """In the background: the labels whose places are filled from their surroundings."""
    hidden: Sequence[int] = ()
    """The frames in which the layer is not drawn."""
    gains: Sequence[float] = (1.0, 1.0, 1.0)
    """Factors of red, green and blue."""
    texture: int | None = None
    """Number of another picture that is seen on the objects as well, and moves with them."""
    colour: tuple[float, float, float] | None = None
    """RGB in [0, 255] that nearly replaces what the picture shows: a plain thing."""


@dataclass(frozen=True, slots=True)
class ScenePlan:
    """A background, and layers over it."""

    layers: Sequence[LayerPlan]
    """The background, then what is before it, the last in front."""
    object_count: int
    """Number of tracked objects; 1 to `MAX_OBJECTS`."""

    def frozen(self) -> "ScenePlan":
        """The same scene in which every frame shows what the reference shows."""
        layers = [
            replace(
                layer,
                pictures=[layer.pictures[0]] * LENGTH,
                motion=Motion(*([part[0]] * LENGTH for part in layer.motion)),
                hidden=range(LENGTH) if 0 in layer.hidden else (),
            )
            for layer in self.layers
        ]
        return ScenePlan(layers, self.object_count)
