"""Frames and label maps of scenes that are composed of clips: a background, and pasted objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rotoline.data.stills import UNKNOWN
from rotoline.learning.geometry import map_points, pixel_centres
from rotoline.learning.warp import paste_softly, warp_labelled


@dataclass(frozen=True, slots=True)
class Shot:
    """What a clip shows in each frame of a scene; a still shows the same all the time."""

    indices: list[int]
    """The frame of the clip for each frame of the scene."""
    pixels: Mapping[int, Tensor]
    """By the frame of the clip, RGB in [0, 255], `(3, h, w)`."""
    labels: Mapping[int, Tensor]
    """By the frame of the clip, object ids, uint8 `(h, w)`; 0 for background, 255 for unknown."""
    is_still: bool
    """Whether nothing moves in it."""

    def labels_at(self, t: int) -> Tensor:
        """Object ids in frame `t` of the scene, uint8 `(h, w)`."""
        return self.labels[self.indices[t]]

    def reduced(self, factor: int) -> "Shot":
        """The same in pictures that are smaller by a whole number."""
        if factor == 1:
            return self
        pixels = {
            index: functional.avg_pool2d(one.float(), factor) for index, one in self.pixels.items()
        }
        middle = factor // 2
        labels = {index: one[middle::factor, middle::factor] for index, one in self.labels.items()}
        labels = {
            index: one[: pixels[index].shape[1], : pixels[index].shape[2]]
            for index, one in labels.items()
        }
        return Shot(self.indices, pixels, labels, self.is_still)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """An object that is pasted into a scene."""

    shot: Shot
    """Where it comes from."""
    object_id: int
    """Its id there."""
    label: int
    """Its label in the scene; 0 if it is not tracked."""
    places: Sequence[Tensor]
    """For each frame the affine map `(3, 3)` from the pixels of the background to those of the
    shot."""
    bends: Sequence[Tensor] | None = None
    """For each frame a deformation `(2, H, W)`, in pixels of the frame."""
    hidden: range = range(0)
    """The frames in which it is not to be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What there is to be seen, and how the camera moves."""

    background: Shot
    """The picture that the camera moves in."""
    tracked: Sequence[int]
    """Ids of its objects that get the labels 1, 2 and so on; its other objects get 0."""
    views: Sequence[Tensor]
    """For each frame the affine map `(3, 3)` from its pixels to those of the background."""
    bends: Sequence[Tensor] | None = None
    """For each frame a deformation `(2, H, W)` of the background, in pixels of the frame."""
    layers: Sequence[Layer] = ()
    """What is pasted, the last in front."""


def draw(scene: Scene, size: tuple[int, int]) -> list[tuple[Tensor, Tensor]]:
    """Draw every frame of a scene.

    Args:
        scene: The scene.
        size: Height and width of the frames.

    Returns:
        For each frame its pixels, float `(3, H, W)` in [0, 255], and its labels, int64 `(H, W)`,
        255 for unknown. A pasted object hides what is behind it, also where that is unknown.
    """
    table = torch.zeros(256, dtype=torch.int64)
    table[list(scene.tracked)] = torch.arange(1, len(scene.tracked) + 1)
    table[UNKNOWN] = UNKNOWN
    shot, drawn = scene.background, []
    for t, view in enumerate(scene.views):
        bend = scene.bends[t] if scene.bends else None
        pixels, found = warp_labelled(
            shot.pixels[shot.indices[t]], shot.labels_at(t), view, size, bend
        )
        labels = table[found]
        for layer in scene.layers:
            if t not in layer.hidden:
                pixels, labels = _paste(layer, t, view, (pixels, labels))
        drawn.append((pixels, labels))
    return drawn


def _paste(
    layer: Layer, t: int, view: Tensor, onto: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Paste a layer over the pixels and the labels of frame `t`."""
    pixels, labels = onto
    size = (labels.shape[0], labels.shape[1])
    shot, affine = layer.shot, layer.places[t] @ view
    bend = layer.bends[t] if layer.bends else None
    ids = shot.labels_at(t)
    points = pixel_centres(size) if bend is None else pixel_centres(size) + bend
    points = map_points(affine, points)
    extent = torch.tensor([ids.shape[1], ids.shape[0]])[:, None, None]
    # Beyond its border a picture is mirrored, and the object would be there twice.
    within = ((points >= 0) & (points < extent)).all(0)
    if not within.any():
        return onto
    moved, found = warp_labelled(shot.pixels[shot.indices[t]], ids, affine, size, bend)
    inside = (found == layer.object_id) & within
    return paste_softly(pixels, moved, inside), torch.where(inside, layer.label, labels)
