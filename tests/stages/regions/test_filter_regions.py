import numpy as np
import pytest
import torch

from rotoline.filters import paper, script
from rotoline.stages.regions import CERTAIN, REMOVED, RegionsConfig, Seen, remove_regions

CONFIG = RegionsConfig(reach=0)
"""Everything is near on maps as small as these."""


def with_rule(rule):
    return CONFIG.model_copy(update={"rule": rule})


def seen(last, *hidden, largest=100, **more):
    """Objects that were last seen there and never covered more than `largest` pixels."""
    return Seen(last, np.full(len(hidden), largest), np.array(hidden), **more)


def test_object_hidden_for_long_may_come_back_elsewhere():
    score = np.zeros((6, 6))
    score[0, :3] = 0.97
    score[2, :3] = 0.8
    logits = torch.tensor(score).logit(eps=1e-4)[None].float()
    last_seen = np.zeros((1, 6, 6), bool)
    last_seen[0, 5, 5] = True
    for frames, stays in ((CONFIG.return_after - 1, False), (CONFIG.return_after, True)):
        kept = remove_regions(logits, seen(last_seen, frames), CONFIG).sigmoid()[0]
        assert bool(kept[0, 0] > 0.9) is stays
        assert kept[2].max() < 0.1
    uncertain = logits.clamp(max=1.0)
    kept = remove_regions(uncertain, seen(last_seen, 50), CONFIG)
    assert kept.max() < 0


def test_object_does_not_come_back_as_something_far_larger():
    logits = torch.full((1, 6, 6), -5.0)
    logits[0, :3] = 5.0  # 18 pixels
    last_seen = np.zeros((1, 6, 6), bool)
    last_seen[0, 5, 5] = True
    for largest, stays in ((9, True), (8, False)):
        kept = remove_regions(logits, seen(last_seen, 50, largest=largest), CONFIG)
        assert bool(kept.max() > 0) is stays


def test_object_does_not_come_back_as_another_object():
    logits = torch.full((2, 4, 4), -5.0)
    logits[0, 0, :] = 4.0
    logits[1, 0, :] = 6.0
    last_seen = np.zeros((2, 4, 4), bool)
    last_seen[0, 3, 3] = True
    last_seen[1, 0] = True
    kept = remove_regions(logits, seen(last_seen, 50, 0), CONFIG)
    assert kept[0].max() < 0
    assert kept[1, 0].min() == 6.0


def test_kept_pixels_keep_their_logits():
    logits = torch.tensor([[[3.0, 2.0, -1.0, 1.5]]])
    last_seen = np.array([[[True, True, False, False]]])
    result = remove_regions(logits, seen(last_seen, 0), CONFIG)
    assert result.tolist() == [[[3.0, 2.0, -1.0, REMOVED]]]
    off = CONFIG.model_copy(update={"enabled": False})
    assert remove_regions(logits, seen(last_seen, 0), off) is logits


def test_rule_selects_the_filter():
    """Two parts of one object, the smaller of which agrees better with the mask before."""
    logits = torch.full((1, 1, 14), -5.0)
    logits[0, 0, :2] = 2.0
    logits[0, 0, 3:13] = 1.0
    last = np.zeros((1, 1, 14), bool)
    last[0, 0, :13] = True
    previous = np.zeros((1, 1, 14), bool)
    previous[0, 0, [0, 1, 3]] = True
    past = seen(last, 0, previous=previous)
    # Both lie in the last visible mask.
    assert remove_regions(logits, past, with_rule("memory")).tolist() == logits.tolist()
    # Against the mask before: 2 / 3, but 2 / 10 of the largest; then 1 / 12. So the larger one,
    # and what was below REMOVED is not raised.
    below = logits.clone()
    below[0, 0, 13] = -9.0
    expected = [REMOVED, REMOVED, REMOVED, *[1.0] * 10, -9.0]
    assert remove_regions(below, past, with_rule("paper")).tolist() == [[expected]]
    # The small one is certain; pixels of no region stay.
    expected = [CERTAIN, CERTAIN, -5.0, *[1.0] * 10, -5.0]
    assert remove_regions(logits, past, with_rule("script")).tolist() == [[expected]]


def test_last_visible_mask_stands_in_for_the_previous_one():
    logits = torch.tensor([[[3.0, -9.0, 3.0]]])
    past = seen(np.array([[[True, False, False]]]), 0)
    for rule in ("paper", "script"):
        kept = remove_regions(logits, past, with_rule(rule))
        assert kept.tolist() == [[[3.0, -9.0, REMOVED]]]
        lost = remove_regions(
            logits, past._replace(previous=np.zeros((1, 1, 3), bool)), with_rule(rule)
        )
        assert lost.tolist() == [[[REMOVED, -9.0, REMOVED]]]


def test_script_removes_what_is_outside_of_the_foreground():
    logits = torch.tensor([[[3.0, 2.0]]])
    mask = np.array([[[True, True]]])
    past = seen(mask, 0, foreground=np.array([[True, False]]))
    assert remove_regions(logits, past, with_rule("script")).tolist() == [[[3.0, REMOVED]]]


def test_region_given_to_an_object_brings_its_logits():
    logits = torch.tensor([[[-6.0, -6.0, -6.0, -6.0]], [[2.0, 9.0, -6.0, -6.0]]])
    previous = np.array([[[True, True, True, False]], [[False] * 4]])
    kept = remove_regions(logits, seen(previous, 0, 9), with_rule("paper"))
    assert kept[1].tolist() == [[REMOVED] * 4]
    assert kept[0, 0, 0] == pytest.approx(2.0, abs=1e-5)
    assert kept[0, 0, 1:].tolist() == [CERTAIN, REMOVED, REMOVED]


def test_settings_of_the_rules_are_used():
    logits = torch.tensor([[[3.0, -6.0, 3.0, 3.0]]])
    past = seen(np.array([[[True, False, False, False]]]), 0)
    strict = CONFIG.model_copy(update={"rule": "paper", "paper": paper.Craf(alpha=0.6)})
    # 1 / 2 of the largest is not enough; step 3 takes it as free, by 1 / 1.
    assert remove_regions(logits, past, strict)[0, 0, 0] == 3.0
    stricter = paper.Craf(alpha=0.6, gamma=0.0)
    strict = strict.model_copy(update={"paper": stricter})
    assert (remove_regions(logits, past, strict) <= REMOVED).all()
    strict = CONFIG.model_copy(
        update={"rule": "script", "script": script.ScriptRegions(large=0.6, rescue_below=0.0)}
    )
    assert (remove_regions(logits, past, strict) <= REMOVED).all()


@pytest.mark.parametrize("value", [0.0, 1.0, -2])
def test_refuses_thresholds_out_of_range(value):
    with pytest.raises(ValueError, match="threshold"):
        RegionsConfig(threshold=value)


def test_refuses_rules_that_are_not_there():
    with pytest.raises(ValueError, match="rule"):
        RegionsConfig(rule="craf")
