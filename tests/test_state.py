import torch

from rotoline.state import ObjectState

CPU = torch.device("cpu")
YES, NO = True, False


def row(*values):
    return [list(values)]


def example():
    """Two objects in a row of three pixels, after one frame in which both were tracked."""
    state = ObjectState.empty(2, (1, 3), CPU)
    logits = torch.tensor([row(2.0, 1.0, -8.0), row(-8.0, -8.0, 4.0)])
    visible = torch.tensor([row(YES, YES, NO), row(NO, NO, YES)])
    state.update(logits, visible, torch.tensor([YES, YES]))
    return state, logits, visible


def test_nothing_is_known_at_first():
    state = ObjectState.empty(2, (1, 3), CPU)
    assert state.scores.tolist() == [row(0, 0, 0)] * 2
    assert not state.previous.any()
    assert not state.last_visible.any()
    assert state.largest_area.tolist() == state.hidden_frames.tolist() == [0, 0]


def test_result_of_a_frame_is_stored():
    state, logits, visible = example()
    assert torch.equal(state.scores, logits.sigmoid())
    assert torch.equal(state.previous, visible)
    assert torch.equal(state.last_visible, visible)
    assert state.largest_area.tolist() == [2, 1]
    assert state.hidden_frames.tolist() == [0, 0]


def test_hidden_object_keeps_its_last_visible_mask_and_counts_frames():
    state, _, visible = example()
    gone = torch.full((2, 1, 3), -8.0)
    nothing = torch.zeros_like(visible)
    for frames in (1, 2):
        state.update(gone, nothing, torch.tensor([YES, NO]))
        assert state.hidden_frames.tolist() == [frames, 0]
    assert not state.previous[0].any()
    assert torch.equal(state.last_visible, visible)
    assert state.largest_area.tolist() == [2, 1]
    # It reappears, smaller than it was.
    again = torch.tensor([row(NO, NO, YES), row(NO, NO, NO)])
    state.update(gone, again, torch.tensor([YES, NO]))
    assert state.hidden_frames.tolist() == [0, 0]
    assert state.last_visible[0].tolist() == row(NO, NO, YES)
    assert state.largest_area.tolist() == [2, 1]


def test_what_the_filter_removed_is_known_for_one_frame():
    state, logits, visible = example()
    assert not state.removed.any()
    removed = torch.tensor([row(NO, NO, YES), row(YES, NO, NO)])
    state.update(logits, visible, torch.tensor([NO, YES]), removed=removed)
    assert state.removed.tolist() == [row(NO, NO, NO), row(YES, NO, NO)]
    state.update(logits, visible, torch.tensor([YES, YES]))
    assert not state.removed.any()


def test_objects_that_are_not_updated_keep_their_state():
    state, logits, visible = example()
    other = torch.ones_like(visible)
    state.update(torch.zeros(2, 1, 3), other, torch.tensor([NO, YES]))
    assert torch.equal(state.scores[0], logits[0].sigmoid())
    assert torch.equal(state.previous[0], visible[0])
    assert torch.equal(state.last_visible[0], visible[0])
    assert state.scores[1].tolist() == row(0.5, 0.5, 0.5)
    assert state.largest_area.tolist() == [2, 3]


def test_objects_can_be_added_and_reordered():
    state, _, _ = example()
    state.hidden_frames[:] = torch.tensor([4, 5])
    larger = state.with_objects([1, None, 0])
    for old, new in ((0, 2), (1, 0)):
        assert torch.equal(larger.scores[new], state.scores[old])
        assert torch.equal(larger.previous[new], state.previous[old])
        assert torch.equal(larger.last_visible[new], state.last_visible[old])
    assert larger.largest_area.tolist() == [1, 0, 2]
    assert larger.hidden_frames.tolist() == [5, 0, 4]
    assert not larger.scores[1].any()
    assert not larger.last_visible[1].any()


def test_other_list_of_objects_shares_no_memory():
    state, _, visible = example()
    copy = state.with_objects([0, 1])
    copy.update(torch.zeros(2, 1, 3), ~visible, torch.tensor([YES, YES]))
    assert torch.equal(state.previous, visible)
