"""Errors of a tracker in many masks at once."""

import torch

from rotoline.data.previous_masks import MaskErrors, corrupt, sample_errors

SIZE = (60, 80)
NONE = MaskErrors(False, (0, 0), 0.5, (1, 1), torch.inf, torch.inf, torch.zeros(2, 3))


def squares():
    masks, others = torch.zeros(2, 1, *SIZE)
    masks[0, 20:40, 20:40] = 1
    others[0, 20:40, 50:70] = 1
    return masks, others


def test_each_error_does_what_it_says():
    masks, others = squares()
    many = torch.ones(2, 3)
    changes = [
        NONE,
        NONE._replace(is_lost=True),
        NONE._replace(shift=(5, -3)),
        NONE._replace(threshold=0.2),
        NONE._replace(threshold=0.8),
        NONE._replace(missing=(0.4, 0.3)),
        NONE._replace(on_other=0.5, blobs=many),
        NONE._replace(near=0.6, blobs=many),
    ]
    count = len(changes)
    found = corrupt(masks.expand(count, -1, -1), others.expand(count, -1, -1), changes)
    same, lost, shifted, grown, shrunk, missing, confused, near = found
    assert torch.equal(same, masks[0])
    assert not lost.any()
    assert torch.equal(shifted, masks[0].roll((5, -3), (0, 1)))
    for other, grows in ((grown, True), (shrunk, False)):
        assert (other >= masks[0]).all() if grows else (other <= masks[0]).all()
        assert other.sum() != masks[0].sum()
    gap = torch.ones(SIZE)
    gap[24:39, 24:44] = 0
    assert torch.equal(missing, masks[0] * gap)
    assert torch.equal(confused, masks[0] + others[0])
    assert near.sum() > 1.5 * masks[0].sum()


def test_sampled_errors_differ_and_leave_most_masks(make_sampler):
    masks, others = squares()
    errors = [sample_errors(SIZE, make_sampler(seed)) for seed in range(60)]
    found = corrupt(masks.expand(60, -1, -1), others.expand(60, -1, -1), errors)
    assert set(found.unique().tolist()) == {0.0, 1.0}
    overlap = (found * masks).flatten(1).sum(1) / masks.sum()
    assert 0.4 < overlap.mean() < 0.95
    assert (found.flatten(1).sum(1) == 0).float().mean() < 0.25
