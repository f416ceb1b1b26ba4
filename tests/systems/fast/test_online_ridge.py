"""The learner: which annotated frames are remembered, and what results of frames change."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rotoline.learning.ridge import accumulate, solve, weighted_sum
from rotoline.systems.fast import online_ridge
from rotoline.systems.fast.memory_readout import MemoryFrames
from rotoline.systems.fast.network import FastNet
from rotoline.systems.fast.online_ridge import (
    CONFIDENCE_THRESHOLD,
    MEMORY_FRAMES,
    OTHER_OBJECT_WEIGHT,
    UPDATE_WEIGHT,
    NoUpdates,
    PeriodicUpdates,
    RidgeClassifiers,
    choose_memory_frames,
    fit_ridge_classifiers,
    make_views,
)

SIZE = (64, 96)
PIXELS = (64 // 16) * (96 // 16)


def learned_from(*columns):
    """By frame the rows that learn from it, from one string of 0 and 1 for each row."""
    rows = torch.tensor([[int(digit) for digit in column] for column in columns]).bool().T
    return {10 * index: row for index, row in enumerate(rows)}


# --------------------------------------------------------------------------- annotated frames


def test_chosen_frames_are_the_first_ones_and_then_even():
    assert choose_memory_frames(learned_from("111111111"), 3) == {0, 40, 80}
    assert choose_memory_frames(learned_from("111"), 4) == {0, 10, 20}
    assert choose_memory_frames(learned_from("11111"), 1) == {0}
    # The second row starts late, and the limit holds.
    assert choose_memory_frames(learned_from("111111111", "000100000"), 3) == {0, 30, 80}
    # Every row has a frame, whatever the limit.
    assert choose_memory_frames(learned_from("10010", "01001", "00101"), 1) == {0, 10, 20}
    backwards = dict(reversed(learned_from("1111", "0011").items()))
    assert choose_memory_frames(backwards, 2) == {0, 20}


@given(
    columns=st.integers(1, 8).flatmap(
        lambda count: st.lists(
            st.text("01", min_size=count, max_size=count).filter(lambda text: "1" in text),
            min_size=1,
            max_size=4,
        )
    ),
    limit=st.integers(1, 6),
)
@settings(deadline=None, derandomize=True, max_examples=60)
def test_every_row_has_its_first_frame_and_no_more_are_chosen_than_needed(columns, limit):
    rows = learned_from(*columns)
    chosen = choose_memory_frames(rows, limit)
    firsts = {10 * column.index("1") for column in columns}
    assert firsts <= chosen <= set(rows)
    assert len(chosen) == max(len(firsts), min(limit, len(rows)))


def test_views_are_the_frame_its_mirror_image_and_other_sizes():
    frame = torch.rand(1, 3, 64, 96)
    masks = torch.zeros(1, 64, 96)
    masks[:, 16:48, :48] = 1
    plain, mirrored, smaller, larger = make_views(frame, masks, (0.5, 1.5))
    assert plain[0] is frame
    assert torch.equal(mirrored[0], frame.flip(3))
    assert torch.equal(mirrored[1], masks.flip(2))
    assert [view[0].shape[2:] for view in (smaller, larger)] == [(32, 64), (96, 128)]
    for pixels, view_masks in (smaller, larger):
        assert view_masks.shape[1:] == pixels.shape[2:]
        assert view_masks.mean() == pytest.approx(0.25, abs=0.01)


@pytest.fixture(scope="module")
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return FastNet().fold()


@pytest.fixture
def fit(net, monkeypatch):
    """A function that learns from frames of noise, and returns the classifiers and the frames.

    Object 0 covers 24 columns on the left, object 1 covers 32 columns on the right.
    """

    def learn(shown, memory_frames=MEMORY_FRAMES):
        monkeypatch.setattr(online_ridge, "VIEW_SCALES", ())
        monkeypatch.setattr(online_ridge, "MEMORY_FRAMES", memory_frames)
        generator = torch.Generator().manual_seed(0)
        annotated = {}
        for index, objects in shown.items():
            masks = torch.zeros(1 + max(map(max, shown.values())), *SIZE)
            for which in objects:
                masks[which, :, slice(0, 24) if which == 0 else slice(64, 96)] = 1
            annotated[index] = (255 * torch.rand(1, 3, *SIZE, generator=generator), masks)
        with torch.inference_mode():
            return fit_ridge_classifiers(net, annotated, PeriodicUpdates()), annotated

    return learn


@torch.inference_mode()
def test_memory_holds_annotated_frames_and_who_is_annotated_in_them(net, fit):
    classifiers, annotated = fit({0: [0], 4: [1], 9: [0, 1]})
    memory = classifiers.memory
    by_frame = memory.known.unflatten(1, (3, PIXELS))
    assert torch.equal(by_frame.amin(2), by_frame.amax(2))
    # The last row is the foreground, all of which only the last frame shows.
    assert by_frame[:, :, 0].tolist() == [[1, 0, 1], [0, 1, 1], [0, 0, 1]]
    values = memory.values.unflatten(1, (3, 4, 6))
    assert values[0, 0, 0].tolist() == [1, 0.5, 0, 0, 0, 0]
    assert values[1, 1, 3].tolist() == [0, 0, 0, 0, 1, 1]
    assert values[2, 2, 0].tolist() == [1, 0.5, 0, 0, 1, 1]
    assert not values[1, 0].any()
    keys = memory.keys.split(PIXELS, dim=1)
    for (index, (frame, _)), key in zip(annotated.items(), keys, strict=True):
        features = net.encoder(frame)
        torch.testing.assert_close(key, features.global_keys[0].flatten(1))
        torch.testing.assert_close(classifiers.local_keys[index], features.local_keys)


def test_foreground_is_looked_up_in_all_frames_where_none_shows_all_of_it(fit):
    classifiers, _ = fit({0: [0], 4: [1]})
    known = classifiers.memory.known.unflatten(1, (2, PIXELS))[:, :, 0]
    assert known.tolist() == [[1, 0], [0, 1], [1, 1]]


def test_frames_beyond_the_limit_are_learned_from_but_not_searched(fit):
    shown = {index: [0] for index in (1, 2, 3, 5)}
    some, annotated = fit(shown, memory_frames=2)
    every, _ = fit(shown, memory_frames=4)
    assert some.memory.keys.shape == (64, 2 * PIXELS)
    kept = every.memory.keys.unflatten(1, (4, PIXELS))[:, [0, 3]].flatten(1)
    assert torch.equal(some.memory.keys, kept)
    assert set(some.local_keys) == set(annotated)
    assert torch.equal(some.weights, every.weights)


# ------------------------------------------------------------------------------ online updates

D, H, W = 3, 2, 6
LEFT, RIGHT = slice(0, 2), slice(4, 6)
RIDGE = torch.tensor(1e-2)


def draw(number):
    """An embedding of noise."""
    return torch.randn(D, H, W, generator=torch.Generator().manual_seed(number))


def masks_of(*columns):
    masks = torch.zeros(len(columns), H, W)
    for mask, where in zip(masks, columns, strict=True):
        if where is not None:
            mask[:, where] = 1
    return masks


def certain(masks):
    return 16 * masks - 8


def equations_of(embedding, masks, confident=None):
    """Those of the objects and of their union, as the learner's docstrings say."""
    objects = torch.cat((masks, masks.amax(0, keepdim=True))) if len(masks) > 1 else masks
    others = torch.zeros_like(objects)
    if len(masks) == 2:
        others[0], others[1] = masks[1], masks[0]
    return accumulate(embedding, objects, others, OTHER_OBJECT_WEIGHT, confident)


def learned(masks, **config):
    """Classifiers learned from one frame."""
    none = MemoryFrames(torch.zeros(1, 0), torch.zeros(1, 0), torch.zeros(1, 0))
    equations = equations_of(draw(0), masks)
    return RidgeClassifiers(equations, none, {}, PeriodicUpdates(**config), RIDGE)


TWO = masks_of(LEFT, RIGHT)


def test_classifiers_start_as_the_ridge_solution_of_the_annotations():
    for masks in (TWO, TWO[:1]):
        expected = solve(equations_of(draw(0), masks), RIDGE)
        torch.testing.assert_close(learned(masks).weights, expected)
    assert len(learned(TWO).weights) == 3
    assert len(learned(TWO[:1]).weights) == 1


def test_result_of_a_frame_counts_with_its_weight():
    classifiers = learned(TWO)
    classifiers.update(draw(1), certain(TWO), TWO, is_whole=True)
    views = [equations_of(draw(number), TWO) for number in (0, 1)]
    weights = torch.tensor([1.0, UPDATE_WEIGHT])[:, None].expand(2, 3)
    torch.testing.assert_close(classifiers.weights, solve(weighted_sum(views, weights), RIDGE))


def test_pixels_with_uncertain_scores_are_left_out():
    """A changed embedding of an uncertain pixel changes nothing; that of a certain one does."""
    logits = certain(TWO)
    below, above = (torch.tensor(CONFIDENCE_THRESHOLD + step).logit() for step in (-0.01, 0.01))
    logits[0, 0, 0], logits[0, 1, 1], logits[0, 1, 0] = below, -below, above

    def weights_with(row=None, column=None):
        classifiers, embedding = learned(TWO), draw(1)
        if row is not None:
            embedding[:, row, column] += 5.0
        classifiers.update(embedding, logits, TWO, is_whole=True)
        return classifiers.weights

    plain = weights_with()
    for row, column in ((0, 0), (1, 1)):
        changed = weights_with(row, column)
        torch.testing.assert_close(changed[0], plain[0])
        # The union is as uncertain as the least certain object.
        torch.testing.assert_close(changed[2], plain[2])
        assert not torch.allclose(changed[1], plain[1])
    assert not torch.allclose(weights_with(1, 0)[0], plain[0])


def test_object_that_is_not_visible_learns_nothing():
    classifiers, before = learned(TWO), learned(TWO).weights
    hidden = masks_of(LEFT, None)
    classifiers.update(draw(1), certain(hidden), hidden, is_whole=True)
    torch.testing.assert_close(classifiers.weights[1], before[1])
    assert not torch.allclose(classifiers.weights[0], before[0])
    assert not torch.allclose(classifiers.weights[2], before[2])


def test_union_learns_only_from_frames_into_which_all_objects_were_tracked():
    classifiers, before = learned(TWO), learned(TWO).weights
    classifiers.update(draw(1), certain(TWO), TWO, is_whole=False)
    torch.testing.assert_close(classifiers.weights[2], before[2])
    assert not torch.allclose(classifiers.weights[:2], before[:2])


def test_only_the_most_recent_updates_count():
    several, last = learned(TWO, update_window=2), learned(TWO, update_window=2)
    for number in range(1, 6):
        several.update(draw(number), certain(TWO), TWO, is_whole=True)
    for number in (4, 5):
        last.update(draw(number), certain(TWO), TWO, is_whole=True)
    torch.testing.assert_close(several.weights, last.weights)
    assert len(several.updates) == 2


def test_reset_forgets_every_update_and_leaves_the_updated_ones_alone():
    classifiers, before = learned(TWO), learned(TWO).weights
    classifiers.update(draw(1), certain(TWO), TWO, is_whole=True)
    updated = classifiers.weights.clone()
    again = classifiers.reset()
    assert torch.equal(again.weights, before)
    assert len(again.updates) == 0
    again.update(draw(2), certain(TWO), TWO, is_whole=True)
    assert torch.equal(classifiers.weights, updated)
    assert again.config == classifiers.config
    other = PeriodicUpdates(update_every=1, update_window=3)
    assert classifiers.reset(other).config == other
    assert classifiers.reset(other).updates.maxlen == 3


def test_updates_are_due_every_few_frames_and_never_for_a_lone_object():
    frames = range(1, 8)
    assert [learned(TWO, update_every=3).is_due(n) for n in frames] == [n in (3, 6) for n in frames]
    off = learned(TWO).reset(NoUpdates())
    assert not any(off.is_due(n) for n in frames)
    assert not any(learned(TWO[:1], update_every=1).is_due(n) for n in frames)
