"""Long sequences with known answers, in which objects leave the frame and come back.

A camera moves in a video or in a still: it stays, drifts, zooms, or goes away and comes back
(`rotoline.data.scene_motion`). Up to four further objects are pasted (`rotoline.data.scenes`):
they pass, leave and return, hide, or hover. Some are look-alikes, the same pixels as an object that
is there already. Some are tracked, the others count as background. Which region of a map is the
object is learned from these sequences (`rotoline.training.regions`): objects must get lost and be
found again in them, more than look natural.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from rotoline.data.scene_motion import sample_offsets, sample_windows, view_of
from rotoline.data.scenes import Layer, Scene, Shot, draw
from rotoline.data.stills import MIN_OBJECT_AREA, UNKNOWN
from rotoline.data.training_clips import Clip, reflect_index, sample_clip
from rotoline.errors import InputError
from rotoline.learning.augmentation import generator_for
from rotoline.learning.geometry import similarity, translation
from rotoline.learning.sampler import Sampler
from rotoline.learning.warp import sample_deformations
from rotoline.types import Frame, LabelMap

VIDEO_SHARE = 0.6
"""Probability that the background is a video, and that a pasted object is from one."""
OBJECT_COUNTS, PASTED_COUNTS = (1, 2, 2, 3, 4), (0, 1, 2, 2, 3, 4)
"""How many objects of the background are tracked at most, and how many are pasted."""
LOOKALIKE_SHARE = 0.5
"""Probability that a pasted object is a look-alike of a tracked one."""
LATE_SHARE = 0.5
"""Probability that a look-alike that is not tracked is hidden at first, and appears all at once."""
TRACKED_SHARE, TRACKED_LOOKALIKE_SHARE = 0.65, 0.4
"""Probability that a pasted object is tracked, and that a look-alike is."""
HEIGHTS = (0.15, 0.6)
"""Height of a pasted object, as a fraction of that of the first view."""
LOOKALIKE_SIZES = (0.8, 1.2)
"""Size of a look-alike, as a multiple of that of the object that it is like."""
HIDDEN_SHARE = 0.15
"""Probability that a pasted object is hidden for a while, as if behind something."""
OBJECT_BEND, BACKGROUND_BEND = 0.012, 0.006
"""Largest deformation of an object from a still, and of a still as background, as a fraction of the
width. Videos move by themselves."""
MIN_VISIBLE = 0.0015
"""Smallest area of a tracked object in the first frame, as a fraction of the frame."""
MAX_LIGHT, MAX_NOISE = 0.15, 5.0
"""Largest change of the exposure, and largest standard deviation of the noise in grey levels."""
ATTEMPTS = 50
"""Number of random scenes after which there is probably none that shows an object."""


@dataclass(frozen=True, slots=True)
class LongSequence:
    """Frames with true label maps."""

    frames: list[Frame]
    """uint8 `(H, W, 3)` each, RGB."""
    labels: list[LabelMap]
    """uint8 `(H, W)` each: the tracked objects 1, 2 and so on, all of which are visible in the
    first frame; 0 for background, 255 for unknown."""

    @property
    def object_count(self) -> int:
        """Number of tracked objects."""
        return int(self.labels[0][self.labels[0] != UNKNOWN].max())


@dataclass(frozen=True, slots=True)
class LongSequenceMaker:
    """Samples long sequences from clips."""

    clips: list[Clip]
    """Videos and stills, as `load_clips` returns them."""
    seed: int
    """Seed of all sequences."""
    size: tuple[int, int] = (240, 432)
    """Height and width of the frames."""
    count: int = 28
    """Number of frames of a sequence, at least 8."""

    def make(self, number: int) -> LongSequence:
        """Sample a sequence.

        Args:
            number: Number of the sequence; together with the seed, it decides every random choice.

        Raises:
            InputError: The clips show no objects.
        """
        sampler = Sampler(generator_for(self.seed, number))
        for _ in range(ATTEMPTS):
            scene = _sample_scene(self.clips, self.size, self.count, sampler)
            sequence = _as_sequence(draw(scene, self.size), sampler)
            if sequence is not None:
                return sequence
        raise InputError(
            f"of {ATTEMPTS} sequences that were made of {len(self.clips)} clips, none shows an "
            "object in its first frame; training needs objects that cover at least "
            f"{MIN_OBJECT_AREA:.1%} of a picture, so check the masks of the training data"
        )


class _Object(NamedTuple):
    """An object of a shot."""

    shot: Shot
    object_id: int
    """Its id there."""
    ratio: float
    """Lengths in the scene's background to lengths in the shot."""


def _sample_scene(
    clips: Sequence[Clip], size: tuple[int, int], count: int, sampler: Sampler
) -> Scene:
    background = _sample_shot(clips, count, sampler)
    chosen = _large_objects(background)[: sampler.one_of(OBJECT_COUNTS)]
    ids = torch.tensor(chosen, dtype=torch.uint8)
    first, middle = (torch.isin(background.labels_at(t), ids) for t in (0, count // 2))
    windows = sample_windows(first, middle, size, count, sampler)
    tracked = [_Object(background, one, 1.0) for one in chosen]
    layers: list[Layer] = []
    for _ in range(sampler.one_of(PASTED_COUNTS)):
        is_like = bool(tracked) and sampler.chance(LOOKALIKE_SHARE)
        pasted: _Object | None
        if is_like:
            model = sampler.one_of(tracked)
            pasted = model._replace(ratio=model.ratio * sampler.uniform(*LOOKALIKE_SIZES))
        else:
            height = float(windows[0, 2]) * size[0] * sampler.uniform(*HEIGHTS)
            pasted = _sample_object(clips, count, height, sampler)
        is_tracked = sampler.chance(TRACKED_LOOKALIKE_SHARE if is_like else TRACKED_SHARE)
        if pasted is not None:
            label = len(chosen) + len(layers) + 1 if is_tracked else 0
            is_late = is_like and not is_tracked and sampler.chance(LATE_SHARE)
            layers.append(_sample_layer(pasted, label, windows, size, sampler, is_late=is_late))
            tracked += [pasted] if is_tracked else []
    return Scene(
        background=background,
        tracked=chosen,
        views=[view_of(window, size) for window in windows],
        bends=_sample_bends(background, BACKGROUND_BEND, size, sampler),
        layers=layers,
    )


def _sample_shot(clips: Sequence[Clip], count: int, sampler: Sampler) -> Shot:
    """Sample a clip, and for a video where to begin, how fast, and in which direction."""
    videos = [clip for clip in clips if not clip.is_still]
    stills = [clip for clip in clips if clip.is_still]
    is_video = sampler.chance(VIDEO_SHARE) if videos and stills else bool(videos)
    clip = sample_clip(videos if is_video else stills, sampler)
    begin = sampler.integer(0, len(clip.frames) - 1)
    step = sampler.one_of([1, 1, 2]) * sampler.one_of([-1, 1])
    indices = [reflect_index(begin + step * t, len(clip.frames)) for t in range(count)]
    shown = sorted(set(indices))
    labels = {index: clip.labels[index] for index in shown}
    if clip.kind == "garments":  # which are one person together
        labels = {
            index: one.where((one == 0) | (one == UNKNOWN), torch.ones_like(one))
            for index, one in labels.items()
        }
    return Shot(indices, {index: clip.frames[index] for index in shown}, labels, clip.is_still)


def _sample_object(
    clips: Sequence[Clip], count: int, height: float, sampler: Sampler
) -> _Object | None:
    """Sample an object of a clip that gets a height; None if the clip shows none at first."""
    shot = _sample_shot(clips, count, sampler)
    large = _large_objects(shot)
    if not large:
        return None
    chosen = sampler.one_of(large)
    rows = (shot.labels_at(0) == chosen).any(1).nonzero()
    return _Object(shot, chosen, height / (int(rows.max() - rows.min()) + 1))


def _large_objects(shot: Shot) -> list[int]:
    """Ids of the objects that are large enough in the first frame, the largest first."""
    labels = shot.labels_at(0)
    areas = torch.bincount(labels.flatten(), minlength=256)[1:UNKNOWN]
    order = areas.argsort(descending=True, stable=True).tolist()
    return [at + 1 for at in order if areas[at] > MIN_OBJECT_AREA * labels.numel()]


def _sample_layer(
    thing: _Object,
    label: int,
    windows: Tensor,
    size: tuple[int, int],
    sampler: Sampler,
    *,
    is_late: bool,
) -> Layer:
    """Sample the way of a pasted object; a late one is hidden at first."""
    count, start, hidden = len(windows), windows[0], range(0)
    view = start[2] * torch.tensor(size)
    growth = math.exp(sampler.uniform(-0.4, 0.4))
    corner, mirrored = torch.tensor([0.4, 0.42]), sampler.chance(0.5)
    place = torch.tensor([sampler.uniform(-1, 1), sampler.uniform(-1, 1)]) * corner
    way = start[:2] + (place + sample_offsets(count, sampler)) * view
    # An object that gets much smaller is reduced first, so that all its pixels count.
    factor = max(1, int(float(start[2]) / thing.ratio))
    thing = _Object(thing.shot.reduced(factor), thing.object_id, factor * thing.ratio)
    places = []
    for t, ((row, column), (down, right)) in enumerate(
        zip(way.tolist(), _centres(thing), strict=True)
    ):
        scale = 1 / (thing.ratio * growth ** (t / count))
        turned = similarity(0.0, scale, mirrored=mirrored)
        places.append(translation(right, down) @ turned @ translation(-column, -row))
    if is_late:
        hidden = range(sampler.integer(1, count // 2))
    elif sampler.chance(HIDDEN_SHARE):
        begin = sampler.integer(count // 4, count // 2)
        hidden = range(begin, sampler.integer(count // 2, count - 3))
    return Layer(
        shot=thing.shot,
        object_id=thing.object_id,
        label=label,
        places=places,
        bends=_sample_bends(thing.shot, OBJECT_BEND, size, sampler),
        hidden=hidden,
    )


def _centres(thing: _Object) -> list[tuple[float, float]]:
    """Mean row and column in each frame; where it is not to be seen, those of the frame before."""
    known: dict[int, tuple[float, float]] = {}
    centres, last = [], (0.0, 0.0)
    for t, index in enumerate(thing.shot.indices):
        if index not in known:
            pixels = (thing.shot.labels_at(t) == thing.object_id).nonzero()
            if len(pixels) > 0:
                row, column = (pixels.float().mean(0) + 0.5).tolist()
                last = (row, column)
            known[index] = last
        centres.append(known[index])
    return centres


def _sample_bends(
    shot: Shot, largest: float, size: tuple[int, int], sampler: Sampler
) -> list[Tensor] | None:
    """Deformations `(2, H, W)` that change along the frames; none for a video."""
    if not shot.is_still:
        return None
    amount = sampler.uniform(0, largest) * size[1]
    return sample_deformations(size, amount, len(shot.indices), sampler)[1:]


def _as_sequence(drawn: list[tuple[Tensor, Tensor]], sampler: Sampler) -> LongSequence | None:
    """Number the objects that are visible in the first frame, and vary the light.

    Objects that come later are background. None if no object is visible.
    """
    first = drawn[0][1]
    areas = torch.bincount(first.flatten(), minlength=256)
    visible = [one for one in range(1, UNKNOWN) if areas[one] >= MIN_VISIBLE * first.numel()]
    if not visible:
        return None
    table = torch.zeros(256, dtype=torch.uint8)
    table[visible] = torch.arange(1, len(visible) + 1, dtype=torch.uint8)
    table[UNKNOWN] = UNKNOWN
    change, spread = sampler.uniform(-MAX_LIGHT, MAX_LIGHT), sampler.uniform(0, MAX_NOISE)
    frames, labels = [], []
    for t, (pixels, found) in enumerate(drawn):
        lit = pixels * (1 + change * t / len(drawn)) + spread * sampler.noise(*first.shape)
        frames.append(lit.round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy())
        labels.append(table[found].numpy())
    return LongSequence(frames, labels)
