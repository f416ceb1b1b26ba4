"""The tracker on its own, with a system that knows objects by their colour.

Frames are drawn in flat colours and maps have the size of the frame, so every expectation is exact.
The tests at the end use the network that ships.
"""

import numpy as np
import pytest
import torch

import rotoline
from rotoline.errors import InputError
from rotoline.presets import FAST
from rotoline.runtime.timing import StageTimer
from rotoline.stages.foreground import MaskLimit, NoLimit
from rotoline.stages.fuse import FuseConfig
from rotoline.stages.regions import NoFilter
from rotoline.systems.protocol import FittedSystem, System, SystemConfig
from rotoline.trace import StageTrace
from rotoline.tracker import Tracker

SIZE = (12, 16)
RED, BLUE, GREEN, GREY = (250, 0, 0), (0, 0, 250), (0, 250, 0), (90, 90, 90)
CONFIG = SystemConfig(preset="colour", foreground=NoLimit(), regions=NoFilter(), fuse=FuseConfig())


class ColourSystem(System):
    """An object is where its colour is: logit 4 there, -4 in all other places."""

    device = torch.device("cpu")

    def fit(self, frames, annotations, config, report):
        colours = []
        for object_id in annotations.object_ids:
            seen = [frames[i][labels == object_id] for i, labels in annotations.labels.items()]
            colours.append({tuple(colour) for colour in np.concatenate(seen).tolist()})
        return FittedColours(colours, annotations.size)


class FittedColours(FittedSystem):
    device = torch.device("cpu")

    def __init__(self, colours, size):
        self.colours, self.map_size = colours, size
        self.updates, self.resets, self.previous_scores = [], [], []

    def encode(self, frame):
        return torch.from_numpy(frame)

    def score(self, features, scores):
        self.previous_scores.append(scores.clone())
        masks = [
            sum((features == torch.tensor(colour)).all(-1) for colour in known) > 0
            for known in self.colours
        ]
        logits = 8.0 * torch.stack(masks) - 4
        return logits, logits.amax(0, keepdim=True)

    def propagate(self, logits, features):
        return logits + 0.5

    def update(self, features, logits, visible, active):
        self.updates.append((features, logits, visible.clone(), active.clone()))

    def reset_to_annotation(self, index):
        self.resets.append(index)

    def intermediate_maps(self, features, scores):
        return {"previous frame": scores}


class NoMaps(FittedColours):
    def intermediate_maps(self, features, scores):
        raise AssertionError("computed though there is no trace of this frame")


def draw(**boxes):
    """A frame with boxes in a colour each: `red=(rows, columns)`."""
    colours = {"red": RED, "blue": BLUE, "green": GREEN}
    frame = np.full((*SIZE, 3), GREY, np.uint8)
    for name, (rows, columns) in boxes.items():
        frame[slice(*rows), slice(*columns)] = colours[name]
    return frame


def where(frame, colour):
    return (frame == colour).all(-1)


def labels_of(frame, **ids):
    """The label map of a frame: `red=3` gives id 3 to what is red."""
    labels = np.zeros(SIZE, np.uint8)
    for name, object_id in ids.items():
        labels[where(frame, {"red": RED, "blue": BLUE, "green": GREEN}[name])] = object_id
    return labels


FIRST = draw(red=((2, 5), (1, 4)), blue=((8, 11), (10, 14)))
NEXT = draw(red=((2, 5), (3, 6)), blue=((8, 11), (8, 12)))
WITHOUT_RED = draw(blue=((8, 11), (8, 12)))


def make(config=CONFIG, **more):
    return Tracker(ColourSystem(), config, **more)


# ------------------------------------------------------------------------------ frame by frame


def test_each_step_gives_the_labels_of_its_frame():
    tracker = make()
    first = tracker.step(FIRST, labels_of(FIRST, red=7, blue=3))
    assert (first.index, first.object_ids) == (0, [3, 7])
    for index, frame in enumerate((NEXT, WITHOUT_RED, FIRST), start=1):
        result = tracker.step(frame)
        assert result.index == index
        np.testing.assert_array_equal(result.labels, labels_of(frame, red=7, blue=3))
    assert result.confidence[7] > 0.5
    assert tracker.state.hidden_frames.tolist() == [0, 0]


def test_annotated_pixels_are_returned_exactly():
    drawn = labels_of(FIRST, red=7, blue=3)
    drawn[0, 0], drawn[3, 2] = 7, 0  # not where the colour is
    result = make().step(FIRST, drawn)
    np.testing.assert_array_equal(result.labels, drawn)
    assert result.labels.dtype == np.uint8


def test_system_gets_the_scores_of_the_previous_frame():
    tracker = make()
    tracker.step(FIRST, labels_of(FIRST, red=1))
    tracker.step(NEXT)
    tracker.step(NEXT)
    first, second = tracker.fitted.previous_scores
    annotated = torch.from_numpy(labels_of(FIRST, red=1) == 1)
    torch.testing.assert_close(first[0], torch.where(annotated, 8.0, -8.0).sigmoid())
    # What was propagated: logits of 4.5 and -3.5.
    found = torch.from_numpy(where(NEXT, RED))
    torch.testing.assert_close(second[0], torch.where(found, 4.5, -3.5).sigmoid())


def test_system_learns_online_from_the_masks_that_the_state_keeps():
    """Whatever the background threshold is: 0.99 and 0.98 are on both sides of logit 4.5."""
    for threshold, is_visible in ((0.99, False), (0.98, True)):
        config = CONFIG.model_copy(update={"fuse": FuseConfig(background_threshold=threshold)})
        tracker = make(config)
        tracker.step(FIRST, labels_of(FIRST, red=1))
        result = tracker.step(NEXT)
        ((_, logits, visible, active),) = tracker.fitted.updates
        assert torch.equal(visible, tracker.state.previous)
        assert bool(visible.any()) is is_visible
        assert bool(result.labels.any()) is is_visible
        assert torch.equal(logits, result.logits)
        assert active.tolist() == [True]


def test_foreground_mask_limits_again_after_propagation():
    """The filter and the network may fill what is outside; the mask of the paper may not."""

    class Spreading(FittedColours):
        def score(self, features, scores):
            logits, _ = super().score(features, scores)
            foreground = torch.full_like(logits[:1], -1.0)
            foreground[:, :, :8] = 1.0
            return logits, foreground

        def propagate(self, logits, features):
            return torch.full_like(logits, 3.0)

    class SpreadingSystem(ColourSystem):
        def fit(self, frames, annotations, config, report):
            return Spreading(super().fit(frames, annotations, config, report).colours, SIZE)

    config = CONFIG.model_copy(update={"foreground": MaskLimit()})
    tracker = Tracker(SpreadingSystem(), config)
    tracker.step(FIRST, labels_of(FIRST, red=1))
    labels = tracker.step(NEXT).labels
    assert labels[:, :8].all()
    assert not labels[:, 8:].any()


def test_the_first_frame_needs_an_annotation():
    tracker = make()
    with pytest.raises(InputError, match=r"step\(frame, annotation\)"):
        tracker.step(FIRST)
    assert tracker.step(FIRST, labels_of(FIRST, red=1)).index == 0


def test_frames_and_annotations_that_do_not_fit_are_refused():
    tracker = make()
    with pytest.raises(InputError, match="uint8"):
        tracker.step(FIRST / 255.0, labels_of(FIRST, red=1))
    tracker.step(FIRST, labels_of(FIRST, red=1))
    with pytest.raises(InputError, match="frame 1 is 8x12, the frames before it are 16x12"):
        tracker.step(np.ascontiguousarray(NEXT[:, :8]))
    with pytest.raises(InputError, match="mask of frame 1 is 5x12, its frame is 16x12"):
        tracker.step(NEXT, labels_of(NEXT, red=1)[:, :5])


def test_refused_annotation_leaves_the_tracker_as_it_was():
    tracker, same = make(), make()
    for one in (tracker, same):
        one.step(FIRST, labels_of(FIRST, red=1))
    with pytest.raises(InputError, match="ids from 0 to 300"):
        tracker.step(WITHOUT_RED, np.full(SIZE, 300) * labels_of(FIRST, red=1))
    for _ in range(2):
        found, expected = tracker.step(WITHOUT_RED), same.step(WITHOUT_RED)
        assert found.index == expected.index
    assert torch.equal(tracker.state.hidden_frames, same.state.hidden_frames)


# --------------------------------------------------------------------------- later annotations


def test_later_annotation_corrects_a_lone_object():
    """The object turns from red to green; from the correction on, both colours are the object."""
    turned = draw(green=((2, 5), (3, 6)))
    tracker = make()
    tracker.step(FIRST, labels_of(FIRST, red=1))
    assert not tracker.step(turned).labels.any()
    corrected = tracker.step(turned, labels_of(turned, green=1))
    np.testing.assert_array_equal(corrected.labels, labels_of(turned, green=1))
    assert corrected.index == 2
    np.testing.assert_array_equal(tracker.step(turned).labels, labels_of(turned, green=1))
    np.testing.assert_array_equal(tracker.step(NEXT).labels, labels_of(NEXT, red=1))
    assert sorted(tracker.annotations.labels) == [0, 2]
    assert tracker.fitted.resets == [2]


def test_annotation_that_is_all_background_says_that_no_object_is_there():
    tracker, nothing = make(), np.zeros(SIZE, np.uint8)
    with pytest.raises(InputError, match="all background"):
        tracker.step(FIRST, nothing)
    tracker.step(FIRST, labels_of(FIRST, red=1, blue=2))
    assert tracker.step(NEXT).labels.any()
    result = tracker.step(NEXT, nothing)
    assert not result.labels.any()
    assert tracker.state.hidden_frames.tolist() == [1, 1]
    assert sorted(tracker.annotations.labels) == [0, 2]
    assert tracker.annotations.object_ids == [1, 2]


def test_objects_that_a_complete_annotation_leaves_out_are_hidden():
    tracker = make()
    with pytest.raises(InputError, match="complete says that an annotation shows all objects"):
        tracker.step(FIRST, labels_of(FIRST, red=1)) and tracker.step(NEXT, complete=True)
    tracker.step(NEXT)
    only_red = labels_of(NEXT, red=1)
    tracker = make()
    tracker.step(FIRST, labels_of(FIRST, red=1, blue=2))
    np.testing.assert_array_equal(tracker.step(NEXT, only_red, complete=True).labels, only_red)
    assert tracker.state.hidden_frames.tolist() == [0, 1]
    assert tracker.annotations.complete == {1}


def test_object_added_later_gets_a_row_and_the_others_keep_their_state():
    tracker = make()
    tracker.step(FIRST, labels_of(FIRST, red=5))
    tracker.step(WITHOUT_RED)
    last_visible = tracker.state.last_visible.clone()
    # Object 5 is hidden, and the new one has a smaller id, so its row comes first.
    result = tracker.step(WITHOUT_RED, labels_of(WITHOUT_RED, blue=2))
    assert result.object_ids == tracker.annotations.object_ids == [2, 5]
    np.testing.assert_array_equal(result.labels, labels_of(WITHOUT_RED, blue=2))
    state = tracker.state
    assert state.hidden_frames.tolist() == [0, 2]
    assert torch.equal(state.last_visible[1], last_visible[0])
    blue = torch.from_numpy(where(WITHOUT_RED, BLUE))
    assert torch.equal(state.last_visible[0], blue)
    assert state.largest_area.tolist() == [12, 9]
    np.testing.assert_array_equal(tracker.step(NEXT).labels, labels_of(NEXT, red=5, blue=2))


def test_objects_that_an_annotation_does_not_show_are_tracked_into_its_frame():
    tracker = make()
    tracker.step(FIRST, labels_of(FIRST, red=1, blue=2))
    result = tracker.step(NEXT, labels_of(NEXT, blue=2))
    np.testing.assert_array_equal(result.labels, labels_of(NEXT, red=1, blue=2))
    assert torch.equal(tracker.state.previous[0], torch.from_numpy(where(NEXT, RED)))


def test_frames_may_be_overwritten_by_their_owner():
    """A camera may give the same buffer for each frame."""
    buffer, tracker = FIRST.copy(), make()
    tracker.step(buffer, labels_of(FIRST, red=1))
    buffer[:] = NEXT
    tracker.step(buffer, labels_of(NEXT, blue=2))
    assert tracker.fitted.colours == [{RED}, {BLUE}]


# -------------------------------------------------------------------------------- for a clip


def test_objects_that_are_not_active_are_hidden_and_keep_their_state():
    tracker = make()
    tracker.step(FIRST, labels_of(FIRST, red=1, blue=2))
    before = tracker.state.with_objects([0, 1])
    logits = tracker.track(NEXT, 1, active=torch.tensor([True, False]))
    assert (logits[1] == -8).all()
    assert torch.equal(tracker.state.scores[1], before.scores[1])
    assert torch.equal(tracker.state.previous[0], torch.from_numpy(where(NEXT, RED)))
    assert tracker.fitted.updates[-1][3].tolist() == [True, False]
    nothing = tracker.track(NEXT, 2, active=torch.tensor([False, False]))
    assert (nothing == -8).all()
    assert len(tracker.fitted.updates) == 1


def test_annotation_of_one_object_leaves_the_others_where_they_are():
    tracker = make()
    drawn = {0: labels_of(FIRST, red=1, blue=2), 1: labels_of(NEXT, blue=2)}
    annotations = rotoline.annotations.check_annotations(drawn, {0: FIRST, 1: NEXT})
    tracker.fit({0: FIRST, 1: NEXT}, annotations)
    tracker.apply_annotation(0)
    logits = tracker.track(NEXT, 1, active=~annotations.annotated_in(1))
    before = tracker.state.with_objects([0, 1])
    after = tracker.apply_annotation(1, logits)
    assert torch.equal(tracker.state.scores[0], before.scores[0])
    assert torch.equal(after[0], logits[0])
    assert after[1].unique().tolist() == [-8, 8]
    assert tracker.state.hidden_frames.tolist() == [0, 0]
    assert torch.equal(tracker.apply_annotation(5, after), after)  # not annotated: nothing changes


def test_new_pass_forgets_where_objects_were():
    tracker = make()
    tracker.step(FIRST, labels_of(FIRST, red=1))
    tracker.step(WITHOUT_RED)
    tracker.new_pass()
    assert not tracker.state.last_visible.any()
    assert tracker.state.hidden_frames.tolist() == [0]


# ---------------------------------------------------------------------------- trace and timer


def test_trace_keeps_the_maps_of_the_frames_that_are_asked_for():
    trace = StageTrace(frames={1})
    tracker = make(trace=trace)
    tracker.step(FIRST, labels_of(FIRST, red=1))
    previous = tracker.state.scores.clone()
    tracker.step(NEXT)
    tracker.step(NEXT)
    assert set(trace.maps) == {1}
    maps = trace.maps[1]
    assert list(maps) == [
        *("previous", "score: previous frame", "score", "foreground"),
        *("limit", "propagate", "filter"),
    ]
    torch.testing.assert_close(maps["previous"], previous)
    torch.testing.assert_close(maps["score: previous frame"], previous)
    scored = torch.where(torch.from_numpy(where(NEXT, RED)), 4.0, -4.0)[None]
    for name, expected in (
        ("score", scored), ("foreground", scored), ("limit", scored),
        ("propagate", scored + 0.5), ("filter", scored + 0.5),
    ):  # fmt: skip
        torch.testing.assert_close(maps[name], expected)


def test_nothing_is_computed_for_frames_that_nobody_asked_for():
    class Untraced(ColourSystem):
        def fit(self, frames, annotations, config, report):
            return NoMaps(super().fit(frames, annotations, config, report).colours, SIZE)

    for trace in (None, StageTrace(frames={9})):
        tracker = Tracker(Untraced(), CONFIG, trace=trace)
        tracker.step(FIRST, labels_of(FIRST, red=1))
        tracker.step(NEXT)
        if trace:
            assert trace.maps == {}


def test_stages_are_timed_in_the_order_of_the_picture():
    timer = StageTimer()
    tracker = make(timer=timer)
    tracker.step(FIRST, labels_of(FIRST, red=1))
    tracker.step(NEXT)
    order = ["encode", "score", "limit", "propagate", "filter", "update"]
    assert list(timer.seconds) == ["fit", "fuse", *order]


# ----------------------------------------------------------------- with the network that ships


@pytest.fixture(scope="module")
def model():
    return rotoline.load_model()


def test_steps_are_the_results_of_segment_to_the_bit(model, make_clip, small):
    frames, labels = make_clip(frames=7, ids=(1, 2))
    assert FAST.online.update_every < 6  # the classifiers are updated on the way
    expected = list(model.segment(frames, labels[0], config=small))
    tracker = model.tracker(config=small)
    for index, (frame, wanted) in enumerate(zip(frames, expected, strict=True)):
        found = tracker.step(frame, labels[0] if index == 0 else None)
        assert found.index == wanted.index == index
        assert torch.equal(found.logits, wanted.logits)
        np.testing.assert_array_equal(found.labels, wanted.labels)
        assert found.confidence == wanted.confidence


def test_trace_changes_no_result(model, make_clip, small):
    frames, labels = make_clip(frames=3, ids=(1, 2))
    trace = StageTrace(frames={1, 2})
    plain = list(model.segment(frames, labels[0], config=small))
    traced = list(model.segment(frames, labels[0], config=small, trace=trace))
    for one, other in zip(plain, traced, strict=True):
        assert torch.equal(one.logits, other.logits)
    assert set(trace.maps) == {1, 2}
    h, w = plain[0].logits.shape[1:]
    for maps in trace.maps.values():
        inside = {name for name in maps if name.startswith("score: ")}
        inner = ("appearance", "objectness", "from previous frame", "from memory")
        assert {f"score: {name}" for name in inner} == inside
        assert all(maps[name].shape[0] == 2 for name in inside)
        assert maps["foreground"].shape == (1, h, w)
        assert all(maps[name].shape == (2, h, w) for name in ("score", "limit", "propagate"))
        assert all(0 <= maps[name].min() <= maps[name].max() <= 1 for name in inside)
    torch.testing.assert_close(trace.maps[2]["filter"], plain[2].logits)
    torch.testing.assert_close(trace.maps[2]["previous"], plain[1].logits.sigmoid())


def test_object_added_later_is_followed_together_with_the_first(model, make_clip, small, overlap):
    frames, labels = make_clip(frames=6, ids=(1, 2))
    tracker = model.tracker(config=small)
    tracker.step(frames[0], np.where(labels[0] == 1, 1, 0))
    tracker.step(frames[1])
    tracker.step(frames[2], np.where(labels[2] == 2, 2, 0))
    for index in (3, 4, 5):
        result = tracker.step(frames[index])
        assert result.object_ids == [1, 2]
        for object_id in (1, 2):
            assert overlap(result.labels, labels[index], object_id) > 0.7


def test_correction_of_a_lone_object_is_learned(model, make_clip, small, overlap):
    """The object turns from red to blue between two frames; the second annotation shows it."""
    frames, labels = make_clip(frames=6)
    for index in (3, 4, 5):
        frames[index][labels[index] == 1] = (30, 60, 240)
    tracker = model.tracker(config=small)
    for index in range(6):
        drawn = labels[index] if index in (0, 3) else None
        result = tracker.step(frames[index], drawn)
        assert overlap(result.labels, labels[index], 1) > 0.8
