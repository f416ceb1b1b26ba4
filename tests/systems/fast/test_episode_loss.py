"""The losses of an episode."""

from dataclasses import replace

import pytest
import torch

from rotoline.learning.episode import Episode
from rotoline.systems.fast.episode_loss import episode_losses, predict_targets
from rotoline.systems.fast.network import ADDED_LAYERS, FastNet

NAMES = ("classifier", "refined", "propagated", "competing")
BEFORE = {
    (1, False): (1.320134, 0.839207, 2.586179, 0.0),
    (1, True): (1.326207, 0.851179, 2.652243, 0.0),
    (2, False): (1.287714, 0.782927, 2.319563, 0.695310),
    (2, True): (1.282878, 0.783602, 2.298854, 0.681715),
}
"""The losses that the shipped weights were trained with, by the number of objects and whether some
pixels are unknown."""


@pytest.fixture(scope="module")
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return FastNet().requires_grad_(requires_grad=False)


@pytest.fixture
def make_episode():
    """A function: squares that move over noise."""

    def make(objects, *, known=None):
        generator = torch.Generator().manual_seed(objects)
        frames = 255 * torch.rand(5, 3, 64, 96, generator=generator)
        masks = torch.zeros(objects, 5, 64, 96)
        for k in range(objects):
            for t in range(5):
                masks[k, t, 8 + 4 * t : 36 + 4 * t, 8 + 40 * k : 40 + 40 * k] = 1
        return Episode(
            frames=frames,
            masks=masks,
            others=masks[:, 0].sum(0) - masks[:, 0],
            known=known,
            previous_masks=masks[:, 1].roll(3, -1),
            uses_memory=True,
            coarseness=1 + objects,
        )

    return make


@pytest.mark.parametrize(("objects", "is_partly_known"), BEFORE)
def test_losses_are_those_of_the_training(net, make_episode, objects, is_partly_known):
    known = torch.ones(5, 64, 96)
    known[:, 20:40, :30] = 1 - is_partly_known
    expected = BEFORE[objects, is_partly_known]
    losses = episode_losses(net, make_episode(objects, known=known))
    assert {name: float(loss) for name, loss in losses.items()} == pytest.approx(
        dict(zip(NAMES, expected, strict=True)), rel=1e-3
    )
    if not is_partly_known:
        everywhere = episode_losses(net, make_episode(objects))
        for name in NAMES:
            torch.testing.assert_close(everywhere[name], losses[name], msg=name)


def test_known_maps_of_the_backbone_change_nothing(net, make_episode):
    episode = make_episode(2)
    maps = net.encoder.backbone_maps(episode.frames)
    for name, loss in episode_losses(net, episode, maps).items():
        assert torch.equal(loss, episode_losses(net, episode)[name])


def test_an_object_that_is_not_learned_is_an_other_object(net, make_episode):
    """Three objects of which two are learned: the third is background, and known to be."""
    two = make_episode(2)
    third = torch.zeros(64, 96)
    third[40:60, 60:90] = 1
    three = replace(two, others=(two.others + third).clamp(max=1))
    first, second = (next(predict_targets(net, one)) for one in (two, three))
    assert first.propagated.shape == second.propagated.shape == (2, 1, 16, 24)
    assert not torch.equal(first.classifier, second.classifier)


def test_gradients_reach_all_parts_for_several_objects(make_episode):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = FastNet()
    sum(episode_losses(net, make_episode(2)).values()).backward()
    without = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    # The objectness is learned from all masks of the training pictures, not from an episode's.
    assert [name for name in without if not name.startswith(ADDED_LAYERS)] == []
