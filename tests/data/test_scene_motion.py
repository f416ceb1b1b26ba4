import pytest
import torch

from rotoline.data import scene_motion
from rotoline.data.scene_motion import JITTER, sample_offsets, sample_windows, view_of
from rotoline.learning.geometry import map_points, pixel_centres

SIZE = (48, 80)


def disc(row, column, size=(120, 200)):
    rows, columns = torch.meshgrid(*(torch.arange(n) for n in size), indexing="ij")
    return (rows - row) ** 2 + (columns - column) ** 2 < 14**2


def share_in_view(mask, window):
    """Share of a mask that a window shows."""
    low, high = (window[:2] + sign * window[2] * torch.tensor(SIZE) / 2 for sign in (-1, 1))
    pixels = mask.nonzero() + 0.5
    return float(((pixels >= low) & (pixels < high)).all(1).float().mean())


@pytest.mark.parametrize("size", [(120, 200), (300, 90), (50, 90)])
def test_windows_lie_within_the_picture(make_sampler, size):
    mask = disc(30, 40, size)
    for seed in range(12):
        windows = sample_windows(mask, mask, SIZE, 12, make_sampler(seed))
        assert windows.shape == (12, 3)
        for window in windows:
            points = map_points(view_of(window, SIZE), pixel_centres(SIZE))
            assert points.min() > -6 * JITTER
            assert points[0].max() < size[1] + 6 * JITTER
            assert points[1].max() < size[0] + 6 * JITTER


def test_camera_that_goes_away_comes_back(make_sampler, monkeypatch):
    monkeypatch.setattr(scene_motion, "KINDS", ("away",))
    mask = disc(60, 50)
    shares = []
    for seed in range(20):
        windows = sample_windows(mask, mask, SIZE, 28, make_sampler(seed))
        shares.append([share_in_view(mask, window) for window in windows])
    table = torch.tensor(shares)
    assert (table[:, 0] > 0.5).all()
    assert (table[:, 14] < 0.2).float().mean() > 0.8
    assert (table[:, -1] > 0.5).all()


def test_camera_that_goes_near_shows_less_meanwhile(make_sampler, monkeypatch):
    monkeypatch.setattr(scene_motion, "KINDS", ("near",))
    mask = disc(60, 50) | disc(60, 150)
    for seed in range(10):
        scales = sample_windows(mask, mask, SIZE, 28, make_sampler(seed))[:, 2]
        assert scales[14] < 0.75 * scales[0]
        assert scales[-1] > 0.85 * scales[0]


def test_ways_of_objects_begin_at_their_place_or_pass_it(make_sampler):
    reach = []
    for seed in range(60):
        offsets = sample_offsets(28, make_sampler(seed))
        assert offsets.shape == (28, 2)
        assert min(offsets[0].abs().max(), offsets[14].abs().max()) == 0
        reach.append(float(offsets.norm(dim=1).max()))
    assert 0.3 < sum(one > 0.5 for one in reach) / len(reach) < 0.9
