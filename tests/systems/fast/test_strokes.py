"""One frame segmented from strokes."""

import numpy as np
import pytest
import torch

import rotoline
from rotoline.stages.preprocess import to_tensor
from rotoline.systems.fast.strokes import StrokeMaps, segment_from_strokes, touched_regions

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


@torch.inference_mode()
def test_a_stroke_inside_and_one_outside_give_the_object(net, features):
    found = segment_from_strokes(net, features, strokes([[RED]], [[GROUND]]))[0] > 0
    truth = torch.from_numpy(disc(110, 90))
    assert (found & truth).sum() / (found | truth).sum() > 0.85
    assert not found[:, 170:].any()  # the other disc has no stroke inside


@torch.inference_mode()
def test_strokes_of_one_object_say_that_it_is_not_the_other(net, features):
    marks = strokes([[RED], [BLUE]], [[GROUND], [GROUND]])
    found = segment_from_strokes(net, features, marks)
    for k, truth in enumerate((disc(110, 90), disc(110, 230))):
        mask = (found[k] > 0) & (found[k] == found.amax(0))
        overlap = (mask & torch.from_numpy(truth)).sum() / torch.from_numpy(truth).sum()
        assert overlap > 0.8
    # Where strokes are, they are right.
    assert (found[0][marks.inside[0] > 0] > 0).all()
    assert (found[0][marks.inside[1] > 0] < 0).all()
    assert (found[0][marks.outside[0] > 0] < 0).all()


def test_regions_without_a_stroke_go():
    mask = np.zeros((6, 8), dtype=bool)
    mask[1:3, 1:3] = mask[3, 3] = mask[1:3, 6] = True
    stroke = np.zeros_like(mask)
    stroke[1, 1] = stroke[5, 5] = True
    kept = touched_regions(mask, stroke)
    assert kept[3, 3]  # touched at a corner
    assert not kept[:, 6].any()
    assert not kept[5, 5]
