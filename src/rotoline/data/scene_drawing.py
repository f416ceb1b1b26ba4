"""The pictures and labels of many planned scenes at once, on any device."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rotoline.data.picture_pool import LEVELS, PicturePool
from rotoline.data.scene_plans import LENGTH, MAX_LAYERS, LayerPlan, ScenePlan
from rotoline.data.stills import UNKNOWN
from rotoline.learning.geometry import pixel_centres
from rotoline.learning.inpainting import inpaint_backgrounds
from rotoline.learning.warp import cubic_weights, soften

TEXTURE = 0.6
"""Share of the texture in the colours of an object that has one."""
PLAIN = 0.9
"""Share of the colour of a plain layer in what is seen of it."""
NOT_DRAWN = 254
"""What a label of a picture becomes that is not part of a layer over the background."""


class Drawn(NamedTuple):
    """B scenes of N frames."""

    frames: Tensor
    """float32 `(B, N, 3, H, W)`, RGB in [0, 255]."""
    labels: Tensor
    """uint8 `(B, N, H, W)`: tracked objects 1, 2 and so on; 0 for background, 255 for unknown."""
    things: Tensor
    """float32 `(B, N, H, W)`, 0 or 1: where any object is that has a label, tracked or not."""


class _Layers(NamedTuple):
    """One layer in every frame in which it is drawn, n in all."""

    places: Tensor
    """int64 `(n,)`: numbers of the frames, all frames of a scene after those of the one before."""
    pictures: Tensor
    """int64 `(n,)`."""
    views: Tensor
    """float32 `(n, 3, 3)`."""
    bends: Tensor
    """float32 `(n, 2, 4, 6)`."""
    tables: Tensor
    """uint8 `(n, 256)`: what each label of the picture becomes."""
    gains: Tensor
    """float32 `(n, 3)`."""
    textured: Tensor
    """int64 `(k,)`: which of the n have a texture."""
    textures: Tensor
    """int64 `(k,)`: the pictures that these show as well."""
    colours: Tensor
    """float32 `(n, 4)`: RGB in [0, 255], and its share in what is seen."""
    filled: Tensor
    """int64 `(m,)`: which of the n have places to fill."""
    cut: Tensor
    """bool `(m, 256)`: the labels of these places."""


def draw_scenes(pool: PicturePool, plans: Sequence[ScenePlan], size: tuple[int, int]) -> Drawn:
    """Draw scenes.

    Args:
        pool: The pictures, on the device that draws.
        plans: B scenes.
        size: Height and width of the frames.

    Returns:
        The scenes on the device of the pool. The border of what is pasted is soft in the picture
        and sharp in the labels.
    """
    count, device = len(plans) * LENGTH, pool.pixels.device
    frames = torch.zeros(count, 3, *size, device=device)
    labels = torch.zeros(count, *size, dtype=torch.uint8, device=device)
    things = torch.zeros(count, *size, device=device)
    for depth in range(MAX_LAYERS):
        layers = _gather(plans, depth, device)
        if layers is None:
            continue
        pixels, found, within = _sample(pool, layers, size)
        rows = layers.places
        new = _look_up(layers.tables, found)
        if depth == 0:
            # Whether the mirror image of an object belongs to it, nobody can say.
            labels[rows] = torch.where(within | (new == 0), new, UNKNOWN)
            frames[rows], filled = _fill(pixels, found, layers)
            hidden = filled | (layers.colours[:, 3, None, None] > 0)
            things[rows] = ((found > 0) & (found != UNKNOWN) & ~hidden).float()
        else:
            # Beyond its border a picture is mirrored, and the object would be there twice.
            inside = (new != NOT_DRAWN) & within
            frames[rows] = torch.lerp(frames[rows], pixels, soften(inside[:, None].float()))
            labels[rows] = torch.where(inside, new, labels[rows])
            things[rows] = torch.where(inside, (found != UNKNOWN).float(), things[rows])
    shape = (len(plans), LENGTH)
    frames = frames.clamp(0, 255)
    return Drawn(*(part.unflatten(0, shape) for part in (frames, labels, things)))


def _gather(plans: Sequence[ScenePlan], depth: int, device: torch.device) -> _Layers | None:
    """The layers at one depth; None if no scene has one."""
    layers = [plan.layers[depth] if depth < len(plan.layers) else None for plan in plans]
    shown = [
        (number, layer, t)
        for number, layer in enumerate(layers)
        if layer is not None
        for t in range(LENGTH)
        if t not in layer.hidden
    ]
    if not shown:
        return None
    tables = {number: _table(layer, is_background=depth == 0) for number, layer, _ in shown}
    filled = [row for row, (_, layer, _) in enumerate(shown) if layer.cut]
    cut = torch.zeros(len(filled), 256, dtype=torch.bool)
    for row, at in enumerate(filled):
        cut[row, list(shown[at][1].cut)] = True
    textures = [
        (row, layer.texture) for row, (_, layer, _) in enumerate(shown) if layer.texture is not None
    ]
    columns = (
        torch.tensor([number * LENGTH + t for number, _, t in shown]),
        torch.tensor([layer.pictures[t] for _, layer, t in shown]),
        torch.stack([layer.motion.views[t] for _, layer, t in shown]),
        torch.stack([layer.motion.bends[t] for _, layer, t in shown]),
        torch.stack([tables[number] for number, _, _ in shown]),
        torch.tensor([list(layer.gains) for _, layer, _ in shown]),
        torch.tensor([row for row, _ in textures], dtype=torch.int64),
        torch.tensor([texture for _, texture in textures], dtype=torch.int64),
        torch.tensor([_colour(layer) for _, layer, _ in shown]),
        torch.tensor(filled, dtype=torch.int64),
        cut,
    )
    return _Layers(*(column.to(device, non_blocking=True) for column in columns))


def _table(layer: LayerPlan, *, is_background: bool) -> Tensor:
    """What each label of a picture becomes, uint8 `(256,)`."""
    becomes = torch.full((256,), 0 if is_background else NOT_DRAWN, dtype=torch.uint8)
    becomes[list(layer.labels)] = torch.tensor(list(layer.labels.values()), dtype=torch.uint8)
    return becomes


def _colour(layer: LayerPlan) -> tuple[float, ...]:
    """The colour of a layer, and its share."""
    return (0.0, 0.0, 0.0, 0.0) if layer.colour is None else (*layer.colour, PLAIN)


def _look_up(tables: Tensor, labels: Tensor) -> Tensor:
    """For each of n label maps `(n, H, W)` the values of its table `(n, 256)`."""
    return tables.gather(1, labels.flatten(1).long()).view(labels.shape)


def _fill(pixels: Tensor, found: Tensor, layers: _Layers) -> tuple[Tensor, Tensor]:
    """Fill the places of the labels that are cut out; return the pictures, and these places."""
    filled = torch.zeros_like(found, dtype=torch.bool)
    if len(layers.filled) == 0:
        return pixels, filled
    inside = _look_up(layers.cut, found[layers.filled])
    new = inpaint_backgrounds(pixels[layers.filled], inside[:, None].float())
    return (
        pixels.index_copy(0, layers.filled, new),
        filled.index_copy(0, layers.filled, inside),
    )


def _sample(
    pool: PicturePool, layers: _Layers, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Colours, labels, and what lies within its picture, of the layers in their frames."""
    device = layers.views.device
    rows, columns = (
        cubic_weights(points, length).to(device)
        for points, length in zip(layers.bends.shape[-2:], size, strict=True)
    )
    points = pixel_centres(size).to(device) + rows @ layers.bends @ columns.T
    linear, shift = layers.views[:, :2, :2], layers.views[:, :2, 2]
    points = (linear @ points.flatten(2)).unflatten(2, size) + shift[:, :, None, None]
    zoom = torch.linalg.det(linear).abs().sqrt()
    levels = (zoom.log2() + 0.25).floor().clamp(0, LEVELS - 1).long()
    pixels, found, within = pool.sample(layers.pictures, levels, points)
    if len(layers.textured):
        rows = layers.textured
        texture, _, _ = pool.sample(layers.textures, levels[rows], points[rows])
        pixels = pixels.index_copy(0, rows, torch.lerp(pixels[rows], texture, TEXTURE))
    colours, shares = layers.colours[:, :, None, None].split((3, 1), dim=1)
    pixels = torch.lerp(pixels * layers.gains[:, :, None, None], colours, shares)
    return pixels, found, within


def masks_of(drawn: Drawn, plans: Sequence[ScenePlan]) -> tuple[Tensor, Tensor]:
    """The masks of all tracked objects, and where they are known.

    Returns:
        float32 `(M, N, H, W)` and `(B, N, H, W)`, 0 or 1.
    """
    masks = [
        torch.stack([labels == number for number in range(1, plan.object_count + 1)])
        for labels, plan in zip(drawn.labels, plans, strict=True)
    ]
    return torch.cat(masks).float(), (drawn.labels != UNKNOWN).float()
