import numpy as np
import pytest
from scipy import ndimage

from rotoline.evaluation.error_places import ErrorPlaces, lost_shares, thin_share
from rotoline.metrics import region_similarity


@pytest.fixture
def masks():
    """Blobs of one object and a worse mask of it, at 480 x 640."""
    generator = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(generator.normal(size=(2, 480, 640)), (0, 12, 12))
    truth = noise[0] > 0.01
    return (noise[0] + 0.5 * noise[1]) > 0.01, truth


def test_shares_add_up_to_the_loss_of_j_by_their_distance_to_the_border(masks):
    prediction, truth = masks
    # Distance of a pixel to the nearest one on the other side of the border.
    inside, outside = (ndimage.distance_transform_edt(mask) for mask in (truth, ~truth))
    union = (prediction | truth).sum()
    missing, extra = truth & ~prediction, prediction & ~truth
    expected = [
        (missing & (inside <= 4)).sum() / union,
        (extra & (outside <= 4)).sum() / union,
        (missing & (inside > 4)).sum() / union,
        (extra & (outside > 4)).sum() / union,
    ]
    found = lost_shares(prediction, truth)
    assert found == pytest.approx(expected)
    assert min(found) > 0.01
    assert sum(found) == pytest.approx(1 - region_similarity(prediction, truth))


def test_distances_follow_the_size_of_the_frame(masks):
    small = [mask[::2, ::2] for mask in masks]
    enlarged = [np.kron(mask, np.ones((2, 2), bool)) for mask in small]
    assert lost_shares(*small) == pytest.approx(lost_shares(*enlarged), abs=0.02)


def test_absent_objects_lose_nothing_and_false_ones_everything_outside():
    empty, full = np.zeros((20, 30), bool), np.ones((20, 30), bool)
    assert lost_shares(empty, empty) == (0, 0, 0, 0)
    assert lost_shares(full, empty) == (0, 0, 0, 1)
    assert lost_shares(empty, full) == (0, 0, 1, 0)  # the edge of the frame is no border


def test_thin_parts_are_those_into_which_no_disk_fits():
    mask = np.zeros((480, 480), bool)
    mask[100:200, 100:200] = True
    assert thin_share(mask) < 0.01  # the corners
    mask[300:308, 50:450] = True
    assert thin_share(mask) == pytest.approx(3200 / 13200, abs=0.01)
    mask[300:340, 50:450] = True
    assert thin_share(mask) < 0.01


def test_means_are_over_the_frames_in_which_an_object_is_visible():
    truth = np.zeros((40, 50), np.uint8)
    truth[10:30, 10:30] = 3
    places = ErrorPlaces([3, 7])
    for labels in (truth, np.zeros_like(truth)):
        places.add(labels, labels)
    places.add(np.zeros_like(truth), truth)
    assert places.shape(3).area == pytest.approx(400 / 2000)
    assert places.shape(7).area == places.shape(7).thin == 0
    lost = places.lost(3)
    assert lost.missing_at_border + lost.missing_inside == pytest.approx(1 / 3)
    assert lost.extra_at_border == lost.extra_outside == 0
