import math

import torch

from rotoline.learning.losses import mask_loss


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
