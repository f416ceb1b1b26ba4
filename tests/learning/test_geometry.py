import math

import pytest
import torch

from rotoline.learning.geometry import (
    centre_to_origin,
    map_points,
    pixel_centres,
    sample,
    sampling_grid,
    similarity,
    translation,
)


def mapped(affine, x, y):
    return map_points(affine, torch.tensor([x, y]).view(2, 1, 1)).flatten().tolist()


def test_maps_of_points():
    assert mapped(translation(2, -3), 1.0, 1.0) == [3, -2]
    assert mapped(similarity(math.pi / 2, 2.0), 1.0, 0.0) == pytest.approx([0, 2], abs=1e-6)
    assert mapped(similarity(math.pi / 2, 2.0), 0.0, 1.0) == pytest.approx([-2, 0], abs=1e-6)
    assert mapped(similarity(0.0, 1.0, mirrored=True), 1.0, 5.0) == [-1, 5]
    assert mapped(centre_to_origin((4, 10)), 5.0, 2.0) == [0, 0]


def test_pixel_centres_are_x_and_y_at_halves():
    points = pixel_centres((2, 3))
    assert points.shape == (2, 2, 3)
    assert points[:, 0, 0].tolist() == [0.5, 0.5]
    assert points[:, 1, 2].tolist() == [2.5, 1.5]


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_images_are_sampled_at_the_points_and_mirrored_beyond_the_border(mode):
    images = torch.arange(24.0).view(2, 3, 4)
    points = pixel_centres((3, 4))
    stay = sampling_grid(points, (3, 4))
    torch.testing.assert_close(sample(images, stay, mode), images, rtol=1e-5, atol=1e-4)
    right = sampling_grid(map_points(translation(2, 0), points), (3, 4))
    moved = sample(images, right, mode)
    expected = torch.stack([images[..., 2], images[..., 3], images[..., 3], images[..., 2]], dim=-1)
    torch.testing.assert_close(moved, expected, rtol=1e-5, atol=1e-4)


def test_result_has_the_dtype_of_the_images():
    images = torch.rand(1, 3, 4, dtype=torch.float64)
    assert sample(images, sampling_grid(pixel_centres((2, 2)), (3, 4))).dtype == torch.float64
