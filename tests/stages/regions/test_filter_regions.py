import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from rotoline.stages.regions import (
    Craf,
    CrafScript,
    LastVisible,
    NoFilter,
    RegionsConfig,
    craf_script,
    filter_regions,
    last_visible,
)
from rotoline.state import ObjectState
from rotoline.types import SATURATED_LOGIT

REMOVED = -SATURATED_LOGIT


@pytest.fixture(autouse=True)
def _nothing_is_near(monkeypatch):
    """Everything would be near on maps as small as these."""
    monkeypatch.setattr(last_visible, "NEARBY_RADIUS", 0)


def state_of(last, *hidden, largest=100, previous=None):
    """Objects last seen in `last`, so many frames ago, never larger than `largest` pixels."""
    last = torch.as_tensor(last)
    state = ObjectState.empty(len(last), last.shape[1:], torch.device("cpu"))
    state.last_visible = last
    state.previous = last if previous is None else torch.as_tensor(previous)
    state.largest_area[:] = largest
    state.hidden_frames = torch.tensor(hidden)
    return state


def filtered(logits, state, config, foreground=None):
    everywhere = torch.ones(logits.shape[1:], dtype=torch.bool)
    return filter_regions(logits, state, everywhere if foreground is None else foreground, config)


def test_object_hidden_for_long_may_reappear_in_another_place():
    score = np.zeros((6, 6))
    score[0, :3] = 0.97
    score[2, :3] = 0.8
    logits = torch.tensor(score).logit(eps=1e-4)[None].float()
    last_seen = np.zeros((1, 6, 6), bool)
    last_seen[0, 5, 5] = True
    config = LastVisible()
    hidden = config.reentry_min_hidden_frames
    for frames, stays in ((hidden - 1, False), (hidden, True)):
        kept = filtered(logits, state_of(last_seen, frames), config).sigmoid()[0]
        assert bool(kept[0, 0] > 0.9) is stays
        assert kept[2].max() < 0.1
    uncertain = logits.clamp(max=1.0)
    kept = filtered(uncertain, state_of(last_seen, 50), config)
    assert kept.max() < 0


def test_object_does_not_reappear_as_something_far_larger():
    logits = torch.full((1, 6, 6), -5.0)
    logits[0, :3] = 5.0  # 18 pixels
    last_seen = np.zeros((1, 6, 6), bool)
    last_seen[0, 5, 5] = True
    for largest, stays in ((9, True), (8, False)):
        kept = filtered(logits, state_of(last_seen, 50, largest=largest), LastVisible())
        assert bool(kept.max() > 0) is stays


def test_object_does_not_reappear_as_another_object():
    logits = torch.full((2, 4, 4), -5.0)
    logits[0, 0, :] = 4.0
    logits[1, 0, :] = 6.0
    last_seen = np.zeros((2, 4, 4), bool)
    last_seen[0, 3, 3] = True
    last_seen[1, 0] = True
    kept = filtered(logits, state_of(last_seen, 50, 0), LastVisible())
    assert kept[0].max() < 0
    assert kept[1, 0].min() == 6.0


def test_kept_pixels_keep_their_logits_and_without_a_filter_all_are_kept():
    logits = torch.tensor([[[3.0, 2.0, -1.0, 1.5]]])
    state = state_of(np.array([[[True, True, False, False]]]), 0)
    before = logits.clone()
    assert filtered(logits, state, LastVisible()).tolist() == [[[3.0, 2.0, -1.0, REMOVED]]]
    assert torch.equal(logits, before)
    assert filtered(logits, state, NoFilter()) is logits


def test_method_selects_the_filter():
    """Two parts of one object, the smaller of which agrees better with the previous mask."""
    logits = torch.full((1, 1, 14), -5.0)
    logits[0, 0, :2] = 2.0
    logits[0, 0, 3:13] = 1.0
    last = np.zeros((1, 1, 14), bool)
    last[0, 0, :13] = True
    previous = np.zeros((1, 1, 14), bool)
    previous[0, 0, [0, 1, 3]] = True
    state = state_of(last, 0, previous=previous)
    # Both lie in the last visible mask.
    assert filtered(logits, state, LastVisible()).tolist() == logits.tolist()
    # Against the previous mask: 2 / 3, but 2 / 10 of the largest; then 1 / 12. So the larger one,
    # and what was below REMOVED is not raised.
    below = logits.clone()
    below[0, 0, 13] = -9.0
    expected = [REMOVED, REMOVED, REMOVED, *[1.0] * 10, -9.0]
    assert filtered(below, state, Craf()).tolist() == [[expected]]
    # The small one is certain; pixels of no region stay.
    expected = [SATURATED_LOGIT, SATURATED_LOGIT, -5.0, *[1.0] * 10, -5.0]
    assert filtered(logits, state, CrafScript()).tolist() == [[expected]]


@pytest.mark.parametrize("config", [Craf(), CrafScript()])
def test_craf_compares_with_the_previous_mask_and_a_lost_object_stays_lost(config):
    logits = torch.tensor([[[3.0, -9.0, 3.0]]])
    last = np.array([[[True, False, False]]])
    assert filtered(logits, state_of(last, 0), config).tolist() == [[[3.0, -9.0, REMOVED]]]
    lost = state_of(last, 1, previous=np.zeros((1, 1, 3), bool))
    assert filtered(logits, lost, config).tolist() == [[[REMOVED, -9.0, REMOVED]]]


def test_script_removes_what_is_outside_of_the_foreground():
    logits = torch.tensor([[[3.0, 2.0]]])
    state = state_of(np.array([[[True, True]]]), 0)
    foreground = torch.tensor([[True, False]])
    assert filtered(logits, state, CrafScript(), foreground).tolist() == [[[3.0, REMOVED]]]


def test_region_given_to_an_object_brings_its_logits():
    logits = torch.tensor([[[-6.0, -6.0, -6.0, -6.0]], [[2.0, 9.0, -6.0, -6.0]]])
    previous = np.array([[[True, True, True, False]], [[False] * 4]])
    kept = filtered(logits, state_of(previous, 0, 9), Craf())
    assert kept[1].tolist() == [[REMOVED] * 4]
    assert kept[0, 0, 0] == pytest.approx(2.0, abs=1e-5)
    assert kept[0, 0, 1:].tolist() == [SATURATED_LOGIT, REMOVED, REMOVED]


def test_thresholds_of_the_methods_are_used(monkeypatch):
    logits = torch.tensor([[[3.0, -6.0, 3.0, 3.0]]])
    state = state_of(np.array([[[True, False, False, False]]]), 0)
    # 1 / 2 of the largest is not enough; step 3 takes it as free, by 1 / 1.
    assert filtered(logits, state, Craf(alpha=0.6))[0, 0, 0] == 3.0
    assert (filtered(logits, state, Craf(alpha=0.6, gamma=0.0)) <= REMOVED).all()
    monkeypatch.setattr(craf_script, "MIN_AREA_RATIO", 0.6)
    monkeypatch.setattr(craf_script, "RECOVERY_AREA_RATIO", 0.0)
    assert (filtered(logits, state, CrafScript()) <= REMOVED).all()


@pytest.mark.parametrize("value", [0.0, 1.0, -2])
def test_refuses_thresholds_out_of_range(value):
    with pytest.raises(ValueError, match="threshold"):
        LastVisible(threshold=value)


def test_refuses_methods_that_do_not_exist():
    with pytest.raises(ValueError, match="last_visible"):
        TypeAdapter(RegionsConfig).validate_python({"method": "memory"})
