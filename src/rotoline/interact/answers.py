"""From the maps of some objects to the masks of a frame: who takes which pixel from whom."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rotoline.interact.strokes import Mask, Stroke, apply_exact, draw_hints, draw_seeds
from rotoline.systems.fast.strokes import touched_regions
from rotoline.types import LabelMap, ObjectId

Logits = NDArray[np.float32]

SAID, CERTAIN = 1e4, 1e3
"""Logits under a stroke, and in a mask that only a stroke may change."""


class Drawn(NamedTuple):
    """All strokes of an object as pixels, bool `(H, W)` each."""

    positive: Mask
    """They are the object."""
    negative: Mask
    """They are not."""
    likely: Mask | None
    """They are likely the object; None without a box."""
    is_smart: bool
    """Whether the mask is found from them, and not drawn exactly."""


def draw(strokes: Sequence[Stroke], size: tuple[int, int]) -> Drawn:
    """Draw all strokes of an object; exact ones count more than the others."""
    hints = draw_hints(strokes, size)
    painted = apply_exact(None, strokes, size)
    erased = ~apply_exact(np.ones(size, bool), strokes, size)
    has_box = any(one.tool == "box" and one.is_object for one in strokes)
    return Drawn(
        positive=(hints.positive & ~erased) | painted,
        negative=(hints.negative & ~painted) | erased,
        likely=draw_seeds(strokes, size) if has_box else None,
        is_smart=any(one.is_smart for one in strokes),
    )


@dataclass(frozen=True, eq=False)
class Scene:
    """The masks of a frame before strokes change them."""

    current: LabelMap
    """Those that are there, `(H, W)`."""
    before: Mapping[ObjectId, Mask]
    """The masks that strokes correct, of objects that have one."""
    locked: Collection[ObjectId]
    """Objects that keep their pixels."""
    threshold: float
    """Score from which a pixel belongs to an object."""
    map_of: Callable[[ObjectId], Logits | None]
    """The logits `(H, W)` of an object without strokes; None if its mask is certain."""


def settle(
    scene: Scene,
    drawn: Mapping[ObjectId, Drawn],
    maps: Mapping[ObjectId, Logits],
    changing: Collection[ObjectId],
) -> LabelMap:
    """Decide who gets which pixel.

    An object takes a pixel where its map wins against all others and the region of such pixels has
    a positive stroke of it; it gives up a pixel where its map loses and the region has a negative
    one. So a stroke changes what it touches, and nothing else. A negative stroke through a separate
    part of the mask removes all of it. Pixels that are given up become background, or what the maps
    of the other objects say.

    Args:
        scene: What there is.
        drawn: The strokes.
        maps: Logits `(H, W)` of the objects whose masks are found from strokes.
        changing: The objects that may change, among those in `drawn`.
    """
    said = {object_id: _pinned(object_id, maps[object_id], drawn) for object_id in maps}
    winners = _winners(said, scene)
    labels = scene.current.copy()
    may_take = ~np.isin(labels, list(scene.locked))
    given_up = np.zeros(labels.shape, bool)
    for object_id in changing:
        one, is_here = drawn[object_id], scene.current == object_id
        if not one.is_smart:
            mask = (is_here | one.positive) & ~one.negative
            taken, kept = mask & ~is_here, mask
        else:
            before = scene.before.get(object_id, np.zeros_like(is_here))
            mask = winners == object_id
            others = [other.positive for i, other in drawn.items() if i != object_id]
            against = np.any([one.negative, *others], axis=0)
            touching = one.positive if one.likely is None else one.positive | one.likely
            taken = touched_regions(mask & ~before, touching)
            unwanted = _unwanted_parts(before, one.negative, touching)
            taken &= ~unwanted
            kept = before & ~unwanted & ~touched_regions(before & ~mask, against)
        labels[may_take & kept & ((labels == 0) | is_here)] = object_id
        left = (labels == object_id) & ~kept & ~taken
        labels[left] = 0
        given_up |= left
        labels[may_take & taken] = object_id
    given_up &= labels == 0
    if given_up.any():
        _fill(labels, given_up, scene, said, changing)
    return labels


def _unwanted_parts(mask: Mask, negative: Mask, positive: Mask) -> Mask:
    """The parts of a mask `(H, W)` that strokes reject: whatever its map says, they disappear.

    That is a part that does not hang together with the rest, is not the largest one, has no
    positive stroke, and has a negative one in its middle: at least half as deep as it is deep.
    """
    parts, count = ndimage.label(mask, structure=np.ones((3, 3), int))
    found = np.zeros_like(mask)
    if count < 2:
        return found
    largest = int(np.bincount(parts[mask]).argmax())
    wanted = {largest, *np.unique(parts[mask & positive]).tolist()}
    places = ndimage.find_objects(parts)
    for number in np.unique(parts[mask & negative]).tolist():
        if number not in wanted:
            place = places[number - 1]
            part = parts[place] == number
            depth = ndimage.distance_transform_edt(np.pad(part, 1))[1:-1, 1:-1]
            if depth[negative[place]].max() >= depth.max() / 2:
                found[place] |= part
    return found


def _pinned(object_id: ObjectId, logits: Logits, drawn: Mapping[ObjectId, Drawn]) -> Logits:
    """Logits that follow the strokes: those of the object, and those of others as negative ones."""
    logits = logits.copy()
    for other, one in drawn.items():
        if other != object_id:
            logits[one.positive] = -SAID
    logits[drawn[object_id].negative] = -SAID
    logits[drawn[object_id].positive] = SAID
    return logits


def _winners(said: Mapping[ObjectId, Logits], scene: Scene) -> LabelMap:
    """The object whose map wins in each pixel, `(H, W)`; 0 for none of them."""
    best = np.full(scene.current.shape, _logit(scene.threshold), np.float32)
    winners = np.zeros_like(scene.current)
    for object_id, logits in said.items():
        is_better = logits > best
        winners[is_better] = object_id
        np.maximum(best, logits, out=best)
    for rival in np.unique(scene.current[winners > 0]).tolist():
        if rival > 0 and rival not in said:
            rival_map = scene.map_of(rival)
            is_lost = (scene.current == rival) & (
                best <= (CERTAIN if rival_map is None else rival_map)
            )
            winners[is_lost] = 0
    return winners


def _fill(
    labels: LabelMap,
    given_up: Mask,
    scene: Scene,
    said: Mapping[ObjectId, Logits],
    changing: Collection[ObjectId],
) -> None:
    """Give pixels `(H, W)` of background to the object whose map is best there."""
    best = np.full(np.count_nonzero(given_up), _logit(scene.threshold), np.float32)
    found = np.zeros(len(best), np.uint8)
    for object_id, logits in _other_maps(scene, said, changing):
        is_better = logits[given_up] > best
        found[is_better] = object_id
        best = np.maximum(best, logits[given_up])
    labels[given_up] = found


def _other_maps(
    scene: Scene, said: Mapping[ObjectId, Logits], changing: Collection[ObjectId]
) -> Iterator[tuple[ObjectId, Logits]]:
    for object_id in np.unique(scene.current).tolist():
        if object_id > 0 and object_id not in (*changing, *scene.locked):
            logits = said[object_id] if object_id in said else scene.map_of(object_id)
            if logits is not None:
                yield object_id, logits


def _logit(score: float) -> float:
    return math.log(score / (1 - score))
