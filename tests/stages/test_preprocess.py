import numpy as np
import pytest
import torch

from rotoline.stages.preprocess import fitting_size, to_tensor, working_size


@pytest.mark.parametrize(
    ("size", "expected"),
    [((480, 854), (480, 864)), ((720, 1280), (480, 864)), ((1920, 1080), (864, 480))],
)
def test_working_size_has_the_shape_of_the_frame(size, expected):
    assert working_size(size, 480 * 864) == expected


@pytest.mark.parametrize(
    "size", [(1, 1), (3, 5000), (1, 20_000), (20_000, 1), (2, 10**6), (4000, 4000)]
)
def test_any_frame_gets_a_working_size_of_bounded_cost(size):
    height, width = working_size(size, 480 * 864)
    assert height % 32 == width % 32 == 0
    assert 32 * 32 <= height * width < 1.2 * 480 * 864
    assert max(height, width) <= 8 * 644 + 32


def test_fitting_size_is_the_nearest_multiple_and_never_zero():
    assert fitting_size(33, 47.9) == (32, 32)
    assert fitting_size(49, 79) == (64, 64)
    assert fitting_size(1, 100.0) == (32, 96)


def test_frame_becomes_a_tensor_without_losing_its_values():
    frame = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    tensor = to_tensor(frame, (64, 96))
    np.testing.assert_array_equal(tensor[0].permute(1, 2, 0).numpy(), frame)
    assert to_tensor(frame[:, ::-1], (32, 64)).shape == (1, 3, 32, 64)
    frame.setflags(write=False)  # as Pillow gives them: no warning, and no change
    assert torch.equal(to_tensor(frame, (64, 96)), tensor)
