import pytest
import torch

from rotoline.data import episodes
from rotoline.data.episodes import EpisodeMaker
from rotoline.data.training_clips import Clip


@pytest.fixture
def maker(clips):
    """Draws from two videos and a still."""
    still = Clip("still", clips[0].frames[:1], clips[0].labels[:1])
    return EpisodeMaker([*clips, still], 7, (64, 96))


def test_episodes_follow_from_seed_and_number(maker):
    state = torch.get_rng_state()
    first, again, other = maker.make(3, 0.5), maker.make(3, 0.5), maker.make(4, 0.5)
    for name in ("frames", "masks", "previous_masks"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert (first.uses_memory, first.coarseness) == (again.uses_memory, again.coarseness)
    assert not torch.equal(first.frames, other.frames)
    reseeded = EpisodeMaker(maker.clips, 8, maker.size).make(3, 0.5)
    assert not torch.equal(first.frames, reseeded.frames)
    assert torch.equal(torch.get_rng_state(), state)


def test_episodes_have_the_documented_shapes_and_ranges(maker):
    made = [maker.make(number, number / 30) for number in range(30)]
    for episode in made:
        count = len(episode.masks)
        assert episode.frames.shape == (5, 3, 64, 96)
        assert 0 <= episode.frames.min() < episode.frames.max() <= 255
        assert episode.masks.shape == (count, 5, 64, 96)
        assert episode.previous_masks.shape == (count, 64, 96)
        for masks in (episode.masks, episode.previous_masks):
            assert set(masks.unique().tolist()) <= {0.0, 1.0}
        assert episode.masks.sum(0).max() <= 1  # objects do not overlap
        assert episode.known.shape == (5, 64, 96)
        assert (episode.known == 1).all()
    assert {len(episode.masks) for episode in made} == {1, 2}
    assert {episode.uses_memory for episode in made} == {True, False}
    assert {1} < {episode.coarseness for episode in made} <= {1, 2, 4, 8}


@pytest.mark.parametrize("shift", [(0, 0), (3, 0), (0, -4), (-5, 6), (7, 2)])
def test_shifted_mask_does_not_come_in_again_at_the_other_side(shift):
    stack = torch.rand(2, 5, 8, 10, generator=torch.Generator().manual_seed(0))
    stack[:, 3] = 1
    before = stack.clone()
    shifted = episodes._shifted(stack, shift)
    rows, cols = (torch.arange(extent) - by for extent, by in zip((8, 10), shift, strict=True))
    stays = ((rows >= 0) & (rows < 8))[:, None] & ((cols >= 0) & (cols < 10))
    assert torch.equal(shifted[:, 3], stays.float().expand(2, -1, -1))
    # Where the mask is, the picture has moved with it.
    expected = before[:, :3, rows.clamp(0, 7)][..., cols.clamp(0, 9)]
    assert torch.equal(shifted[:, :3, stays], expected[:, :, stays])
    assert torch.equal(stack, before)


def test_pasted_object_hides_what_was_unknown(make_sampler):
    generator = torch.Generator().manual_seed(0)
    stack, other = (torch.rand(2, 5, 8, 12, generator=generator) for _ in range(2))
    stack[:, 3] = stack[:, 4] = other[:, 3] = 0  # nothing is known, and there is no object
    other[:, 3, 2:6, 4:8] = 1
    visible = 0
    for seed in range(20):
        _, masks, others, known = episodes._paste(stack, other, make_sampler(seed))
        assert torch.equal(known, torch.cat((masks, others)).amax(0))
        visible += bool(known.any())
    assert visible > 10
