"""The whole pipeline with the weights that ship, on clips whose answer is known."""

from contextlib import contextmanager, nullcontext
from itertools import islice

import numpy as np
import pytest
import torch

import rotoline
from rotoline.config import read_config
from rotoline.io.masks import read_annotations
from rotoline.kernels import dispatch
from rotoline.kernels.propagation import native
from rotoline.pipeline import compress_logits, decompress_logits
from rotoline.runtime.timing import StageTimer
from rotoline.stages.preprocess import to_tensor, working_size
from rotoline.systems.fast.encoder import Encoder
from rotoline.systems.fast.memory_readout import MemoryReadout
from rotoline.trace import StageTrace


@pytest.fixture(scope="module")
def model():
    return rotoline.load_model()


def run(model, pictures, masks, config, **options):
    results = model.segment(pictures, masks, config=config, **options)
    return {result.index: result for result in results}


def test_moving_object_is_followed_under_its_own_id(model, make_clip, small, overlap):
    pictures, labels = make_clip(frames=8, ids=(42,))
    results = run(model, pictures, labels[0], small)
    assert sorted(results) == list(range(8))
    for index, result in results.items():
        assert result.labels.dtype == np.uint8
        assert set(np.unique(result.labels)) <= {0, 42}
        assert overlap(result.labels, labels[index], 42) > 0.85
        assert result.confidence[42] > 0.8
        assert result.scores.shape == (1, *labels[0].shape)
        assert result.scores.dtype == np.float32


@contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


STATES = {
    "float64": lambda: default_dtype(torch.float64),
    "float16": lambda: default_dtype(torch.float16),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
}
"""What a caller may have set in PyTorch."""


@pytest.mark.parametrize("state", STATES)
def test_result_does_not_depend_on_what_the_caller_has_set_in_pytorch(state, make_clip, small):
    pictures, labels = make_clip(frames=6, ids=(1, 2))
    config = read_config(small, None, ["online.update_every=2"])
    expected = run(rotoline.load_model(), pictures, {2: labels[2]}, config)
    with STATES[state]():
        found = run(rotoline.load_model(), pictures, {2: labels[2]}, config)
    for index, result in expected.items():
        np.testing.assert_array_equal(found[index].labels, result.labels)
        assert torch.equal(found[index].logits, result.logits)


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    "learner", [["learner.steps=2"], ["learner.method=linear_probe", "learner.max_iterations=2"]]
)
def test_preset_paper_does_not_depend_on_it_either(state, learner, paper_weights, make_clip):
    pictures, labels = make_clip(frames=2)
    config = read_config(rotoline.PAPER, None, ["working_pixels=9216", *learner])
    expected, found = [], []
    for results, setting in ((expected, nullcontext), (found, STATES[state])):
        with setting():
            model = rotoline.load_model(paper_weights, "paper")
            results.extend(model.segment(pictures, labels[0], config=config))
    for one, other in zip(expected, found, strict=True):
        assert torch.equal(one.logits, other.logits)


@pytest.mark.slow
@pytest.mark.tuning
@pytest.mark.parametrize("state", STATES)
def test_tuning_does_not_depend_on_it_either(state, make_clip, small):
    pictures, labels = make_clip(frames=2)
    config = read_config(small, None, ["tuning.steps=2"])
    expected = run(rotoline.load_model(), pictures, labels[0], config)
    with STATES[state]():
        found = run(rotoline.load_model(), pictures, labels[0], config)
    for index, result in expected.items():
        assert torch.equal(found[index].logits, result.logits)


def test_several_objects_keep_apart(model, make_clip, small, overlap):
    pictures, labels = make_clip(frames=5, ids=(5, 9, 200))
    results = run(model, pictures, labels[0], small)
    assert results[4].object_ids == [5, 9, 200]
    for object_id in (5, 9, 200):
        assert overlap(results[4].labels, labels[4], object_id) > 0.6


def test_annotated_pixels_are_returned_exactly(model, make_clip, small):
    pictures, labels = make_clip(frames=4, ids=(1, 2))
    results = run(model, pictures, {0: labels[0], 2: labels[2]}, small)
    for index in (0, 2):
        np.testing.assert_array_equal(results[index].labels, labels[index])


def test_frames_before_the_annotated_one_are_segmented_backwards(model, make_clip, small, overlap):
    pictures, labels = make_clip(frames=6)
    order = [r.index for r in model.segment(iter(pictures), {3: labels[3]}, config=small)]
    assert order == [2, 1, 0, 3, 4, 5]
    results = run(model, pictures, {3: labels[3]}, small)
    for index in (0, 5):
        assert overlap(results[index].labels, labels[index], 1) > 0.85


@pytest.mark.slow
def test_each_direction_starts_from_the_keys_of_the_annotated_frame(
    model, make_clip, small, monkeypatch
):
    """Object 1 is annotated in frame 1, object 2 in frame 3."""
    pictures, labels = make_clip(frames=5, ids=(1, 2), speed=8)
    size = working_size(labels[0].shape, small.working_pixels)
    encoder = model.system.net.encoder
    with torch.inference_mode():
        keys = [encoder(to_tensor(picture, size)).local_keys for picture in pictures]
    asked, read = [], MemoryReadout.from_previous
    monkeypatch.setattr(
        MemoryReadout,
        "from_previous",
        lambda net, *inputs: asked.append(inputs[:2]) or read(net, *inputs),
    )

    def frame_of(found):
        return min(range(5), key=lambda index: float((keys[index] - found).abs().max()))

    masks = {1: np.where(labels[1] == 1, 1, 0), 3: np.where(labels[3] == 2, 2, 0)}
    results = run(model, pictures, masks, small)
    assert sorted(results) == list(range(5))
    steps = [(frame_of(now), frame_of(before)) for now, before in asked]
    assert steps == [(2, 3), (1, 2), (0, 1), (2, 1), (3, 2), (4, 3)]


@pytest.mark.slow
def test_object_annotated_late_is_found_in_all_frames_before(model, make_clip, small, overlap):
    """Object 1 is annotated in frame 0, object 2 in frame 4: both are in every frame."""
    pictures, labels = make_clip(frames=6, ids=(1, 2))
    masks = {0: np.where(labels[0] == 1, 1, 0), 4: np.where(labels[4] == 2, 2, 0)}
    results = run(model, pictures, masks, small)
    assert sorted(results) == list(range(6))
    for index, result in results.items():
        assert overlap(result.labels, labels[index], 1) > 0.7
        assert overlap(result.labels, labels[index], 2) > 0.7


def test_every_annotated_frame_is_learned_from(model, make_clip, small, overlap):
    """The object turns from red to blue between two frames; the second annotation shows it."""
    pictures, labels = make_clip(frames=6)
    for index in (3, 4, 5):
        pictures[index][labels[index] == 1] = (30, 60, 240)
    results = run(model, pictures, {0: labels[0], 3: labels[3]}, small)
    assert overlap(results[1].labels, labels[1], 1) > 0.8
    assert overlap(results[5].labels, labels[5], 1) > 0.8


def test_frame_that_is_marked_as_empty_is_empty_and_the_object_comes_back(
    model, make_clip, small, overlap
):
    """In frames 1 and 4 the mask says that the object is not there, whatever they look like."""
    pictures, labels = make_clip(frames=8)
    nothing = np.zeros_like(labels[0])
    results = run(model, pictures, {1: nothing, 2: labels[2], 4: nothing}, small)
    assert sorted(results) == list(range(8))
    for index in (1, 4):
        assert not results[index].labels.any()
        assert results[index].confidence[1] == 0
    pictures[4][:] = pictures[4][0, 0]
    later = run(model, pictures, {0: labels[0], 4: nothing}, small)
    assert overlap(later[7].labels, labels[7], 1) > 0.7


@pytest.fixture
def appearance(model, small):
    """A function: mean score of an object's classifier in a part of a frame, after a run."""

    def measure(pictures, masks, frame, where, row=0, complete=False):
        tracker = model.tracker(config=small)
        list(rotoline.pipeline.segment(pictures, masks, tracker, complete=complete))
        maps = tracker.fitted.intermediate_maps(tracker.fitted.encode(frame), tracker.state.scores)
        size = maps["appearance"].shape[-2:]
        rows, cols = (np.arange(n) * old // n for n, old in zip(size, where.shape, strict=True))
        return float(maps["appearance"][row].numpy()[where[rows][:, cols]].mean())

    return measure


def test_empty_frame_teaches_what_the_object_is_not(appearance, make_clip):
    """A look-alike in a frame that is marked as empty scores lower than without that mark."""
    pictures, labels = make_clip(frames=3)
    other = pictures[1].copy()
    other[labels[1] == 1] = (210, 60, 60)
    pictures[1] = pictures[2] = other
    first, where = {0: labels[0]}, labels[1] == 1
    marked = appearance(pictures, {**first, 1: np.zeros_like(labels[0])}, other, where)
    assert marked < appearance(pictures, first, other, where) - 0.1


def test_object_missing_from_a_complete_frame_is_hidden_there(model, make_clip, small, overlap):
    pictures, labels = make_clip(frames=6, ids=(1, 2))
    masks = {0: labels[0], 3: np.where(labels[3] == 1, 1, 0).astype(np.uint8)}
    tracked = run(model, pictures, masks, small)
    assert overlap(tracked[3].labels, labels[3], 2) > 0.7
    told = run(model, pictures, masks, small, complete={3})
    np.testing.assert_array_equal(told[3].labels, masks[3])
    assert told[3].confidence[2] == 0
    assert overlap(told[5].labels, labels[5], 1) > 0.7
    # Of the late object 2, frame 1 says that it is not there yet.
    late = {1: np.where(labels[1] == 1, 1, 0).astype(np.uint8), 4: labels[4]}
    results = run(model, pictures, late, small, complete=True)
    assert sorted(results) == list(range(6))
    np.testing.assert_array_equal(results[1].labels, late[1])


def test_complete_frame_teaches_what_the_missing_object_is_not(appearance, make_clip):
    pictures, labels = make_clip(frames=3, ids=(1, 2))
    other = pictures[1].copy()
    other[labels[1] == 2] = (60, 60, 210)  # like object 2, which is blue
    pictures[1] = pictures[2] = other
    masks = {0: labels[0], 1: np.where(labels[1] == 1, 1, 0).astype(np.uint8)}
    arguments = pictures, masks, other, labels[1] == 2, 1
    assert appearance(*arguments, complete=True) < appearance(*arguments) - 0.1


def test_nothing_is_learned_from_void_pixels(appearance, make_clip):
    """A half of the object in another colour is void, or background."""
    pictures, labels = make_clip(frames=2)
    half = (labels[0] == 1) & (np.arange(labels[0].shape[1]) > 30)
    pictures[0][half] = pictures[1][half] = (40, 90, 235)
    background = np.where(half, 0, labels[0])
    void = np.where(half, 255, labels[0])
    found = [appearance(pictures, masks, pictures[0], half) for masks in (void, background)]
    assert found[0] > found[1] + 0.1


def test_object_that_leaves_is_gone_with_no_confidence(model, make_clip, small):
    pictures, labels = make_clip(frames=3)
    empty = make_clip(frames=1, ids=())[0][0]
    results = run(model, [*pictures, empty], labels[0], small)
    assert not results[3].labels.any()
    assert results[3].confidence[1] == 0.0


@pytest.mark.slow
def test_two_runs_give_identical_results(model, make_clip, small):
    pictures, labels = make_clip(frames=7, ids=(1, 2))
    first = run(model, pictures, labels[0], small)
    second = run(model, iter(pictures), labels[0], small)
    for index in first:
        np.testing.assert_array_equal(first[index].labels, second[index].labels)
        np.testing.assert_array_equal(first[index].scores, second[index].scores)


def test_frame_is_encoded_once_whatever_the_number_of_objects(model, make_clip, small, monkeypatch):
    counts = []
    encode = Encoder.backbone_maps
    monkeypatch.setattr(Encoder, "backbone_maps", lambda *a: counts.append(1) or encode(*a))
    for ids in ((1,), (1, 2, 3)):
        counts.clear()
        pictures, labels = make_clip(frames=5, ids=ids)
        run(model, pictures, labels[0], small)
        assert len(counts) == 4 + 4  # four views of the annotated frame, and four other frames


def test_every_stage_is_timed(model, make_clip, small):
    frames, labels = make_clip(frames=2)
    timer = StageTimer()
    list(model.segment(frames, labels[0], config=small, timer=timer))
    stages = {"fit", "encode", "score", "limit", "propagate", "filter", "update", "fuse"}
    assert set(timer.seconds) == stages


# ------------------------------------------------------------- what is left out, stage by stage


def traced(model, clip, config, *settings):
    """The maps of the last frame, and its result."""
    frames, labels = clip
    last = len(frames) - 1
    trace = StageTrace(frames={last})
    changed = read_config(config, None, settings)
    *_, result = model.segment(frames, labels[0], config=changed, trace=trace)
    return trace.maps[last], result


@pytest.fixture
def clip_with_look_alike(make_clip):
    """A red disc, and from frame 1 on a smaller one in the opposite corner."""
    frames, labels = make_clip(frames=4, speed=2)
    disc = frames[0][48, 30].copy()
    for frame in frames[1:]:
        frame[8:26, 120:138] = disc
    return frames, labels


def test_without_the_filter_a_look_alike_far_away_stays(model, clip_with_look_alike, small):
    maps, filtered = traced(model, clip_with_look_alike, small)
    assert maps["propagate"][0, :12, 36:].max() > 1  # the corner, at a third of the frame's size
    assert not filtered.labels[:36, 108:].any()
    maps, unfiltered = traced(model, clip_with_look_alike, small, "regions.method=off")
    assert torch.equal(maps["filter"], maps["propagate"])
    assert (unfiltered.labels[8:26, 120:138] == 1).mean() > 0.1


def test_the_state_knows_what_the_filter_removed(model, clip_with_look_alike, small):
    frames, labels = clip_with_look_alike
    tracker = model.tracker(config=small)
    tracker.step(frames[0], labels[0])
    assert not tracker.state.removed.any()
    tracker.step(frames[1])
    assert tracker.state.removed[0, :12, 36:].any()  # the look-alike
    assert not (tracker.state.removed & tracker.state.previous).any()
    tracker.step(frames[2], labels[2])
    assert not tracker.state.removed.any()


def test_without_the_limit_an_object_exceeds_the_foreground(model, make_clip, small):
    clip = make_clip(frames=3, ids=(1, 2))
    margin = small.foreground.margin
    maps, _ = traced(model, clip, small)
    assert (maps["limit"] <= maps["foreground"] + margin).all()
    assert (maps["limit"] < maps["score"]).any()
    maps, _ = traced(model, clip, small, "foreground.method=off")
    assert torch.equal(maps["limit"], maps["score"])
    assert (maps["limit"] > maps["foreground"] + margin).any()


def test_without_propagation_the_logits_are_those_of_the_stage_before(model, make_clip, small):
    clip = make_clip(frames=3, ids=(1, 2))
    maps, _ = traced(model, clip, small)
    assert (maps["propagate"] - maps["limit"]).abs().mean() > 0.01
    maps, _ = traced(model, clip, small, "propagation.enabled=false")
    assert torch.equal(maps["propagate"], maps["limit"])


@pytest.mark.slow
def test_without_updates_the_classifiers_stay_as_they_were_learned(model, make_clip, small):
    frames, labels = make_clip(frames=11, ids=(1, 2), speed=1)
    for setting, stays in (("online.method=off", True), ("online.update_every=5", False)):
        config = read_config(small, None, [setting])
        tracker = model.tracker(config=config)
        tracker.step(frames[0], labels[0])
        learned = tracker.fitted.classifiers.weights.clone()
        for frame in frames[1:]:
            tracker.step(frame)
        assert torch.equal(tracker.fitted.classifiers.weights, learned) is stays


@torch.inference_mode()
def test_without_context_a_frame_is_scored_by_itself(model, make_clip, small):
    frames, labels = make_clip(frames=2, ids=(1, 2))
    for context in ("off", "previous", "previous+memory"):
        config = read_config(small, None, [f"scoring.context={context}"])
        tracker = model.tracker(config=config)
        tracker.step(frames[0], labels[0])
        fitted, scores = tracker.fitted, tracker.state.scores
        features = fitted.encode(frames[1])

        def score(scores, fitted=fitted, features=features):
            fitted.reset_to_annotation(0)  # the keys of the previous frame
            return fitted.score(features, scores)[0]

        plain = score(scores)
        assert torch.equal(score(scores), plain)
        assert torch.equal(score(torch.zeros_like(scores)), plain) is (context == "off")
        memory = fitted.classifiers.memory
        fitted.classifiers.memory = memory._replace(values=1 - memory.values)
        assert torch.equal(score(scores), plain) is (context != "previous+memory")


# ------------------------------------------------------------------------------ waiting frames


def test_logits_that_wait_lose_at_most_a_thirtieth():
    logits = 17 * torch.rand(3, 7, 5, generator=torch.Generator().manual_seed(0)) - 8.5
    compressed = compress_logits(logits)
    assert isinstance(compressed, bytes)
    found = decompress_logits(compressed, torch.zeros(3, 7, 5))
    assert (found.dtype, found.shape) == (torch.float32, logits.shape)
    assert (found - logits).abs().max() <= 1 / 30 + 1e-5
    assert torch.equal(decompress_logits(compress_logits(found), logits), found)


def test_logits_that_wait_keep_their_sign_and_are_bounded():
    logits = torch.tensor([[[-100.0, -8.0, 0.0, 8.0, 100.0]]])
    found = decompress_logits(compress_logits(logits), logits)[0, 0]
    assert found[[1, 2, 3]].tolist() == [-8.0, 0.0, 8.0]
    assert found[0] == -found[4]
    assert 8.4 < found[4] < 8.5


def test_empty_maps_take_little_room():
    logits = torch.full((4, 128, 224), -8.0)
    assert len(compress_logits(logits)) < logits.numel() / 100


@pytest.mark.slow
def test_bundled_clip_starts_right(model):
    """The first frames of the bundled clip at full working size; the demo measures all of it."""
    from rotoline.demo import MASKS, VIDEO

    source = rotoline.open_frames(VIDEO)
    annotations = read_annotations(MASKS, source).labels
    results = list(islice(model.segment(source, annotations), 3))
    np.testing.assert_array_equal(results[0].labels, annotations[0])
    for object_id in (1, 2, 3):
        same = (results[2].labels == object_id) & (annotations[0] == object_id)
        # The boulders look like the bunny and lose a part to it: see docs/decisions.
        assert same.sum() > 0.8 * (annotations[0] == object_id).sum()


@pytest.mark.slow
@pytest.mark.skipif(bool(native.refusal("cpu")), reason="the compiled module is missing")
def test_masks_do_not_depend_on_the_implementation_of_propagation(make_clip, small, monkeypatch):
    frames, labels = make_clip(frames=8, ids=(1, 2))
    runs = {}
    for name in ("vectorised", "native"):
        monkeypatch.setenv(dispatch.VARIABLE, name)
        runs[name] = list(rotoline.segment(frames, labels[0], config=small))
    for one, other in zip(runs["vectorised"], runs["native"], strict=True):
        torch.testing.assert_close(one.logits, other.logits, rtol=1e-3, atol=1e-3)
        assert (one.labels != other.labels).mean() < 1e-3
