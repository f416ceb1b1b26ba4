import math

import torch

from rotoline.learning.losses import class_balanced_loss, mask_loss, near_border


def test_matches_hand_worked_case():
    logit = torch.zeros(1, 4, 8)
    mask = torch.zeros(1, 4, 8)
    mask[:, :2] = 1
    # Entropy of one half is log 2; 8 of 16 shared, either = 16 + 16 - 8 = 24, slack 16.
    expected = 2 * math.log(2) + 1 - (8 + 16) / (24 + 16)
    torch.testing.assert_close(mask_loss(logit, mask), torch.tensor(expected))


def test_absent_object_with_nothing_predicted_costs_nothing():
    loss = mask_loss(torch.full((1, 8, 8), -20.0), torch.zeros(1, 8, 8))
    assert float(loss) < 1e-5


def test_border_is_the_blocks_on_both_sides_of_it():
    mask = torch.zeros(3, 20, 20)
    mask[0, :, :8] = 1  # between two columns of blocks
    mask[1, 5, 5] = 1  # inside one block
    mask[2] = 1
    expected = torch.zeros(3, 20, 20)
    expected[0, :, 4:12] = 1
    expected[1, :12, :12] = 1
    assert torch.equal(near_border(mask), expected)


def test_pixels_near_the_border_count_four_times():
    mask = torch.zeros(1, 8, 16)
    mask[:, :, :8] = 1  # half of the pixels are within a block of its border
    # Entropy of one half is log 2, times (4 + 1) / 2; 32 of 64 shared, either = 64 + 64 - 32.
    expected = 2 * 2.5 * math.log(2) + 1 - (32 + 16) / (96 + 16)
    torch.testing.assert_close(mask_loss(torch.zeros(1, 8, 16), mask), torch.tensor(expected))
    # A wrong column, once far from the border and once near it: 20 for each of its pixels, one
    # pixel in sixteen, and the overlap is the same.
    far, near = (20 * (2 * mask - 1) for _ in range(2))
    far[:, :, 15] *= -1
    near[:, :, 8] *= -1
    more = mask_loss(near, mask) - mask_loss(far, mask)
    torch.testing.assert_close(more, torch.tensor(2 * (4 - 1) * 20 / 16))


def test_unknown_pixels_have_no_part_in_the_loss():
    generator = torch.Generator().manual_seed(0)
    mask = (torch.rand(2, 16, 24, generator=generator) > 0.5).float()
    known = torch.ones(16, 24)
    known[4:11, 3:19] = 0
    logit = torch.randn(2, 16, 24, generator=generator, requires_grad=True)
    loss = mask_loss(logit, mask, known)
    loss.backward()
    assert not logit.grad[:, known == 0].any()
    assert logit.grad[:, known == 1].all()
    other = torch.where(known == 1, mask, 1 - mask)
    torch.testing.assert_close(mask_loss(logit, other, known), loss)
    torch.testing.assert_close(mask_loss(logit, mask, torch.ones(16, 24)), mask_loss(logit, mask))
    nothing = mask_loss(logit, mask, torch.zeros(16, 24))
    assert nothing == 0


def test_there_is_no_border_where_the_known_pixels_end():
    mask, known = torch.zeros(1, 16, 24), torch.ones(16, 24)
    mask[:, :, :8] = 1
    known[:, 8:16] = 0
    assert not near_border(mask, known).any()
    assert near_border(mask).any()
    known[:, 8:16] = 1
    assert torch.equal(near_border(mask, known), near_border(mask))


def test_class_balance_matches_hand_worked_case():
    # Two images of four pixels; one has the object in one pixel, the other in two.
    mask = torch.tensor([[[1, 0], [0, 0]], [[1, 1], [0, 0]]])
    logits = torch.zeros(2, 2, 2, 2)
    logits[0, 1, 0, 0] = math.log(3)  # p_foreground = 3 / 4 where the object is
    logits[1, 0] = math.log(4)  # p_background = 4 / 5 everywhere
    one = (0.75 * math.log(4 / 3) + 3 * 0.25 * math.log(2)) / 4
    two = (2 * 0.5 * math.log(5) + 2 * 0.5 * math.log(5 / 4)) / 4
    expected = torch.tensor((one + two) / 2)
    torch.testing.assert_close(class_balanced_loss(logits, mask), expected)
    torch.testing.assert_close(class_balanced_loss(logits, mask.float()), expected)


def test_class_balance_of_several_objects_matches_hand_worked_case():
    # Four pixels: two of the background, one of each of two objects.
    labels = torch.tensor([[[0, 0], [1, 2]]])
    logits = torch.zeros(1, 3, 2, 2)
    logits[0, 2, 1, 1] = math.log(2)  # p = 1 / 2 where the second object is, 1 / 3 elsewhere
    one = (2 * 0.5 * math.log(3) + 0.75 * math.log(3) + 0.75 * math.log(2)) / 4
    torch.testing.assert_close(class_balanced_loss(logits, labels), torch.tensor(one))


def test_class_balance_without_the_object_costs_nothing():
    logits = torch.full((1, 2, 4, 4), 3.0, requires_grad=True)
    loss = class_balanced_loss(logits, torch.zeros(1, 4, 4))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_class_balance_is_summed_in_single_precision():
    mask = torch.zeros(1, 64, 64)
    mask[:, 0, 0] = 1
    loss = class_balanced_loss(torch.zeros(1, 2, 64, 64, dtype=torch.bfloat16), mask)
    share = 1 / 4096
    expected = torch.tensor(2 * share * (1 - share) * math.log(2))
    torch.testing.assert_close(loss, expected)
