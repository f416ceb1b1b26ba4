"""Sampling of scenes: every random decision about what an episode shows (`scene_plans`)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from rotoline.data.objects import ObjectIndex, ObjectView, index_objects
from rotoline.data.scene_plans import (
    LENGTH,
    MAX_LAYERS,
    MAX_OBJECTS,
    LayerPlan,
    Motion,
    ScenePlan,
)
from rotoline.data.scene_reveals import FIRST_FRAMES, sample_pan, slide_off
from rotoline.data.scene_sources import ClipSource, sample_pictures, sample_tracked
from rotoline.data.scene_views import place_in_frame, radius_in_frame, sample_view, zoom_of
from rotoline.data.stills import UNKNOWN
from rotoline.data.training_clips import Clip, sample_set
from rotoline.learning.geometry import similarity, translation
from rotoline.learning.sampler import Sampler
from rotoline.learning.warp import DEFORMATION_GRID, interpolated, sample_motions

MAX_GAPS = (10, 60)
"""Largest distance in frames from the reference to the targets, at the start and after two thirds
of the training."""

TOGETHER_SHARE = 0.3
"""Probability that all of a still moves together, as before a moving camera."""
EXCHANGE_SHARE = 0.3
"""Probability that objects are shown before the background of another clip."""
PASTED_COUNTS = (0, 0, 1, 1, 2)
"""Numbers of pasted objects, all equally likely."""
LOOKALIKE_SHARE, KIN_SHARE = 0.3, 0.4
"""Probability that a pasted object is a copy of one that is there, and else that it is of the same
group of clips."""
TRACKED_SHARE = 0.5
"""Probability that a pasted object is tracked; otherwise it counts as background."""
LATE_SHARE = 0.5
"""Probability that a pasted object that is not tracked is absent from the reference frame."""
HIDDEN_SHARE = 0.15
"""Probability that a layer is out of sight for some frames after the reference."""
PAN_SHARE, COVER_SHARE = 0.12, 0.15
"""Probability that an object is partly beyond an edge, or partly covered, before the targets."""
COVER_SIZES = (0.5, 1.2)
"""Size of what covers an object, as a fraction of that of the object."""
BESIDE_SHARE = 0.4
"""Probability that an object is pasted next to the first object of the base."""
BESIDE = (0.7, 1.3)
"""Distance of their centres then, as a multiple of the sum of their radii."""
SIZES = (0.05, 0.7)
"""Size of a pasted object, the square root of its area, as a fraction of that of the frame."""
VIDEO_SPREAD, OBJECT_SPREAD, BACKGROUND_SPREAD, SCENE_SPREAD = 1.0, 5.0, 2.0, 3.0
"""How far a video, an object, the background and a whole scene move; see `sample_motions`."""
OBJECT_BEND, BACKGROUND_BEND, SCENE_BEND = 0.02, 0.006, 0.008
"""Largest deformation, as a fraction of the width."""
RECOLOUR_SHARE = 0.3
"""Probability that a pasted object has other colours than its clip."""
TEXTURE_SHARE = 0.15
"""Probability that a pasted object has the texture of another picture."""
PLAIN_SHARE = 0.1
"""Probability that an object, or what is behind the objects, has nearly one colour."""


class _Thing(NamedTuple):
    """An object of a clip, to be shown in a scene."""

    pictures: list[int]
    """The picture of each frame."""
    labels: tuple[int, ...]
    """Its labels; several for a person with garments."""
    view: ObjectView
    """Where it is in the reference frame."""
    zoom: float
    """Pixels of the picture per pixel of the frame."""
    is_still: bool


@dataclass(slots=True)
class _Draft:
    """A scene while it is planned."""

    size: tuple[int, int]
    sampler: Sampler
    layers: list[LayerPlan] = field(default_factory=list)
    things: list[_Thing] = field(default_factory=list)
    """The objects of the base of the scene, of which copies can be made."""
    objects: int = 0
    """Number of tracked objects."""
    pan: list[Tensor] = field(default_factory=lambda: [torch.eye(3)] * LENGTH)
    """Motion of the camera, `(3, 3)` for each frame; at first it stays (`sample_pan`)."""

    def new_object(self) -> int:
        """The label of another tracked object."""
        self.objects += 1
        return self.objects

    def moved(self, view: Tensor, spread: float, bend: float) -> Motion:
        """A motion around one view."""
        motions = sample_motions(self.size, spread, LENGTH - 1, self.sampler)
        amount = self.sampler.uniform(0, bend) * self.size[1]
        reference, first, change = amount * self.sampler.noise(3, 2, *DEFORMATION_GRID)
        bends = [reference, *interpolated(first, change, LENGTH - 1)]
        views = [view @ pan @ motion for pan, motion in zip(self.pan, motions, strict=True)]
        return Motion(views, bends)

    def hidden(self) -> tuple[int, ...]:
        """The frames after the reference in which a tracked layer is out of sight, often none."""
        if not self.sampler.chance(HIDDEN_SHARE):
            return ()
        first = self.sampler.integer(1, LENGTH - 1)
        return tuple(range(first, min(LENGTH, first + self.sampler.integer(1, 2))))

    def colour(self) -> tuple[float, float, float] | None:
        """The colour of a plain layer; mostly None."""
        if not self.sampler.chance(PLAIN_SHARE):
            return None
        grey = self.sampler.uniform(20, 235)
        red, green, blue = (grey + self.sampler.uniform(-60, 60) for _ in range(3))
        return red, green, blue


@dataclass(frozen=True, slots=True)
class ScenePlanner:
    """Samples scenes from clips."""

    sets: Mapping[str, Sequence[ClipSource]]
    """The clips of each set of data."""
    size: tuple[int, int]
    """Height and width of the frames."""
    index: ObjectIndex
    """Where the objects of the clips are."""

    @classmethod
    def of(cls, clips: Sequence[Clip], size: tuple[int, int]) -> "ScenePlanner":
        """A planner for the clips of a `PicturePool`, in which their objects are looked up."""
        sets: dict[str, list[ClipSource]] = {}
        first = 0
        for clip in clips:
            height, width = clip.frames[0].shape[-2:]
            source = ClipSource(first, len(clip.frames), (height, width), clip.group, clip.kind)
            sets.setdefault(clip.set_name, []).append(source)
            first += len(clip.frames)
        return cls(sets, size, index_objects(clips))

    def plan(self, sampler: Sampler, progress: float) -> ScenePlan:
        """Sample a scene.

        Args:
            sampler: Source of all random numbers.
            progress: Fraction of the training that is done, 0 to 1; the distance between reference
                and targets grows with it.
        """
        draft = _Draft(self.size, sampler)
        low, high = MAX_GAPS
        max_gap = int(low + (high - low) * min(1.0, progress * 1.5))
        clip = self._sample_clip(sampler)
        pictures = sample_pictures(clip, max_gap, sampler)
        shown = self.index[pictures[0]]
        groups = sample_tracked(clip, shown, sampler)
        focus = sampler.one_of(groups)[1] if groups else None
        view = sample_view(focus, clip.extent, self.size, sampler)
        if focus and sampler.chance(PAN_SHARE):
            draft.pan = sample_pan(focus, view, self.size, sampler)
        zoom = zoom_of(view)
        draft.things = [
            _Thing(pictures, labels, where, zoom, clip.is_still) for labels, where in groups
        ]
        numbers = {labels: draft.new_object() for labels, _ in groups} or {(): draft.new_object()}
        is_exchanged = sampler.chance(EXCHANGE_SHARE)
        if clip.is_still and not sampler.chance(TOGETHER_SHARE):
            self._move_apart(draft, pictures, view, numbers, is_exchanged=is_exchanged)
        else:
            self._move_together(draft, clip, pictures, view, numbers, is_exchanged=is_exchanged)
        beside = None
        if focus:
            beside = (*place_in_frame(view, focus.centre), radius_in_frame(view, focus))
        for _ in range(sampler.one_of(PASTED_COUNTS)):
            if len(draft.layers) < MAX_LAYERS:
                self._paste(draft, clip.group, max_gap, beside)
        if focus and len(draft.layers) < MAX_LAYERS and sampler.chance(COVER_SHARE):
            self._cover(draft, focus, view)
        return ScenePlan(tuple(draft.layers), draft.objects)

    def _sample_clip(self, sampler: Sampler, group: str | None = None) -> ClipSource:
        """A clip, of a group if one is named; sets by their shares, all clips of a set equally."""
        names = [
            name for name, clips in self.sets.items() if group is None or clips[0].group == group
        ]
        return sampler.one_of(self.sets[sample_set(names, sampler)])

    def _move_together(
        self,
        draft: _Draft,
        clip: ClipSource,
        pictures: list[int],
        view: Tensor,
        numbers: Mapping[tuple[int, ...], int],
        *,
        is_exchanged: bool,
    ) -> None:
        """All objects of the base in one layer: the whole picture, or they alone elsewhere."""
        spread, bend = (SCENE_SPREAD, SCENE_BEND) if clip.is_still else (VIDEO_SPREAD, 0.0)
        moved = draft.moved(view, spread, bend)
        labels = {one: number for ids, number in numbers.items() for one in ids}
        if is_exchanged and labels:
            draft.layers.append(self._background(draft))
        draft.layers.append(
            LayerPlan(pictures=pictures, labels={**labels, UNKNOWN: UNKNOWN}, motion=moved)
        )

    def _move_apart(
        self,
        draft: _Draft,
        pictures: list[int],
        view: Tensor,
        numbers: Mapping[tuple[int, ...], int],
        *,
        is_exchanged: bool,
    ) -> None:
        """Each object of a still moves by itself, before the filled picture or another one."""
        cut = tuple(one for ids in numbers for one in ids)
        if is_exchanged:
            draft.layers.append(self._background(draft))
        else:
            moved = draft.moved(view, BACKGROUND_SPREAD, BACKGROUND_BEND)
            draft.layers.append(
                LayerPlan(
                    pictures=pictures,
                    labels={},
                    cut=(*cut, UNKNOWN),
                    motion=moved,
                    colour=draft.colour(),
                )
            )
        for ids in draft.sampler.shuffled(list(numbers)):
            moved = draft.moved(view, OBJECT_SPREAD, OBJECT_BEND)
            labels = dict.fromkeys(ids, numbers[ids])
            draft.layers.append(
                LayerPlan(
                    pictures=pictures,
                    labels={**labels, UNKNOWN: UNKNOWN},
                    hidden=draft.hidden(),
                    motion=moved,
                    colour=draft.colour(),
                )
            )

    def _background(self, draft: _Draft) -> LayerPlan:
        """Another picture; whatever it shows is background."""
        sampler = draft.sampler
        clip = self._sample_clip(sampler)
        view = sample_view(None, clip.extent, self.size, sampler)
        moved = draft.moved(view, BACKGROUND_SPREAD, BACKGROUND_BEND)
        return LayerPlan(
            pictures=sample_pictures(clip, 1, sampler),
            labels={},
            motion=moved,
            colour=draft.colour(),
        )

    def _paste(
        self,
        draft: _Draft,
        group: str,
        max_gap: int,
        beside: tuple[float, float, float] | None,
    ) -> None:
        """Add an object of another clip, or a copy of one that is there.

        Args:
            draft: The scene.
            group: The group of the base.
            max_gap: Largest distance between reference and targets, in frames.
            beside: Place (x, y) in the frame and radius of an object to be next to, now and then.
        """
        sampler = draft.sampler
        if draft.things and sampler.chance(LOOKALIKE_SHARE):
            thing = sampler.one_of(draft.things)
            thing = thing._replace(zoom=thing.zoom * sampler.uniform(0.8, 1.25))
        else:
            kin = group if sampler.chance(KIN_SHARE) else None
            found = self._sample_thing(sampler, kin, max_gap)
            if found is None:
                return
            thing = found
        view = _placed(thing, self._place(thing, beside, sampler), sampler)
        is_tracked = draft.objects < MAX_OBJECTS and sampler.chance(TRACKED_SHARE)
        late = (0,) if sampler.chance(LATE_SHARE) else ()
        hidden = draft.hidden() if is_tracked else late
        number = draft.new_object() if is_tracked else 0
        is_recoloured = sampler.chance(RECOLOUR_SHARE)
        has_texture = sampler.chance(TEXTURE_SHARE)
        draft.layers.append(
            LayerPlan(
                pictures=thing.pictures,
                labels=dict.fromkeys(thing.labels, number),
                hidden=hidden,
                gains=[sampler.uniform(0.6, 1.4) if is_recoloured else 1.0 for _ in range(3)],
                texture=self._sample_clip(sampler).first if has_texture else None,
                colour=draft.colour(),
                motion=draft.moved(view, OBJECT_SPREAD, OBJECT_BEND if thing.is_still else 0.0),
            )
        )

    def _place(
        self, thing: _Thing, beside: tuple[float, float, float] | None, sampler: Sampler
    ) -> tuple[float, float]:
        """Where in the frame the centre of a pasted object is, (x, y)."""
        if beside and sampler.chance(BESIDE_SHARE):
            x, y, radius = beside
            angle = sampler.uniform(0, 2 * math.pi)
            own = 0.5 * math.sqrt(thing.view.area) / thing.zoom
            distance = (radius + own) * sampler.uniform(*BESIDE)
            return x + distance * math.cos(angle), y + distance * math.sin(angle)
        height, width = self.size
        return width * sampler.uniform(0.05, 0.95), height * sampler.uniform(0, 1)

    def _cover(self, draft: _Draft, focus: ObjectView, view: Tensor) -> None:
        """Put something before a part of an object until the targets, where it leaves or is gone.

        Args:
            draft: The scene.
            focus: The object, in the picture of the reference.
            view: Where that picture is.
        """
        sampler = draft.sampler
        thing = self._sample_thing(sampler, None, max_gap=1)
        if thing is None:
            return
        size = 2 * radius_in_frame(view, focus) * sampler.uniform(*COVER_SIZES)
        place = place_in_frame(view, torch.tensor(focus.point(sampler)))
        thing = thing._replace(zoom=math.sqrt(thing.view.area) / size)
        motion = draft.moved(_placed(thing, place, sampler), VIDEO_SPREAD, 0.0)
        hidden: tuple[int, ...] = ()
        if sampler.chance(0.5):
            hidden = tuple(range(FIRST_FRAMES, LENGTH))
        else:
            motion = slide_off(motion, 2 * size, sampler)
        draft.layers.append(
            LayerPlan(
                pictures=thing.pictures[:1] * LENGTH,
                labels=dict.fromkeys(thing.labels, 0),
                hidden=hidden,
                motion=motion,
            )
        )

    def _sample_thing(self, sampler: Sampler, group: str | None, max_gap: int) -> _Thing | None:
        """An object of any clip; None if the chosen frame of the clip shows none."""
        clip = self._sample_clip(sampler, group)
        pictures = sample_pictures(clip, max_gap, sampler)
        groups = sample_tracked(clip, self.index[pictures[0]], sampler)
        if not groups:
            return None
        labels, view = sampler.one_of(groups)
        wanted = math.exp(sampler.uniform(*map(math.log, SIZES))) * math.sqrt(math.prod(self.size))
        return _Thing(pictures, labels, view, math.sqrt(view.area) / wanted, clip.is_still)


def _placed(thing: _Thing, place: tuple[float, float], sampler: Sampler) -> Tensor:
    """A view that shows an object with its centre at `place`, (x, y) in the frame, turned a little.

    The rotation is up to 15 degrees, and half of the views are mirrored.
    """
    angle = math.radians(sampler.uniform(-15, 15))
    turn = similarity(angle, thing.zoom, mirrored=sampler.chance(0.5))
    x, y = place
    return translation(*thing.view.centre.tolist()) @ turn @ translation(-x, -y)
