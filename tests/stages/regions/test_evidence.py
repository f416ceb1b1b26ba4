import math

import numpy as np
import pytest
from scipy import ndimage

from rotoline.stages.regions import evidence_reference
from rotoline.stages.regions.components import find_regions
from rotoline.stages.regions.evidence import (
    FEATURES,
    Evidence,
    ObjectHistory,
    RegionEvidence,
    RegionModel,
    judge_regions,
    pixels_to_remove_by_evidence,
    region_features,
)

SIZE = 60, 100


@pytest.fixture(scope="module")
def learned(model):
    """The numbers that ship."""
    return model.system.net.region_model.as_model()


def planted(**weights):
    """Numbers of a single unit: the sum of weight * tanh(feature - 0.5)."""
    names = [name.replace("_", " ") for name in weights]
    hidden = np.zeros((len(FEATURES), len(names)), np.float32)
    for column, name in enumerate(names):
        hidden[FEATURES.index(name), column] = 1.0
    biases = np.full(len(names), -0.5, np.float32)
    return RegionModel(
        np.zeros(len(FEATURES), np.float32),
        hidden,
        biases,
        np.array(list(weights.values()), np.float32),
        0.0,
    )


def box(top, left, height=12, width=20):
    mask = np.zeros(SIZE, bool)
    mask[top : top + height, left : left + width] = True
    return mask


def decide(learned, regions, *, last, hidden=0, motion=0.05, others=(), removed=None):
    """Which of some regions of one object stay.

    Args:
        learned: The numbers.
        regions: Masks with the values of (score, appearance, memory, carried) inside.
        last: The last visible mask.
        hidden: Frames since then.
        motion: Change of the picture since then.
        others: Masks and the values of another object.
        removed: What was removed in the previous frame; nothing if None.
    """
    maps = np.full((4, 1 + len(others), *SIZE), 0.02, np.float32)
    for row, pairs in enumerate([regions, *([one] for one in others)]):
        for mask, values in pairs:
            for index, value in enumerate(values):
                maps[index, row][mask] = value
    scores, appearance, memory, carried = maps
    evidence = RegionEvidence(appearance, memory, carried, 0.05, learned)
    nothing = last & False
    removed = nothing if removed is None else removed
    history = ObjectHistory(last, int(last.sum()), hidden, motion, removed)
    other = ObjectHistory(nothing, 0, 0, motion, nothing)
    histories = [history, *(other for _ in others)]
    removed = pixels_to_remove_by_evidence(scores, evidence, histories, Evidence())[0]
    return [not removed[mask].any() for mask, _ in regions]


def test_features_equal_the_reference():
    generator = np.random.default_rng(0)

    def smooth(count):
        noise = ndimage.gaussian_filter(generator.random((count, 14, 19)), (0, 1.2, 1.2))
        return np.clip(3 * noise - 1, 0, 1).astype(np.float32)

    numbers = planted(own_score=1.0)
    compared = 0
    for trial in range(20):
        count = trial % 3 + 1
        scores = smooth(count)
        evidence = RegionEvidence(smooth(count), smooth(count), smooth(count), 0.2, numbers)
        last = scores[0] > (2.0 if trial % 5 == 0 else 0.8)  # empty in every fifth
        removed = smooth(1)[0] > 0.6
        history = ObjectHistory(last, 30, trial % 4, 0.7, removed)
        for k in range(count):
            regions = find_regions(scores[k] > 0.4)
            if len(regions.areas) == 1:
                continue
            arguments = k, regions, scores, evidence, history
            found = region_features(*arguments)
            wanted = evidence_reference.region_features(*arguments)
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
            compared += len(found)
    assert compared > 40


def test_judgements_say_what_the_filter_does_and_why():
    model = planted(score=10.0)
    sure, unsure = box(4, 4), box(40, 60)
    scores = (0.9 * sure + 0.4 * unsure)[None].astype(np.float32)
    evidence = RegionEvidence(scores, scores, scores, 0.0, model)
    history = [ObjectHistory(sure, 200, 0, 0.0, sure & False)]
    first, second = judge_regions(scores, evidence, history, Evidence())[0]
    assert (first.stays, second.stays) == (True, False)
    assert first.area == sure.sum()
    assert first.centre == (9.5, 13.5)
    assert first.logit == pytest.approx(10 * math.tanh(0.9 - 0.5), abs=1e-5)
    assert first.reasons["score"] == pytest.approx(10 * math.tanh(0.4) + 10 * math.tanh(0.5), 1e-5)
    assert first.reasons["memory"] == 0
    removed = pixels_to_remove_by_evidence(scores, evidence, history, Evidence())
    assert np.array_equal(removed[0], unsure)


def test_the_object_itself_stays_and_faint_responses_go(learned):
    own, faint = (box(20, 42), (0.97, 0.95, 0.9, 0.95)), (box(2, 2, 5, 6), (0.4, 0.4, 0.1, 0.02))
    assert decide(learned, [own, faint], last=box(20, 40)) == [True, False]


def test_what_was_out_of_reach_is_found_again(learned):
    back = (box(40, 70), (0.97, 0.95, 0.9, 0.02))
    assert decide(learned, [back], last=box(4, 4), hidden=15, motion=3.0) == [True]


def test_a_look_alike_is_not_taken_for_a_visible_object(learned):
    own = (box(20, 42), (0.97, 0.95, 0.9, 0.95))
    like = (box(2, 2, 10, 16), (0.6, 0.7, 0.4, 0.02))
    assert decide(learned, [own, like], last=box(20, 40)) == [True, False]


def test_a_perfect_look_alike_that_appears_is_not_taken(learned):
    """It looks exactly like the object, but the object is where it was."""
    own = (box(20, 42), (0.99, 0.97, 0.95, 0.97))
    like = (box(2, 2), (0.97, 0.97, 0.95, 0.02))
    assert decide(learned, [own, like], last=box(20, 40)) == [True, False]


def test_a_look_alike_stays_away_when_the_object_is_hidden(learned):
    """It was removed before, so it is not what comes back."""
    like = (box(40, 70), (0.95, 0.95, 0.9, 0.02))
    hidden = {"last": box(4, 4), "hidden": 6, "motion": 0.3}
    assert decide(learned, [like], **hidden, removed=box(40, 70)) == [False]


def test_an_absent_object_stays_absent(learned):
    response = (box(40, 70, 8, 9), (0.5, 0.5, 0.1, 0.02))
    other = (box(40, 70), (0.95, 0.95, 0.9, 0.95))
    left = {"last": box(4, 4), "hidden": 15, "motion": 1.0}
    assert decide(learned, [response], **left) == [False]
    assert decide(learned, [(other[0], (0.7, 0.6, 0.2, 0.1))], **left, others=[other]) == [False]
