"""Tracking spans equals segmenting where it should, and touches nothing else."""

import numpy as np
import pytest
import torch

from rotoline.config import read_config
from rotoline.errors import InputError
from rotoline.interact import Session, Span, plan_spans

COUNT = 8


@pytest.fixture(scope="module")
def clip(make_clip):
    return make_clip(frames=COUNT, ids=(1, 2))


@pytest.fixture
def tiny(small):
    return small.model_copy(update={"working_pixels": 96 * 96})


def shown(labels, *ids):
    return np.where(np.isin(labels, ids), labels, 0).astype(np.uint8)


@pytest.fixture
def session(model, tiny):
    return Session(model, (96, 144), config=tiny)


def results_of(steps):
    return {step.result.index: step.result for step in steps if step.result is not None}


def equal(one, other):
    return (
        np.array_equal(one.labels, other.labels)
        and torch.equal(one.logits, other.logits)
        and one.confidence == other.confidence
    )


def whole(masks):
    """The spans that track all objects of masks through the whole clip."""
    ids = np.unique(np.stack(list(masks.values())))[1:].tolist()
    marks = {i: [index for index, mask in masks.items() if (mask == i).any()] for i in ids}
    return plan_spans(marks, ids, 0, COUNT, "both")


@pytest.mark.parametrize(
    "marks", [{0: (1, 2)}, {5: (1, 2)}, {2: (1,), 4: (1, 2)}, {1: (2,), 4: (1,), 6: (2,)}]
)
def test_both_directions_are_what_segment_gives(model, session, tiny, clip, marks):
    pictures, labels = clip
    masks = {index: shown(labels[index], *ids) for index, ids in marks.items()}
    found = results_of(session.track(pictures, masks, whole(masks), {}, {}))
    expected = list(model.segment(pictures, masks, config=tiny))
    assert sorted(found) == list(range(COUNT))
    for one in expected:
        assert equal(found[one.index], one), one.index
    # What was learned is used again, and gives the same.
    again = results_of(session.track(pictures, masks, whole(masks), {}, {}))
    assert all(equal(again[index], one) for index, one in found.items())


def test_correcting_one_object_leaves_all_others_bit_for_bit(session, clip):
    pictures, labels = clip
    masks = {0: labels[0], 6: shown(labels[6], 1)}
    before = results_of(session.track(pictures, masks, whole(masks), {}, {}))
    smaller = shown(labels[3], 1)
    smaller[:, :44] = 0
    masks[3] = smaller
    spans = plan_spans({1: [0, 3, 6]}, [1], 3, COUNT, "to the next mark")
    assert spans == [Span(1, 1, 6)]
    after = results_of(session.track(pictures, masks, spans, before, {}))
    assert sorted(after) == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(after[3].labels == 1, smaller == 1)
    for index, one in after.items():
        old = before[index]
        assert torch.equal(one.logits[1], old.logits[1])
        assert one.confidence[2] == old.confidence[2]
        taken = one.labels == 1
        given_up = (old.labels == 1) & ~taken
        rest = ~taken & ~given_up
        np.testing.assert_array_equal(one.labels[rest], old.labels[rest])
    assert any(not torch.equal(after[i].logits[0], before[i].logits[0]) for i in after)


def test_object_that_is_added_later_takes_its_place(session, clip, overlap):
    pictures, labels = clip
    masks = {0: shown(labels[0], 1)}
    before = results_of(session.track(pictures, masks, whole(masks), {}, {}))
    masks[4] = shown(labels[4], 2)
    spans = plan_spans({2: [4]}, [2], 4, COUNT, "both")
    after = results_of(session.track(pictures, masks, spans, before, {}))
    for index, one in after.items():
        assert one.object_ids == [1, 2]
        assert overlap(one.labels, labels[index], 2) > 0.6
        assert torch.equal(one.logits[0], before[index].logits[0])
        changed = one.labels != before[index].labels
        assert (one.labels[changed] == 2).all()


def test_what_was_yielded_before_it_was_cancelled_is_used_afterwards(session, clip):
    pictures, labels = clip
    masks = {0: labels[0]}
    expected = results_of(session.track(pictures, masks, whole(masks), {}, {}))
    results = {}
    steps = session.track(pictures, masks, whole(masks), results, {})
    for step in steps:
        if step.result is not None:
            results[step.result.index] = step.result
            if step.result.index == 3:
                break
    steps.close()
    assert sorted(results) == [0, 1, 2, 3]
    # One object is tracked to the end, while the other has no results there.
    spans = plan_spans({1: [0]}, [1], 0, COUNT, "forwards")
    found = results_of(session.track(pictures, masks, spans, results, {}))
    assert found[3].object_ids == [1, 2]
    assert found[7].object_ids == [1]
    assert torch.equal(found[3].logits[1], expected[3].logits[1])
    np.testing.assert_array_equal(found[3].labels, expected[3].labels)


def test_object_that_has_results_and_no_mask_any_more_loses_nothing(session, clip):
    pictures, labels = clip
    masks = {0: labels[0]}
    before = results_of(session.track(pictures, masks, whole(masks), {}, {}))
    masks = {0: shown(labels[0], 1)}
    after = results_of(session.track(pictures, masks, whole(masks), before, {}))
    for index, one in after.items():
        np.testing.assert_array_equal(one.labels == 2, before[index].labels == 2)
        assert torch.equal(one.logits[1], before[index].logits[1])


def test_backwards_from_a_mark(session, clip, overlap):
    pictures, labels = clip
    masks = {2: shown(labels[2], 1), 6: shown(labels[6], 1)}
    spans = plan_spans({1: [2, 6]}, [1], 5, COUNT, "backwards")
    assert spans == [Span(1, 0, 7, is_backwards=True)]
    found = [step.result for step in session.track(pictures, masks, spans, {}, {}) if step.result]
    assert [one.index for one in found] == [6, 5, 4, 3, 2, 1, 0]
    for one in found:
        assert overlap(one.labels, labels[one.index], 1) > 0.8
        if one.index in masks:
            np.testing.assert_array_equal(one.labels, masks[one.index])


def test_plans_for_every_direction():
    def plan(marks, frame, direction):
        return [span[1:] for span in plan_spans({1: marks}, [1], frame, 60, direction)]

    assert plan([10, 40], 20, "forwards") == [(10, 60, False)]
    assert plan([10, 40], 5, "forwards") == [(10, 60, False)]
    assert plan([10, 40], 20, "backwards") == [(0, 41, True)]
    assert plan([10, 40], 50, "backwards") == [(0, 41, True)]
    assert plan([10, 40], 20, "both") == [(0, 10, True), (10, 60, False)]
    assert plan([0], 20, "both") == [(0, 60, False)]
    assert plan([10, 30, 50], 30, "to the next mark") == [(11, 50, False)]
    assert plan([10, 30], 20, "to the next mark") == [(11, 30, False)]
    assert plan([10, 30], 10, "to the next mark") == [(0, 10, True), (10, 30, False)]
    assert plan([10, 30], 3, "to the next mark") == [(0, 10, True)]
    assert plan([10, 30], 40, "to the next mark") == [(31, 60, False)]
    with pytest.raises(InputError, match="object 1 has no accepted mask"):
        plan([], 0, "both")


def test_spans_that_begin_at_no_mask_are_refused(session, clip):
    pictures, labels = clip
    masks = {2: shown(labels[2], 1)}
    with pytest.raises(InputError, match=r"frame 4 to 6 begins at no mask: .* frame 3 or 4"):
        list(session.track(pictures, masks, [Span(1, 4, 7)], {}, {}))
    with pytest.raises(InputError, match="the object has no mask"):
        list(session.track(pictures, masks, [Span(2, 2, 7)], {}, {}))


@pytest.mark.slow
@pytest.mark.tuning
def test_tuning_says_how_far_it_is_and_can_be_cancelled(model, tiny, clip):
    pictures, labels = clip
    config = read_config(tiny, None, ["tuning.steps=2"])
    session, masks = Session(model, (96, 144), config=config), {0: shown(labels[0], 1)}
    steps = session.track(pictures, masks, whole(masks), {}, {})
    assert next(steps).progress.stage == "learning"
    assert next(steps).progress.stage == "tuning"
    steps.close()
    steps = list(session.track(pictures, masks, whole(masks), {}, {}))
    stages = [step.progress.stage for step in steps]
    assert sorted(set(stages)) == ["learning", "tracking", "tuning"]
    assert steps[-1].progress.done == steps[-1].progress.total == COUNT
    found = results_of(steps)
    for one in model.segment(pictures, masks, config=config):
        assert equal(found[one.index], one)
