import torch

from rotoline.training.spoil import spoil_frames, spoil_prior


def test_spoiled_frames_are_frames(draw_from):
    frames = 255 * torch.rand(5, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    frames[0, :, :16], frames[0, :, 16:] = 0, 255
    for seed in range(20):
        spoiled = spoil_frames(frames, draw_from(seed))
        assert spoiled.shape == frames.shape
        assert spoiled.dtype == frames.dtype
        assert 0 <= spoiled.min() < 30
        assert 150 < spoiled.max() <= 255
        assert torch.equal(spoiled, spoil_frames(frames, draw_from(seed)))
        assert not torch.equal(spoiled, frames)


def test_spoiled_prior_is_a_mask_near_the_true_one_or_lost(draw_from):
    mask = torch.zeros(48, 64)
    mask[12:36, 16:48] = 1
    before, lost, overlaps = mask.clone(), 0, []
    for seed in range(60):
        prior = spoil_prior(mask, draw_from(seed))
        assert prior.shape == mask.shape
        assert set(prior.unique().tolist()) <= {0.0, 1.0}
        if prior.any():
            overlaps.append(float((prior * mask).sum() / (prior + mask).clamp(max=1).sum()))
        else:
            lost += 1
    assert torch.equal(mask, before)
    assert 1 <= lost <= 15
    assert min(overlaps) > 0.1
    assert 0.4 < sum(overlaps) / len(overlaps) < 0.95
