import pytest
import torch

from rotoline.stages.fuse import BIAS, SLOPE, FuseConfig, expected_iou, fuse, visible_masks


def test_highest_object_wins_and_background_below_the_threshold():
    logits = torch.tensor([[[2.0, 1.0, -1.0]], [[1.0, 3.0, -0.5]]])
    assert fuse(logits, [4, 9], 0.5).tolist() == [[4, 9, 0]]
    # The sigmoid of -0.5 is 0.378.
    assert fuse(logits, [4, 9], 0.37).tolist() == [[4, 9, 9]]
    assert fuse(logits, [4, 9], 0.9).tolist() == [[0, 9, 0]]


def test_mask_of_an_object_is_where_it_scores_highest_and_above_the_threshold():
    """Pixels: the first leads; both are equal; the second leads; both are below one half."""
    logits = torch.tensor([[[2.0, 1.0, 1.0, -0.2]], [[1.0, 1.0, 3.0, -0.5]]])
    masks = visible_masks(logits, 0.5)
    assert masks.tolist() == [[[True, True, False, False]], [[False, True, True, False]]]
    # The sigmoid of -0.2 is 0.45.
    assert visible_masks(logits, 0.4)[:, 0, 3].tolist() == [True, False]
    assert visible_masks(logits, 0.9)[:, 0].tolist() == [[False] * 4, [False, False, True, False]]


def test_score_of_just_the_threshold_is_background():
    logits = torch.zeros(1, 1, 1)
    assert not visible_masks(logits, 0.5).any()
    assert fuse(logits, [1], 0.5).tolist() == [[0]]


def test_masks_agree_with_the_labels_of_the_same_size():
    logits = torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(0))
    for threshold in (0.2, 0.5, 0.8):
        labels = torch.from_numpy(fuse(logits, [1, 2, 3], threshold))
        masks = visible_masks(logits, threshold)
        for channel, object_id in enumerate((1, 2, 3)):
            assert torch.equal(masks[channel], labels == object_id)


def test_confidence_is_the_expected_overlap_and_zero_when_hidden():
    certain = torch.tensor([[[-100.0, 100.0, 100.0]], [[-1.0, -2.0, -3.0]]])
    found = expected_iou(certain, [1, 2], 0.5)
    assert found[1] > 0.99
    assert found[2] == 0.0
    # Inside .75 and .75, outside .5 in the other's mask: e = 1.5 / (2 + .5) = .6
    logits = torch.tensor([[[0.75, 0.75, 0.5]], [[0.1, 0.1, 0.9]]]).logit()
    expected = (SLOPE * torch.tensor(0.6).logit() + BIAS).sigmoid()
    assert expected_iou(logits, [1, 2], 0.5)[1] == pytest.approx(float(expected), abs=1e-5)


def test_confidence_is_of_the_mask_at_the_threshold_that_fuses():
    logits = torch.tensor([[[0.8, 0.45, 0.1]]]).logit()
    # At .5: .8 / (1 + .55). At .4: 1.25 / (2 + .1).
    for threshold, share in ((0.5, 0.8 / 1.55), (0.4, 1.25 / 2.1)):
        expected = (SLOPE * torch.tensor(share).logit() + BIAS).sigmoid()
        found = expected_iou(logits, [1], threshold)
        assert found[1] == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_refuses_thresholds_without_meaning(value):
    with pytest.raises(ValueError, match="background_threshold"):
        FuseConfig(background_threshold=value)
