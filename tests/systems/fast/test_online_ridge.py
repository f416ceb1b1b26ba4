import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rotoline.systems.fast.network import FastNet
from rotoline.systems.fast.online_ridge import OnlineUpdateConfig, fit_ridge_classifiers, choose_memory_frames

SIZE = (64, 96)
PIXELS = (64 // 16) * (96 // 16)


def taught(*columns):
    """Per frame which rules it teaches, from one string of 0 and 1 for each rule."""
    rows = torch.tensor([[int(digit) for digit in column] for column in columns]).bool().T
    return {10 * index: row for index, row in enumerate(rows)}


def test_chosen_frames_are_the_first_ones_and_then_even():
    assert choose_memory_frames(taught("111111111"), 3) == {0, 40, 80}
    assert choose_memory_frames(taught("111"), 4) == {0, 10, 20}
    assert choose_memory_frames(taught("11111"), 1) == {0}
    # The second rule starts late, and the limit holds.
    assert choose_memory_frames(taught("111111111", "000100000"), 3) == {0, 30, 80}
    # Every rule has a frame, whatever the limit.
    assert choose_memory_frames(taught("10010", "01001", "00101"), 1) == {0, 10, 20}
    backwards = dict(reversed(taught("1111", "0011").items()))
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
def test_every_rule_has_its_first_frame_and_no_more_are_chosen_than_needed(columns, limit):
    counts = taught(*columns)
    chosen = choose_memory_frames(counts, limit)
    firsts = {10 * column.index("1") for column in columns}
    assert firsts <= chosen <= set(counts)
    assert len(chosen) == max(len(firsts), min(limit, len(counts)))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return FastNet().fold()


def marks(net, shown, **settings):
    """Learn from frames of noise; object 0 covers 24 columns on the left, object 1 the right."""
    generator = torch.Generator().manual_seed(0)
    marked = {}
    for index, objects in shown.items():
        masks = torch.zeros(1 + max(map(max, shown.values())), *SIZE)
        for which in objects:
            masks[which, :, slice(0, 24) if which == 0 else slice(64, 96)] = 1
        marked[index] = (255 * torch.rand(1, 3, *SIZE, generator=generator), masks)
    config = OnlineUpdateConfig(scales=(), **settings)
    with torch.inference_mode():
        return fit_ridge_classifiers(net, marked, config), marked


@torch.inference_mode()
def test_memory_holds_marked_frames_and_who_was_marked_in_them(net):
    rules, marked = marks(net, {0: [0], 4: [1], 9: [0, 1]})
    memory = rules.memory
    by_frame = memory.present.unflatten(1, (3, PIXELS))
    assert torch.equal(by_frame.amin(2), by_frame.amax(2))
    # The last rule is the foreground, which only the last frame shows whole.
    assert by_frame[:, :, 0].tolist() == [[1, 0, 1], [0, 1, 1], [0, 0, 1]]
    values = memory.values.unflatten(1, (3, 4, 6))
    assert values[0, 0, 0].tolist() == [1, 0.5, 0, 0, 0, 0]
    assert values[1, 1, 3].tolist() == [0, 0, 0, 0, 1, 1]
    assert values[2, 2, 0].tolist() == [1, 0.5, 0, 0, 1, 1]
    assert not values[1, 0].any()
    keys = memory.keys.split(PIXELS, dim=1)
    for (index, (frame, _)), key in zip(marked.items(), keys, strict=True):
        features = net.embedding(frame)
        torch.testing.assert_close(key, features.global_keys[0].flatten(1))
        torch.testing.assert_close(rules.keys[index], features.keys)


def test_foreground_is_looked_up_in_all_frames_where_none_shows_it_whole(net):
    rules, _ = marks(net, {0: [0], 4: [1]})
    present = rules.memory.present.unflatten(1, (2, PIXELS))[:, :, 0]
    assert present.tolist() == [[1, 0], [0, 1], [1, 1]]


def test_frames_beyond_the_limit_teach_but_are_not_searched(net):
    shown = {index: [0] for index in (1, 2, 3, 5)}
    some, marked = marks(net, shown, recalled=2)
    every, _ = marks(net, shown, recalled=4)
    assert some.memory.keys.shape == (64, 2 * PIXELS)
    kept = every.memory.keys.unflatten(1, (4, PIXELS))[:, [0, 3]].flatten(1)
    assert torch.equal(some.memory.keys, kept)
    assert set(some.keys) == set(marked)
    assert torch.equal(some.rules, every.rules)
