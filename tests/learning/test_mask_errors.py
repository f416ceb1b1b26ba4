import pytest
import torch

from rotoline.learning.mask_errors import corrupt_previous_mask


@pytest.mark.slow
def test_corrupted_mask_overlaps_the_true_one_or_is_lost(make_sampler):
    mask, other = torch.zeros(2, 96, 144)
    mask[24:72, 30:70] = 1
    other[30:60, 100:140] = 1
    before, lost, leaks, overlaps = (mask.clone(), other.clone()), 0, 0, []
    for seed in range(80):
        corrupted = corrupt_previous_mask(mask, other, make_sampler(seed))
        assert corrupted.shape == mask.shape
        assert set(corrupted.unique().tolist()) <= {0.0, 1.0}
        if corrupted.any():
            overlaps.append(float((corrupted * mask).sum() / (corrupted + mask).clamp(max=1).sum()))
            leaks += float((corrupted * other).sum() / other.sum()) > 0.1
        else:
            lost += 1
    assert torch.equal(mask, before[0])
    assert torch.equal(other, before[1])
    assert 1 <= lost <= 20
    assert 5 <= leaks <= 50
    assert min(overlaps) > 0.1
    assert 0.4 < sum(overlaps) / len(overlaps) < 0.95


def test_false_positives_of_a_hidden_object_are_on_the_other_one(make_sampler):
    empty, other = torch.zeros(2, 96, 144)
    other[30:60, 100:140] = 1
    assert not any(
        corrupt_previous_mask(empty, empty, make_sampler(seed)).any() for seed in range(20)
    )
    leaks = [corrupt_previous_mask(empty, other, make_sampler(seed)) for seed in range(20)]
    assert any(corrupted.any() for corrupted in leaks)
    assert all((corrupted * other).any() for corrupted in leaks if corrupted.any())
