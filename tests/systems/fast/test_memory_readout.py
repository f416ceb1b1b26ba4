"""Both readouts on keys made by hand: every pixel has a key of its own, so it finds itself."""

import math

import pytest
import torch

from rotoline.systems.fast.memory_readout import RADIUS, MemoryFrames, MemoryReadout

ROWS, COLUMNS = 12, 2
"""Of the maps at stride 8; 24 pixels, so that 32 channels give each one a key of its own."""


@pytest.fixture
def readout():
    """So sharp that a pixel reads from the pixel with its own key alone."""
    made = MemoryReadout().requires_grad_(False)
    made.log_local_sharpness.fill_(math.log(200.0))
    made.log_memory_sharpness.fill_(math.log(200.0))
    return made


@pytest.fixture
def keys():
    """Orthogonal keys `(1, 32, 12, 2)`."""
    return torch.eye(32)[: ROWS * COLUMNS].T.reshape(1, 32, ROWS, COLUMNS).contiguous()


@pytest.fixture
def scores():
    """Two score maps at stride 4."""
    return torch.rand(2, 2 * ROWS, 2 * COLUMNS, generator=torch.Generator().manual_seed(0))


def at_stride_8(scores):
    return scores.unflatten(2, (-1, 2)).unflatten(1, (-1, 2)).mean((2, 4))


def test_still_frame_gives_the_scores_back(readout, keys, scores):
    found = readout.from_previous(keys, keys, scores)
    assert found.shape == (2, ROWS, COLUMNS)
    torch.testing.assert_close(found, at_stride_8(scores), atol=1e-5, rtol=0)


def test_scores_move_with_the_pixels(readout, keys, scores):
    """Everything moved down by three rows, 24 pixels of the frame, since the previous frame."""
    moved = keys.roll(3, dims=2)
    found = readout.from_previous(moved, keys, scores)
    expected = at_stride_8(scores).roll(3, dims=1)
    torch.testing.assert_close(found[:, 3:], expected[:, 3:], atol=1e-5, rtol=0)


def test_pixels_that_moved_out_of_the_searched_rows_are_not_found(readout, keys):
    """One pixel of the object, in row 1 before and `RADIUS + 1` rows below that now."""
    scores = torch.zeros(1, 2 * ROWS, 2 * COLUMNS)
    scores[0, 2:4, :2] = 1.0
    for steps, found in ((RADIUS, 1.0), (RADIUS + 1, 0.0)):
        moved = keys.roll(steps, dims=2)
        read = readout.from_previous(moved, keys, scores)
        assert read[0, 1 + steps, 0] == pytest.approx(found, abs=1e-3)


def test_of_equal_pixels_the_nearest_counts_most(readout, keys, scores):
    readout.log_distance_penalty.fill_(math.log(1000.0))
    same = torch.zeros_like(keys)
    same[:, 0] = 1.0
    found = readout.from_previous(same, same, scores)
    torch.testing.assert_close(found, at_stride_8(scores), atol=1e-5, rtol=0)


def test_annotated_pixels_are_found_wherever_they_are(readout, make_features):
    """A frame of 2 x 2 pixels at stride 16, whose keys were annotated in another order."""
    features = make_features(8, 8)._replace(global_keys=torch.eye(64)[:4].T.reshape(1, 64, 2, 2))
    order = [2, 0, 3, 1]
    memory = MemoryFrames(
        keys=torch.eye(64)[order].T,
        values=torch.tensor([[0.9, 0.9, 0.9, 0.9], [0.2, 1.0, 0.6, 0.0]]),
        known=torch.ones(2, 4),
    )
    found = readout.from_memory(features, memory)
    assert found.shape == (2, 4, 4)
    torch.testing.assert_close(found[0], torch.full((4, 4), 0.9), atol=1e-5, rtol=0)
    # Values by key: 1.0, 0.0 / 0.2, 0.6. Bilinear at twice the size keeps the corners.
    corners = found[1][[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.tolist() == pytest.approx([1.0, 0.0, 0.2, 0.6], abs=1e-4)
    # Between two pixels: three quarters of one and a quarter of the other.
    assert found[1, 0, 1] == pytest.approx(0.75, abs=1e-4)


def test_pixels_of_frames_in_which_an_object_is_not_annotated_do_not_count(readout, make_features):
    features = make_features(4, 4)._replace(global_keys=torch.eye(64)[:1].T.reshape(1, 64, 1, 1))
    keys = torch.stack((torch.eye(64)[0], torch.eye(64)[0]), dim=1)
    values = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    known = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    found = readout.from_memory(features, MemoryFrames(keys, values, known))[:, 0, 0]
    # Both pixels; the first alone; neither, so one half.
    assert found.tolist() == pytest.approx([0.5, 1.0, 0.5])


def test_readouts_stay_in_the_range_of_scores(make_features, scores):
    readout = MemoryReadout().requires_grad_(False)
    features = make_features(2 * ROWS, 2 * COLUMNS, torch.float32)
    carried = readout.from_previous(features.local_keys, features.local_keys.roll(1, 3), scores)
    known = torch.ones(2, 6)
    memory = MemoryFrames(features.global_keys[0].flatten(1), torch.rand(2, 6), known)
    for found in (carried, readout.from_memory(features, memory)):
        assert found.min() >= 0
        assert found.max() <= 1
