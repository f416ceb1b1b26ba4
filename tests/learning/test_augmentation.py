"""Augmented views: the same for the same numbers, within their ranges, frame and masks as one."""

import math

import pytest
import torch
from torch.nn import functional

from rotoline.learning import augmentation
from rotoline.learning.augmentation import (
    ORIGINAL_SHARE,
    Augmentation,
    generator_for,
    sample_affine,
    warp_together,
)
from rotoline.learning.geometry import translation

SIZE = (64, 96)
DEFAULT = Augmentation()
STILL = Augmentation(scale=0.0, rotation=0.0, shift=0.0)
"""Leaves nothing to chance but the mirror."""


def drawn(count, ranges=DEFAULT, size=SIZE, seed=0):
    return [sample_affine(generator_for(seed, number), size, ranges) for number in range(count)]


def parts_of(affine, size=SIZE):
    """Zoom, angle in degrees, shift of the middle as shares, and whether it is mirrored."""
    matrix = affine[:2, :2].double()
    middle = torch.tensor([size[1] / 2, size[0] / 2, 1.0])
    moved = (affine @ middle)[:2] - middle[:2]
    is_mirrored = bool(torch.linalg.det(matrix) < 0)
    if is_mirrored:
        matrix = matrix @ torch.diag(torch.tensor([-1.0, 1.0]).double())
    zoom = 1 / torch.linalg.det(matrix).sqrt().item()
    angle = math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))
    return zoom, angle, (float(moved[0]) / size[1], float(moved[1]) / size[0]), is_mirrored


def blobs():
    """A frame whose colour encodes its label in big blobs, and the masks of three labels."""
    labels = torch.zeros(SIZE)
    labels[8:40, 10:50], labels[30:60, 60:90] = 1, 2
    frame = torch.stack((labels * 100, 255 - labels * 100, 17 + labels * 50))[None]
    return frame, torch.stack([(labels == one).float() for one in range(3)])


def random_scene(height=12, width=16):
    generator = torch.Generator().manual_seed(1)
    frame = torch.rand(1, 3, height, width, generator=generator) * 255
    return frame, (torch.rand(2, height, width, generator=generator) > 0.5).float()


def test_same_seed_and_number_give_the_same_view_in_any_order():
    numbers = list(range(20))
    forwards = {n: sample_affine(generator_for(3, n), SIZE, DEFAULT) for n in numbers}
    backwards = {n: sample_affine(generator_for(3, n), SIZE, DEFAULT) for n in reversed(numbers)}
    assert all(torch.equal(forwards[n], backwards[n]) for n in numbers)
    distinct = {tuple(view.flatten().tolist()) for view in forwards.values()}
    assert len(distinct) == len(numbers)
    assert not torch.equal(sample_affine(generator_for(4, 0), SIZE, DEFAULT), forwards[0])


def test_drawing_leaves_the_global_random_state_alone():
    before = torch.random.get_rng_state()
    drawn(3)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.slow
def test_frame_itself_is_given_with_share_one_and_once_in_3001(monkeypatch):
    assert pytest.approx(1 / 3001) == ORIGINAL_SHARE
    originals = sum(torch.equal(view, torch.eye(3)) for view in drawn(9003))
    assert 0 <= originals <= 10  # three are expected
    monkeypatch.setattr(augmentation, "ORIGINAL_SHARE", 1.0)
    assert all(torch.equal(view, torch.eye(3)) for view in drawn(20))


@pytest.mark.slow
def test_views_stay_within_their_ranges_and_use_them():
    ranges = Augmentation(scale=0.2, rotation=30.0, shift=0.15)
    zooms, angles, shifts, mirrored = zip(
        *(parts_of(view) for view in drawn(2000, ranges)), strict=True
    )
    slack = 1e-4
    assert 0.8 - slack <= min(zooms) < 0.81
    assert 1.19 < max(zooms) <= 1.2 + slack
    assert -30 - slack <= min(angles) < -29
    assert 29 < max(angles) <= 30 + slack
    for axis in (0, 1):
        along = [shift[axis] for shift in shifts]
        assert -0.15 - slack <= min(along) < -0.14
        assert 0.14 < max(along) <= 0.15 + slack
    assert 0.45 < sum(mirrored) / len(mirrored) < 0.55


def test_ranges_of_the_released_layer_are_the_default():
    assert Augmentation(scale=0.05, rotation=5.0, shift=0.1) == DEFAULT
    for view in drawn(300):
        zoom, angle, shift, _ = parts_of(view)
        assert abs(zoom - 1) <= 0.05 + 1e-4
        assert abs(angle) <= 5 + 1e-3
        assert max(map(abs, shift)) <= 0.1 + 1e-4


def test_frame_and_masks_are_warped_as_one():
    """Where a warped colour is that of a whole blob, the warped label is that of the blob."""
    frame, masks = blobs()
    ranges = Augmentation(scale=0.3, rotation=40.0, shift=0.2)
    for view in drawn(20, ranges):
        shown, warped = warp_together(frame, masks, view)
        assert torch.equal(warped.sum(0), torch.ones(SIZE))
        for label, mask in enumerate(warped):
            colour = torch.tensor([label * 100, 255 - label * 100, 17 + label * 50])
            inside = functional.avg_pool2d(mask[None], 5, 1, 2)[0] == 1
            difference = (shown[0] - colour[:, None, None]).abs().amax(0)
            assert inside.any()
            assert difference[inside].max() < 0.1


def test_masks_stay_zero_or_one():
    frame, masks = random_scene()
    for view in drawn(10, size=(12, 16)):
        shown, warped = warp_together(frame, masks, view)
        assert set(warped.unique().tolist()) <= {0.0, 1.0}
        assert frame.min() - 1e-3 <= shown.min()
        assert shown.max() <= frame.max() + 1e-3


def test_identity_changes_nothing():
    frame, masks = random_scene()
    shown, warped = warp_together(frame, masks, torch.eye(3))
    torch.testing.assert_close(shown, frame, rtol=0, atol=0.01)
    assert torch.equal(warped, masks)


@pytest.mark.parametrize(("right", "down"), [(3, 0), (0, 2), (4, 1)])
def test_shift_by_whole_pixels_shows_what_lies_there(right, down):
    frame, masks = random_scene()
    shown, warped = warp_together(frame, masks, translation(right, down))
    height, width = 12 - down, 16 - right
    expected = frame[..., down:, right:]
    torch.testing.assert_close(shown[..., :height, :width], expected, rtol=0, atol=0.01)
    assert torch.equal(warped[:, :height, :width], masks[:, down:, right:])
    # Beyond the border the frame is mirrored, and so is the mask.
    if right:
        torch.testing.assert_close(
            shown[..., :height, width:], expected.flip(-1)[..., :right], rtol=0, atol=0.01
        )
        assert torch.equal(warped[:, :height, width:], masks[:, down:, -right:].flip(-1))


def test_mirror_alone_flips_left_and_right():
    frame, masks = random_scene()
    found = set()
    for view in drawn(20, STILL, size=(12, 16)):
        shown, warped = warp_together(frame, masks, view)
        is_mirrored = parts_of(view)[3]
        found.add(is_mirrored)
        expected = (frame.flip(-1), masks.flip(-1)) if is_mirrored else (frame, masks)
        torch.testing.assert_close(shown, expected[0], rtol=0, atol=0.01)
        assert torch.equal(warped, expected[1])
    assert found == {True, False}


def test_half_a_turn_flips_both_axes():
    frame, masks = random_scene()
    turn = torch.diag(torch.tensor([-1.0, -1.0, 1.0]))
    turn[:2, 2] = torch.tensor([16.0, 12.0])
    shown, warped = warp_together(frame, masks, turn)
    torch.testing.assert_close(shown, frame.flip(-1, -2), rtol=0, atol=0.01)
    assert torch.equal(warped, masks.flip(-1, -2))


def test_quarter_turn_of_a_square_transposes_it():
    frame, masks = random_scene(12, 12)
    # Output (x, y) shows source (y, 12 - x).
    turn = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 0.0, 12.0], [0.0, 0.0, 1.0]])
    shown, warped = warp_together(frame, masks, turn)
    expected = torch.rot90(masks, -1, (1, 2))
    assert torch.equal(warped, expected)
    torch.testing.assert_close(shown, torch.rot90(frame, -1, (2, 3)), rtol=0, atol=0.01)


def test_result_may_have_another_size():
    frame, masks = random_scene()
    half = torch.diag(torch.tensor([2.0, 2.0, 1.0]))
    shown, warped = warp_together(frame, masks, half, (6, 8))
    torch.testing.assert_close(shown, functional.avg_pool2d(frame, 2), rtol=0, atol=0.01)
    assert warped.shape == (2, 6, 8)
    part, cut = warp_together(frame, masks, translation(2, 1), (4, 5))
    torch.testing.assert_close(part, frame[..., 1:5, 2:7], rtol=0, atol=0.01)
    assert torch.equal(cut, masks[:, 1:5, 2:7])
