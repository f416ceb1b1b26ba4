"""The picture as code: one frame goes through seven stages, in this order.

    frame ─► encode ─► score ─► limit ─► propagate ─► filter ─► fuse ─► labels
                                                         └─► update (the objects' state and models)

`Tracker.track` and `Tracker.result` are that picture. Encode, score, propagate and update belong to
the system that the tracker was given (`rotoline.systems`), the others to `rotoline.stages`; nothing
in this module depends on which system it is. What depends on the frame alone is computed once,
however many objects there are.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor

from rotoline.annotations import Annotations, check_annotations, objects_told
from rotoline.errors import InputError
from rotoline.frames import check_frame
from rotoline.runtime.progress import Listener, ignore_progress, reports_to
from rotoline.runtime.timing import StageTimer
from rotoline.stages.foreground import foreground_mask, limit_again, limit_to_foreground
from rotoline.stages.fuse import expected_iou, fuse, visible_masks
from rotoline.stages.regions import Evidence, RegionEvidence, filter_regions, judgements
from rotoline.state import KnownMaps, ObjectState, TrackerState
from rotoline.systems.protocol import (
    FittedSystem,
    System,
    SystemConfig,
    TunedObjects,
    checked_config,
    tensors_under,
)
from rotoline.trace import StageTrace
from rotoline.types import SATURATED_LOGIT, Frame, FrameResult, LabelMap, ObjectId, described

Inputs = ParamSpec("Inputs")
Output = TypeVar("Output")


class Tracker:
    """Tracks all objects through consecutive frames.

    For callers that own the loop, such as a camera, a game or a notebook:

        tracker = rotoline.load_model().tracker()
        result = tracker.step(first_frame, annotation)
        for frame in camera:
            result = tracker.step(frame)

    `rotoline.segment` runs the same tracker over a whole clip, in both directions.

    Args:
        system: A loaded network.
        config: Settings of the system's preset.
        timer: Adds up the seconds of each stage.
        trace: Records the maps of each stage; see `rotoline.trace`.
        report: Called with the progress of learning and tuning, where they take long.

    Raises:
        ConfigError: `config` does not hold settings, or one of them is unknown or out of range.
        InputError: `system` or `trace` is of another type.
    """

    annotations: Annotations
    """Every annotation so far."""
    fitted: FittedSystem[Any]
    """The system, once it has learned the objects."""
    state: ObjectState
    """Where the objects are and were."""
    is_tuned: bool
    """Whether the objects are segmented by fine-tuned networks, see `use`."""

    def __init__(
        self,
        system: System[Any],
        config: SystemConfig,
        *,
        timer: StageTimer | None = None,
        trace: StageTrace | None = None,
        report: Listener = ignore_progress,
    ) -> None:
        if not hasattr(system, "fit"):
            raise InputError(f"system is {described(system)}; take rotoline.load_model().tracker()")
        if trace is not None and not isinstance(trace, StageTrace):
            raise InputError(
                f"trace is {described(trace)}; give rotoline.StageTrace(frames={{0, 68}})"
            )
        self.system, self.config, self.report = system, checked_config(config), report
        self.timer, self.trace = timer or StageTimer(), trace
        self._frames: dict[int, Frame] = {}
        self._last_frame: Frame | None = None
        self._next_index = 0
        self.is_tuned = False

    def step(
        self, frame: Frame, annotation: LabelMap | None = None, *, complete: bool = False
    ) -> FrameResult:
        """Segment the next frame.

        Args:
            frame: RGB, uint8 `(H, W, 3)`; all frames have one size.
            annotation: Object ids, integers `(H, W)` from 1 to 254 with 0 for background: the masks
                of objects in this frame, as the user draws them. Needed with the first frame. Given
                later, it corrects objects or adds new ones: all objects are then learned again from
                every annotated frame so far, and what was learned online in between is dropped. One
                that is all background says that none of the objects is in this frame; not with the
                first one.
            complete: Whether the annotation shows all objects that are there: those that it leaves
                out are hidden in this frame.

        Returns:
            The result of this frame. Annotated objects are returned exactly as annotated.

        Raises:
            InputError: The frame or the annotation cannot be used, or there is no annotation yet.
        """
        index = self._next_index
        frame = check_frame(index, frame, self.annotations.size if self._frames else None)
        if annotation is None and not self._frames:
            raise InputError(
                "no object has been annotated yet; give the masks of the objects with the first "
                "frame: step(frame, annotation)"
            )
        if annotation is None and complete:
            raise InputError(
                "complete says that an annotation shows all objects, but there is none; give the "
                "annotation, all background if no object is there: step(frame, annotation)"
            )
        if annotation is not None:
            self._check(annotation, frame, index)  # before anything changes
        logits = None
        if self._frames:
            told = objects_told(self.annotations.object_ids, annotation, complete=complete)
            logits = self.track(frame, index, active=~told)
        if annotation is not None:
            logits = self._annotate(frame, annotation, index, logits, complete=complete)
        assert logits is not None
        self._next_index = index + 1
        self._last_frame = frame.copy()
        return self.result(index, logits, frame)

    def fit(self, frames: Mapping[int, Frame], annotations: Annotations) -> None:
        """Learn all objects from the annotated frames, by index, and start a new pass."""
        self.is_tuned, self._last_frame = False, None
        self._fit(self.system, frames, annotations)

    def tune(
        self,
        *,
        report: Listener | None = None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> TunedObjects:
        """Fine-tune the networks on the annotated frames so far, without changing the tracker.

        Takes seconds, so a caller with a live loop runs it in a thread beside `step`, and takes the
        result over between two frames:

            tuned = executor.submit(tracker.tune)
            ...
            tracker.use(tuned.result())

        Args:
            report: Called with the progress, a step at a time; the tracker's own if None.
            is_cancelled: Asked before every step; once it returns True, nothing changes.

        Returns:
            What `use` needs.

        Raises:
            InputError: There is no annotation yet.
        """
        if not self._frames:
            raise InputError(
                "no object has been annotated yet, so there is nothing to tune on; give the masks "
                "of the objects with the first frame: step(frame, annotation)"
            )
        fitted, annotations, began = self.fitted, self.annotations, time.perf_counter()
        reporting = reports_to(report or self.report, "tuning")
        found = fitted.tune(self._frames, annotations, reporting, is_cancelled)
        if found is not None:
            self.timer.add("tune", time.perf_counter() - began)
        return TunedObjects(None if found is fitted else found, annotations)

    def use(self, tuned: TunedObjects) -> None:
        """Segment with tuned networks from the next frame on.

        Where the objects are and were is kept; what was learned online is dropped. Later
        annotations are learned with the tuned networks, and `tune` goes on from them.

        Args:
            tuned: What `tune` has returned.

        Raises:
            InputError: Objects were annotated after `tune` was called.
        """
        if tuned.annotations is not self.annotations:
            raise InputError(
                "objects were annotated after tune() was called, so its result is out of date; "
                "call tune() again"
            )
        if tuned.fitted is None:
            return
        self.fitted, self.is_tuned = tuned.fitted.new_pass(), True
        if self._last_frame is not None:
            with torch.inference_mode():
                self.fitted.continue_after(self._last_frame)

    def new_pass(self) -> None:
        """Clear the objects' state and what was learned online, for a pass in another direction."""
        self.fitted, self._last_frame = self.fitted.new_pass(), None
        self._clear_state()

    def save(self) -> TrackerState:
        """Return what `restore` needs; not while a frame is tracked."""
        objects, system = self.state.tensors(), self.fitted.tracked_tensors()
        tracked = {
            **{f"objects.{name}": value.clone() for name, value in objects.items()},
            **{f"system.{name}": value.clone() for name, value in system.items()},
        }
        return TrackerState(self.fitted.learned_tensors(), tracked, self.is_tuned)

    def restore(
        self, frames: Mapping[int, Frame], annotations: Annotations, saved: TrackerState
    ) -> None:
        """Go on exactly as the tracker that gave `saved`, of the same network and settings.

        Args:
            frames: The annotated frames, by index.
            annotations: Their label maps, the same as those that the tracker had.
            saved: What `save` returned.
        """
        self.fitted = self.system.restore(saved.learned, annotations, self.config)
        self.annotations, self._frames = annotations, dict(frames)
        self.is_tuned, self._last_frame = saved.is_tuned, None
        self.fitted.continue_from(tensors_under("system.", saved.tracked))
        objects = tensors_under("objects.", saved.tracked)
        self.state = ObjectState.from_tensors(objects, self.fitted.device)

    @torch.inference_mode()
    def track(
        self, frame: Frame, index: int, active: Tensor, known: KnownMaps | None = None
    ) -> Tensor:
        """Carry the active objects into the next frame: every stage but the last.

        Args:
            frame: RGB, uint8 `(H, W, 3)`.
            index: Index of the frame, for the trace.
            active: bool `(K,)`: the objects to track.
            known: The logits of other objects, which become their state. Those that are neither
                active nor known are hidden, and keep their state.

        Returns:
            float `(K, h, w)`: the objects' logits.
        """
        if not active.any():
            return self._hidden()
        system, state, config, run = self.fitted, self.state, self.config, self._run
        active = active.to(system.device)
        others = self._hidden() if known is None else known.logits
        if self.trace:
            self.trace.begin(index, system, state)

        features = run("encode", system.encode, frame)
        logits, foreground = run("score", system.score, features, state.scores)
        logits = run("limit", limit_to_foreground, logits, foreground, config.foreground)
        logits = run("propagate", system.propagate, logits, features)
        logits = torch.where(active[:, None, None], logits, others)
        allowed = foreground_mask(foreground, config.foreground)
        evidence = system.evidence() if isinstance(config.regions, Evidence) else None
        filtered = run("filter", self._filter, logits, allowed, evidence)
        removed = filtered < logits
        logits = limit_again(filtered, foreground, config.foreground)
        if known is not None:
            logits = torch.where(active[:, None, None], logits, known.logits)
        visible = visible_masks(logits, config.fuse.background_threshold)
        motion = evidence.motion if evidence else 0.0
        kept = active if known is None else active | known.which
        run("update", state.update, logits, visible, kept, motion, removed)
        run("update", system.update, features, logits, visible, active)
        return logits

    def result(self, index: int, logits: Tensor, frame: Frame) -> FrameResult:
        """The last stage: fuse the maps to labels; annotated pixels keep the user's label."""
        ids, threshold = self.annotations.object_ids, self.config.fuse.background_threshold
        labels = self._run("fuse", self._fuse, logits, frame)
        annotated = self.annotations.labels.get(index)
        if annotated is not None:
            labels[np.isin(labels, annotated)] = 0
            labels = np.where(annotated > 0, annotated, labels)
        confidence = expected_iou(logits, ids, threshold)
        return FrameResult(index=index, labels=labels, confidence=confidence, logits=logits.cpu())

    @torch.inference_mode()
    def apply_annotation(self, index: int, logits: Tensor | None = None) -> Tensor:
        """Overwrite the state of the objects annotated in a frame with their annotation.

        Args:
            index: Index of the frame; nothing changes if it is not annotated.
            logits: float `(K, h, w)` of that frame, for the objects that are not annotated in it;
                these are hidden if None.

        Returns:
            The logits, with those of annotated objects at ±8.
        """
        logits = self._hidden() if logits is None else logits
        if index in self.annotations.labels:
            shown = self.annotations.annotated_in(index).to(logits.device)
            share = self.annotations.masks_at(index, self.fitted.map_size).to(logits.device)
            annotated = SATURATED_LOGIT * (2 * share - 1)
            logits = torch.where(shown[:, None, None], annotated, logits)
            visible = visible_masks(logits, self.config.fuse.background_threshold)
            self.state.update(logits, visible, shown)
            self.fitted.reset_to_annotation(index)
        return logits

    @torch.inference_mode()
    def _fuse(self, logits: Tensor, frame: Frame) -> LabelMap:
        """The stage `fuse`, on maps at the size of the frame."""
        ids, threshold = self.annotations.object_ids, self.config.fuse.background_threshold
        return fuse(self.fitted.upsample(logits, frame), ids, threshold)

    def _filter(self, logits: Tensor, allowed: Tensor, evidence: RegionEvidence | None) -> Tensor:
        """The stage `filter`: `rotoline.training.regions` decides otherwise while it learns."""
        if self.trace and evidence:
            self.trace.judge(judgements(logits, self.state, self.config.regions, evidence))
        return filter_regions(logits, self.state, allowed, self.config.regions, evidence)

    def _check(self, annotation: LabelMap, frame: Frame, index: int) -> None:
        """Refuse an annotation that cannot be used with those before it."""
        known = self._frames
        labels = self.annotations.given() if known else {}
        check_annotations({**labels, index: annotation}, {**known, index: frame})

    def _annotate(
        self,
        frame: Frame,
        annotation: LabelMap,
        index: int,
        logits: Tensor | None,
        *,
        complete: bool,
    ) -> Tensor:
        """Learn from one more annotated frame, keeping the state of the objects known so far."""
        frames = {**self._frames, index: frame.copy()}
        labels = {**(self.annotations.given() if self._frames else {}), index: annotation}
        whole = set(self.annotations.complete) if self._frames else set[int]()
        whole |= {index} if complete else set()
        annotations = check_annotations(labels, frames, complete=whole)
        state, ids, system = None, list[ObjectId](), self.system
        if self._frames:
            state, ids = self.state, self.annotations.object_ids
            system = system.with_tuning(self.fitted)
        self._fit(system, frames, annotations)
        if state is not None and logits is not None:
            rows = [ids.index(i) if i in ids else None for i in annotations.object_ids]
            self.state = state.with_objects(rows)
            known = self._hidden()
            for target, row in enumerate(rows):
                if row is not None:
                    known[target] = logits[row]
            logits = known
        return self.apply_annotation(index, logits)

    def _fit(
        self, system: System[Any], frames: Mapping[int, Frame], annotations: Annotations
    ) -> None:
        """Learn all objects with a system, and start a new pass."""
        report = reports_to(self.report, "learning")
        fitted = self._run("fit", system.fit, frames, annotations, self.config, report)
        self.fitted, self.annotations, self._frames = fitted, annotations, dict(frames)
        self._clear_state()

    def _clear_state(self) -> None:
        count, fitted = len(self.annotations.object_ids), self.fitted
        self.state = ObjectState.empty(count, fitted.map_size, fitted.device)

    def _hidden(self) -> Tensor:
        """Logits of objects none of which is visible."""
        return torch.full_like(self.state.scores, -SATURATED_LOGIT)

    def _run(
        self,
        stage: str,
        compute: Callable[Inputs, Output],
        *args: Inputs.args,
        **kwargs: Inputs.kwargs,
    ) -> Output:
        """Run a stage under its name: timed, and recorded if there is a trace."""
        with self.timer.stage(stage):
            output = compute(*args, **kwargs)
        if self.trace:
            self.trace.record(stage, output)
        return output
