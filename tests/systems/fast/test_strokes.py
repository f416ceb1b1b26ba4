"""One frame segmented from strokes."""

import numpy as np
import pytest
import torch
from torch.nn import functional

import rotoline
from rotoline.stages.preprocess import to_tensor
from rotoline.systems.fast.strokes import (
    StrokeMaps,
    known_frame,
    segment_from_strokes,
    touched_regions,
)

SIZE = (224, 320)


@pytest.fixture(scope="module")
def net():
    return rotoline.load_model().system.net


@pytest.fixture(scope="module")
def features(net):
    """Two textured discs on a plain ground."""
    generator = np.random.default_rng(0)
    frame = np.full((*SIZE, 3), (90, 120, 80), np.uint8)
    frame = frame + generator.integers(0, 20, frame.shape, dtype=np.uint8)
    frame[disc(110, 90)] = (210, 70, 50)
    frame[disc(110, 230)] = (40, 70, 220)
    with torch.inference_mode():
        return net.encoder(to_tensor(frame, SIZE))


def disc(row, col, radius=50):
    rows, cols = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.hypot(rows - row, cols - col) < radius


def strokes(inside, outside):
    maps = torch.zeros(2, len(inside), *SIZE)
    for row, places in enumerate((inside, outside)):
        for k, boxes in enumerate(places):
            for top, left, bottom, right in boxes:
                maps[row, k, top:bottom, left:right] = 1
    return StrokeMaps(*maps)


RED, BLUE, GROUND = (108, 60, 112, 120), (108, 200, 112, 260), (10, 20, 14, 300)


def quarter(mask):
    """The pixels of a map that a mask covers for the most part."""
    return functional.avg_pool2d(torch.from_numpy(mask).float()[None], 4)[0] > 0.5


def iou(found, truth):
    return (found & truth).sum() / (found | truth).sum()


def test_a_stroke_inside_and_one_outside_give_the_object(net, features):
    found = segment_from_strokes(net, features, strokes([[RED]], [[GROUND]]))[0] > 0
    assert iou(found[:, :40], quarter(disc(110, 90))[:, :40]) > 0.85


def test_strokes_of_one_object_say_that_it_is_not_the_other(net, features):
    marks = strokes([[RED], [BLUE]], [[GROUND], [GROUND]])
    found = segment_from_strokes(net, features, marks)
    for k, truth in enumerate((disc(110, 90), disc(110, 230))):
        mask = (found[k] > 0) & (found[k] == found.amax(0))
        assert iou(mask, quarter(truth)) > 0.8


def test_masks_of_other_frames_and_other_objects_need_no_strokes_on_them(net, features):
    red, blue = (torch.from_numpy(disc(110, col)).float() for col in (90, 230))
    both = torch.ones(2, dtype=torch.bool)
    known = known_frame(features, torch.stack((red, blue)), both)
    nothing = strokes([[], []], [[], []])
    found = segment_from_strokes(net, features, nothing, [known])
    for k, col in enumerate((90, 230)):
        assert iou(found[k] > 0, quarter(disc(110, col))) > 0.8
    marks = strokes([[RED]], [[GROUND]])
    marks = StrokeMaps(marks.inside, marks.outside, taken=blue)
    assert (segment_from_strokes(net, features, marks)[0][:, 45:] < 0).all()


def test_a_box_is_enough_for_an_object_unlike_what_is_around_it(net, features):
    outside, likely = torch.ones(1, *SIZE), torch.zeros(1, *SIZE)
    outside[0, 55:165, 35:145] = 0
    likely[0, 85:135, 65:115] = 1
    marks = StrokeMaps(torch.zeros(1, *SIZE), outside, likely)
    assert iou(segment_from_strokes(net, features, marks)[0] > 0, quarter(disc(110, 90))) > 0.85


def test_regions_without_a_stroke_go():
    mask = np.zeros((6, 8), dtype=bool)
    mask[1:3, 1:3] = mask[3, 3] = mask[1:3, 6] = True
    stroke = np.zeros_like(mask)
    stroke[1, 1] = stroke[5, 5] = True
    kept = touched_regions(mask, stroke)
    assert kept[3, 3]  # touched at a corner
    assert not kept[:, 6].any()
    assert not kept[5, 5]


def test_previous_answer_stands_where_no_stroke_says_more(net, features):
    both = torch.from_numpy(np.stack((disc(110, 90), disc(110, 230)))).float()
    previous = 16 * functional.avg_pool2d(both, 4) - 8
    a_little = strokes([[(105, 95, 112, 120)], []], [[], []])
    found = segment_from_strokes(net, features, a_little, previous=previous)
    for k, col in enumerate((90, 230)):
        assert iou(found[k] > 0, quarter(disc(110, col))) > 0.85
    # An object that was not there before is found from its strokes.
    previous[1] = -8
    new = strokes([[], [BLUE]], [[], [GROUND]])
    found = segment_from_strokes(net, features, new, previous=previous)
    assert iou(found[1] > 0, quarter(disc(110, 230))) > 0.8
