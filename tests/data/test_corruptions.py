import torch

from rotoline.data.corruptions import augment_photometric


def test_augmented_frames_are_frames(make_sampler):
    frames = 255 * torch.rand(5, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    frames[0, :, :16], frames[0, :, 16:] = 0, 255
    for seed in range(20):
        augmented = augment_photometric(frames, make_sampler(seed))
        assert augmented.shape == frames.shape
        assert augmented.dtype == frames.dtype
        assert 0 <= augmented.min() < 30
        assert 150 < augmented.max() <= 255
        assert torch.equal(augmented, augment_photometric(frames, make_sampler(seed)))
        assert not torch.equal(augmented, frames)
