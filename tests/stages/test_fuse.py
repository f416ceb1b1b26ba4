import pytest
import torch

from rotoline.stages.fuse import BIAS, SLOPE, expected_iou, fuse


def test_highest_object_wins_and_background_below_one_half():
    logits = torch.tensor([[[2.0, 1.0, -1.0]], [[1.0, 3.0, -0.5]]])
    assert fuse(logits, [4, 9], (1, 3)).tolist() == [[4, 9, 0]]


def test_labels_come_at_the_size_of_the_frame():
    logits = torch.full((1, 2, 2), -5.0)
    logits[0, 0, 0] = 5.0
    labels = fuse(logits, [255], (8, 8))
    assert labels.shape == (8, 8)
    assert labels[:3, :3].min() == 255
    assert labels[5:].max() == 0


def test_confidence_is_the_expected_overlap_and_zero_when_hidden():
    sure = torch.tensor([[[-100.0, 100.0, 100.0]], [[-1.0, -2.0, -3.0]]])
    found = expected_iou(sure, [1, 2])
    assert found[1] > 0.99
    assert found[2] == 0.0
    # Inside .75 and .75, outside .5 in the other's mask: e = 1.5 / (2 + .5) = .6
    logits = torch.tensor([[[0.75, 0.75, 0.5]], [[0.1, 0.1, 0.9]]]).logit()
    expected = (SLOPE * torch.tensor(0.6).logit() + BIAS).sigmoid()
    assert expected_iou(logits, [1, 2])[1] == pytest.approx(float(expected), abs=1e-5)
