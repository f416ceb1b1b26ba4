"""Tuning beside tracking: with a system whose tuned networks are known, and with the real one."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
import torch

from rotoline.errors import InputError
from rotoline.pipeline import segment
from rotoline.presets import FAST
from rotoline.runtime.progress import Progress
from rotoline.runtime.timing import StageTimer
from rotoline.stages.foreground import NoLimit
from rotoline.stages.regions import NoFilter
from rotoline.systems.fast import choice, tuning
from rotoline.systems.fast.tuning import TuningConfig
from rotoline.systems.protocol import FittedSystem, System, SystemConfig
from rotoline.tracker import Tracker

pytestmark = pytest.mark.tuning

CONFIG = SystemConfig(preset="grey", foreground=NoLimit(), regions=NoFilter())
FRAMES = [np.full((8, 12, 3), value, np.uint8) for value in (10, 20, 30, 40)]
MASK = np.full((8, 12), 3, np.uint8)


class Grey(System):
    """Objects are everywhere, with logit 1; 2 after tuning."""

    device = torch.device("cpu")

    def __init__(self, logit=1.0):
        self.logit = logit

    def fit(self, frames, annotations, config, report):
        report(1, 1)
        return FittedGrey(len(annotations.object_ids), self.logit)

    def with_tuning(self, fitted):
        return Grey(fitted.logit)


class FittedGrey(FittedSystem):
    device, map_size, keeps, is_tunable = torch.device("cpu"), (8, 12), True, True

    def __init__(self, count, logit):
        self.count, self.logit, self.continued = count, logit, []

    def encode(self, frame):
        return frame

    def score(self, features, scores):
        logits = torch.full((self.count, *self.map_size), self.logit)
        return logits, logits[:1]

    def propagate(self, logits, features):
        return logits

    def tune(self, frames, annotations, report, is_cancelled):
        report(1, 2)
        if is_cancelled() or not self.is_tunable:
            return None
        return FittedGrey(self.count, 2.0) if self.keeps else self

    def continue_after(self, frame):
        self.continued.append(frame)


def started(**more):
    tracker = Tracker(Grey(), CONFIG, **more)
    tracker.step(FRAMES[0], MASK)
    return tracker


def logit(tracker, frame):
    return float(tracker.step(frame).logits[0, 0, 0])


def test_tuned_system_is_used_from_the_next_frame_on():
    timer = StageTimer()
    tracker = started(timer=timer)
    tracker.step(FRAMES[1])
    tuned = tracker.tune()
    assert logit(tracker, FRAMES[2]) == 1  # nothing has changed yet
    state = tracker.state
    tracker.use(tuned)
    assert tracker.state is state
    np.testing.assert_array_equal(tracker.fitted.continued, [FRAMES[2]])
    assert logit(tracker, FRAMES[3]) == 2
    assert tracker.is_tuned
    assert timer.seconds["tune"] > 0


def test_progress_has_the_name_of_what_is_done():
    seen = []
    tracker = started(report=seen.append)
    tracker.tune()
    other = []
    tracker.tune(report=other.append)
    assert seen == [Progress("learning", 1, 1), Progress("tuning", 1, 2)]
    assert other == [Progress("tuning", 1, 2)]


@pytest.mark.parametrize("reason", ["cancelled", "off", "not better"])
def test_untuned_system_goes_on_where_tuning_brings_nothing(reason, monkeypatch):
    monkeypatch.setattr(FittedGrey, "is_tunable", reason != "off")
    monkeypatch.setattr(FittedGrey, "keeps", reason != "not better")
    timer = StageTimer()
    tracker = started(timer=timer)
    fitted = tracker.fitted
    tracker.use(tracker.tune(is_cancelled=lambda: reason == "cancelled"))
    assert tracker.fitted is fitted
    assert not tracker.is_tuned
    assert ("tune" in timer.seconds) is (reason == "not better")


def test_result_for_other_annotations_is_refused():
    tracker = started()
    tuned = tracker.tune()
    tracker.step(FRAMES[1], MASK)
    with pytest.raises(InputError, match="call tune\\(\\) again"):
        tracker.use(tuned)
    assert logit(tracker, FRAMES[2]) == 1


def test_later_annotation_is_learned_with_the_tuned_system():
    tracker = started()
    tracker.use(tracker.tune())
    tracker.step(FRAMES[1], np.where(MASK == 3, 5, 0))
    assert logit(tracker, FRAMES[2]) == 2
    # Another clip starts from the network as it was loaded.
    tracker.fit({0: FRAMES[0]}, tracker.annotations)
    assert logit(tracker, FRAMES[3]) == 1
    assert not tracker.is_tuned


def test_tuning_needs_an_annotation():
    with pytest.raises(InputError, match=r"step\(frame, annotation\)"):
        Tracker(Grey(), CONFIG).tune()


def test_whole_clip_is_tuned_before_its_first_frame():
    tracker = Tracker(Grey(), CONFIG)
    results = list(segment(FRAMES, MASK, tracker))
    assert [float(result.logits[0, 0, 0]) for result in results[1:]] == [2, 2, 2]


# ----------------------------------------------------------------- with the network that ships


@pytest.fixture
def quick(small, monkeypatch):
    monkeypatch.setattr(tuning, "CLIP_SIZE", (64, 96))
    monkeypatch.setattr(tuning, "HELD_OUT_CLIPS", (2, 4))
    return small.model_copy(
        update={"tuning": TuningConfig(steps=4, learning_rate=3e-3), "working_pixels": 96 * 128}
    )


@pytest.mark.slow
def test_tuning_is_repeatable_and_no_steps_change_nothing(model, make_clip, quick, monkeypatch):
    frames, labels = make_clip(frames=3, ids=(1, 2))
    tuned = list(model.segment(frames, labels[0], config=quick))
    off = quick.model_copy(update={"tuning": TuningConfig(steps=0)})
    untuned = list(model.segment(frames, labels[0], config=off))
    assert not torch.equal(tuned[2].logits, untuned[2].logits)
    with monkeypatch.context() as patch:
        patch.setattr(choice, "held_out_iou", None)  # nothing of it is needed
        patch.setattr(Tracker, "tune", None)
        patch.setattr(Tracker, "use", None)
        tracker = model.tracker(config=off)
        for frame, drawn, expected in zip(frames, [labels[0], None, None], untuned, strict=True):
            assert torch.equal(tracker.step(frame, drawn).logits, expected.logits)
    again = list(model.segment(frames, labels[0], config=quick))
    for one, other in zip(tuned, again, strict=True):
        assert torch.equal(one.logits, other.logits)


def test_tuning_runs_beside_the_frames(model, make_clip, quick, overlap):
    """Frames are the same while it runs; then the tuned network takes over where they are."""
    frames, labels = make_clip(frames=8, ids=(1, 2))
    plain = model.tracker(config=quick)
    expected = [plain.step(frame, labels[0] if i == 0 else None) for i, frame in enumerate(frames)]
    tracker, begun, may_go_on = model.tracker(config=quick), Event(), Event()
    tracker.step(frames[0], labels[0])

    def wait(progress):
        begun.set()
        assert may_go_on.wait(60)

    with ThreadPoolExecutor(1) as worker:
        coming = worker.submit(tracker.tune, report=wait)
        assert begun.wait(60)
        for index in (1, 2, 3):
            assert torch.equal(tracker.step(frames[index]).logits, expected[index].logits)
        may_go_on.set()
        tracker.use(coming.result())
    assert tracker.is_tuned
    for index in range(4, 8):
        result = tracker.step(frames[index])
        assert not torch.equal(result.logits, expected[index].logits)
        assert overlap(result.labels, labels[index], 1) > 0.8


@pytest.mark.slow
def test_marked_frame_is_segmented_at_least_as_well(model, make_clip, quick, overlap):
    """Also with a learning rate that destroys the network."""
    frames, labels = make_clip(frames=1, ids=(1, 2))
    for rate in (1e-3, 0.1):
        config = quick.model_copy(
            update={"tuning": TuningConfig(steps=4, learning_rate=rate), "regions": NoFilter()}
        )
        tracker = model.tracker(config=config)
        tracker.step(frames[0], labels[0])
        tuned = tracker.tune()

        def read_back(tracker=tracker):
            tracker.new_pass()
            tracker.apply_annotation(0)
            logits = tracker.track(frames[0], 0, active=torch.tensor([True, True]))
            found = tracker.result(-1, logits, frames[0]).labels
            return [overlap(found, labels[0], one) for one in (1, 2)]

        before = read_back()
        tracker.use(tuned)
        after = read_back()
        assert sum(after) >= sum(before)
        assert min(now - was for was, now in zip(before, after, strict=True)) >= -0.01
        assert FAST.preset == "fast"
