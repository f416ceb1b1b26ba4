"""A session: marks objects in single frames of one clip, and tracks them."""

from collections import OrderedDict
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rotoline.annotations import check_annotations, check_mask
from rotoline.correction import check_spans, track_spans
from rotoline.errors import ConfigError, InputError
from rotoline.frames import FrameStream, check_frame
from rotoline.interact.answers import Drawn, Logits, Scene, draw, settle
from rotoline.interact.evidence import TaughtFrame, known_frames, teach_frame
from rotoline.interact.learning import learn
from rotoline.interact.strokes import Mask, Stroke
from rotoline.model import Model
from rotoline.pipeline import MapStore, Step
from rotoline.spans import Span
from rotoline.stages.preprocess import to_tensor, working_size
from rotoline.systems.fast import FastConfig, FastSystem
from rotoline.systems.fast.encoder import Features
from rotoline.systems.fast.strokes import StrokeMaps, segment_from_strokes
from rotoline.systems.fast.system import STRIDE
from rotoline.systems.fast.upsampling import enlarge
from rotoline.systems.protocol import SystemConfig
from rotoline.tracker import Tracker
from rotoline.types import (
    MAX_ID,
    SATURATED_LOGIT,
    Frame,
    FrameResult,
    LabelMap,
    ObjectId,
    upsample,
)

KEPT_FRAMES = 16
"""Number of frames whose features are remembered; about 20 MB each."""


class _Learned(NamedTuple):
    """A tracker that has learned objects, and from what."""

    masks: Mapping[int, LabelMap]
    complete: frozenset[int]
    tracker: Tracker


class Session:
    """Marks objects in single frames and tracks them; for one clip. One thread owns it.

    Args:
        model: Loaded weights of the preset `fast`.
        size: Height and width of the frames.
        config: Settings; the defaults of the preset if None.

    Raises:
        ConfigError: The model or the settings belong to another preset.
    """

    def __init__(
        self, model: Model, size: tuple[int, int], *, config: SystemConfig | None = None
    ) -> None:
        if not isinstance(model.system, FastSystem):
            raise ConfigError(
                f"the weights are of the preset {model.config.preset}, which finds no masks from "
                "strokes; load weights of the preset fast: rotoline.load_model()"
            )
        tracker_config = model.tracker(config=config).config
        assert isinstance(tracker_config, FastConfig)
        self._model, self._config, self._net = model, tracker_config, model.system.net
        self._size, self._working = size, working_size(size, tracker_config.working_pixels)
        self._features: OrderedDict[int, Features] = OrderedDict()
        self._taught: dict[int, TaughtFrame] = {}
        self._learned: _Learned | None = None

    @torch.inference_mode()
    def look(self, index: int, frame: Frame) -> None:
        """Prepare a frame before a stroke comes: what takes longest of the first `solve` in it.

        Args:
            index: Of the frame. The last 16 frames are remembered by it.
            frame: RGB, uint8 `(H, W, 3)`.

        Raises:
            InputError: The frame cannot be used.
        """
        self._look(index, check_frame(index, frame, self._size))

    @torch.inference_mode()
    def solve(  # noqa: PLR0913 (what is known of the frame)
        self,
        index: int,
        frame: Frame,
        strokes: Mapping[ObjectId, Sequence[Stroke]],
        *,
        current: LabelMap | None = None,
        result: FrameResult | None = None,
        locked: Collection[ObjectId] = (),
        changing: Collection[ObjectId] | None = None,
    ) -> LabelMap:
        """Find the masks of objects from their strokes.

        The masks depend on the arguments and on what `teach` was told alone: strokes drawn one
        after the other are given all together, every time. Where the frame has an accepted mask
        that `teach` was told, or else a `result`, the strokes correct it: they are those drawn
        since. Then an object changes only in regions that a stroke touches.

        Args:
            index: Of the frame.
            frame: RGB, uint8 `(H, W, 3)`.
            strokes: All strokes of the frame, by object, in the order in which they were drawn. A
                stroke of one object says of all others that they are not there.
            current: The masks that the frame has, accepted ones or results: objects without strokes
                keep theirs. None for none.
            result: The result of this frame, if it was tracked.
            locked: Objects that keep exactly their pixels in `current`; their strokes are left out.
            changing: The objects that may change, such as the one that was drawn last; the others
                lose the pixels that these take. All with strokes, if None.

        Returns:
            Object ids, uint8 `(H, W)`; 0 for background. Pixels under a stroke follow it, unless
            they are those of a locked object.

        Raises:
            InputError: The frame, a mask or an id cannot be used.
        """
        frame = check_frame(index, frame, self._size)
        labels = self._checked(f"the present mask of frame {index}", current)
        _check_ids(strokes)
        drawn = {
            object_id: draw(strokes[object_id], self._size)
            for object_id in sorted(strokes)
            if strokes[object_id] and object_id not in locked
        }
        before = self._before(index, result, drawn)
        wanted = [one for one in drawn if changing is None or one in changing]
        smart = {object_id: one for object_id, one in drawn.items() if one.is_smart}
        maps: dict[ObjectId, Logits] = {}
        if smart:
            taken = (labels > 0) & ~np.isin(labels, list(smart))
            logits = self._solve(index, frame, smart, taken, self._previous(before, result, smart))
            maps = self._enlarge(dict(zip(smart, logits, strict=True)), wanted, frame)

        def map_of(object_id: ObjectId) -> Logits | None:
            is_accepted = index in self._taught and object_id in self._taught[index].rows
            if result is None or is_accepted or object_id not in result.object_ids:
                return None
            if not len(result.logits):  # a result that was read from its files
                return None
            row = result.object_ids.index(object_id)
            found: Logits = upsample(result.logits[row][None], self._size)[0].numpy()
            return found

        scene = Scene(labels, before, locked, self._config.fuse.background_threshold, map_of)
        return settle(scene, drawn, maps, wanted)

    @torch.inference_mode()
    def teach(self, masks: Mapping[int, LabelMap], frames: Mapping[int, Frame]) -> None:
        """Learn from accepted masks of frames, which helps `solve` in all other frames.

        Args:
            masks: All accepted masks by frame index; those told before and not given any more are
                forgotten. Only new and changed ones are learned.
            frames: At least the frames of the new and changed masks.

        Raises:
            InputError: A mask does not fit its frame, or a frame is missing.
        """
        new = {}
        for index, mask in masks.items():
            known = self._taught.get(index)
            if known is None or not np.array_equal(known.mask, mask):
                if index not in frames:
                    raise InputError(
                        f"frame {index} has an accepted mask and is not among the frames; give it"
                    )
                checked = self._checked(f"the mask of frame {index}", mask)
                features = self._look(index, check_frame(index, frames[index], self._size))
                new[index] = teach_frame(checked, features, self._working)
        kept = {index: one for index, one in self._taught.items() if index in masks}
        self._taught = kept | new

    def track(
        self,
        frames: Iterable[Frame],
        masks: Mapping[int, LabelMap],
        spans: Sequence[Span],
        results: Mapping[int, FrameResult],
        store: MapStore,
        *,
        complete: Collection[int] = (),
    ) -> Iterator[Step]:
        """Learn the objects from all accepted masks, and track some of them again.

        Objects change in their spans alone: everywhere else their masks, maps and confidence stay
        as they are in `results`, bit for bit, but for pixels that a tracked object takes or gives
        up. With nothing in `results` and the spans of `plan_spans(..., "both")` of all objects,
        the results are those of `rotoline.segment`.

        Closing the iterator cancels at once. Every result that was yielded is valid then.

        Args:
            frames: The clip; can be iterated again, as `rotoline.open_frames` and lists can.
            masks: All accepted masks by frame index, of all objects.
            spans: What is tracked; see `plan_spans`.
            results: What is known of frames; each is read on access. May lack frames and objects.
            store: Keeps the maps of the backward pass until the forward pass: a dict, or
                `rotoline.io.frame_store.temporary_store()` for long clips.
            complete: The frames of which the accepted masks show all objects that are there: the
                others are hidden in them.

        Yields:
            `Step.result` is the new result of one frame, each frame at most once; `Step.progress`
            says how far learning, tuning and tracking are.

        Raises:
            InputError: Masks or spans cannot be used.
        """
        stream = FrameStream(frames)
        tracker = yield from self._learn(stream, masks, frozenset(complete), spans)
        yield from track_spans(stream, tracker, spans, results, store)

    def _learn(
        self,
        stream: FrameStream,
        masks: Mapping[int, LabelMap],
        complete: frozenset[int],
        spans: Sequence[Span],
    ) -> Generator[Step, None, Tracker]:
        """A tracker that has learned the masks; the one of before if they are the same."""
        known = self._learned
        if known is not None and complete == known.complete and _are_equal(masks, known.masks):
            return known.tracker
        annotated = stream.read(masks)
        annotations = check_annotations(masks, annotated, complete=complete)
        check_spans(spans, annotations)
        tracker = self._model.tracker(config=self._config)
        yield from learn(tracker, annotated, annotations)
        copies = {index: np.array(mask) for index, mask in masks.items()}
        self._learned = _Learned(copies, complete, tracker)
        return tracker

    def _look(self, index: int, frame: Frame) -> Features:
        features = self._features.get(index)
        if features is None:
            features = self._net.encoder(to_tensor(frame, self._working))
            self._features[index] = features
            while len(self._features) > KEPT_FRAMES:
                self._features.popitem(last=False)
        self._features.move_to_end(index)
        return features

    def _checked(self, name: str, mask: LabelMap | None) -> LabelMap:
        if mask is None:
            return np.zeros(self._size, np.uint8)
        return check_mask(name, mask, self._size, may_be_empty=True)

    def _before(
        self, index: int, result: FrameResult | None, ids: Iterable[ObjectId]
    ) -> dict[ObjectId, Mask]:
        """The masks that strokes correct: accepted ones, or else results."""
        taught, found = self._taught.get(index), {}
        for object_id in ids:
            if taught is not None and object_id in taught.rows:
                found[object_id] = taught.mask == object_id
            elif result is not None and object_id in result.object_ids:
                found[object_id] = result.labels == object_id
        return found

    def _previous(
        self,
        before: Mapping[ObjectId, Mask],
        result: FrameResult | None,
        ids: Collection[ObjectId],
    ) -> Tensor | None:
        """Logits `(K, h, w)` of what strokes correct: -8 for objects that are new here."""
        if not before:
            return None
        height, width = (extent // STRIDE for extent in self._working)
        logits = torch.full((len(ids), height, width), -SATURATED_LOGIT, dtype=torch.float32)
        for row, object_id in enumerate(ids):
            if object_id in before:
                logits[row] = SATURATED_LOGIT * (2 * _shares(before[object_id], logits) - 1)
        return logits

    def _solve(
        self,
        index: int,
        frame: Frame,
        drawn: Mapping[ObjectId, Drawn],
        taken: Mask,
        previous: Tensor | None,
    ) -> Tensor:
        """Logits `(K, h, w)` of the objects with strokes."""
        boxes = [one.likely for one in drawn.values()]
        likely = [np.zeros_like(taken) if one is None else one for one in boxes]
        strokes = StrokeMaps(
            inside=self._reduced([one.positive for one in drawn.values()]),
            outside=self._reduced([one.negative for one in drawn.values()]),
            likely=None if all(one is None for one in boxes) else self._reduced(likely),
            taken=self._reduced([taken])[0] if taken.any() else None,
        )
        known = known_frames(self._taught, index, list(drawn))
        features = self._look(index, frame)
        return segment_from_strokes(self._net, features, strokes, known, previous)

    def _enlarge(
        self, logits: Mapping[ObjectId, Tensor], changing: Collection[ObjectId], frame: Frame
    ) -> dict[ObjectId, Logits]:
        """Maps `(h, w)` at the size of the frame; sharp ones of the objects that change."""
        sharp = [one for one in logits if one in changing]
        maps = {
            i: upsample(one[None], self._size)[0] for i, one in logits.items() if i not in sharp
        }
        if sharp:
            stacked = torch.stack([logits[one] for one in sharp])
            enlarged = enlarge(self._net.upsampler, self._config.upsampling, stacked, frame)
            maps |= dict(zip(sharp, enlarged, strict=True))
        return {object_id: maps[object_id].numpy() for object_id in logits}

    def _reduced(self, masks: Sequence[Mask]) -> Tensor:
        """Masks at the working size, `(K, H, W)`: 1 if any of the pixels there is in the mask."""
        return torch.from_numpy(np.stack([max_pool(mask, self._working) for mask in masks])).float()


def max_pool(mask: Mask, size: tuple[int, int]) -> Mask:
    """`adaptive_max_pool2d` of a mask `(H, W)`, in a fifth of its time.

    Example:
        >>> max_pool(np.array([[True, False, False, False]]), (2, 2))
        array([[ True, False],
               [ True, False]])
    """
    for axis, (extent, wanted) in enumerate(zip(mask.shape, size, strict=True)):
        numbers = np.arange(wanted)
        first, last = numbers * extent // wanted, -(-(numbers + 1) * extent // wanted) - 1
        pooled = np.take(mask, first, axis)
        for step in range(1, int((last - first).max()) + 1):
            pooled |= np.take(mask, np.minimum(first + step, last), axis)
        mask = pooled
    return mask


def _shares(mask: Mask, like: Tensor) -> Tensor:
    """The share of each pixel of a map that a mask `(H, W)` covers."""
    pixels = torch.from_numpy(mask).float()[None, None]
    return functional.interpolate(pixels, size=like.shape[-2:], mode="area")[0, 0]


def _check_ids(ids: Iterable[ObjectId]) -> None:
    for object_id in ids:
        if not 0 < object_id <= MAX_ID:
            raise InputError(f"object {object_id} has strokes; ids are from 1 to {MAX_ID}")


def _are_equal(masks: Mapping[int, LabelMap], others: Mapping[int, LabelMap]) -> bool:
    return masks.keys() == others.keys() and all(
        np.array_equal(mask, others[index]) for index, mask in masks.items()
    )
