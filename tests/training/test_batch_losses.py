"""The losses of a batch are the mean of those of its episodes."""

from dataclasses import replace

import pytest
import torch

from rotoline.data.episode_batch import EpisodeBatch
from rotoline.learning.episode import Episode
from rotoline.systems.fast.episode_loss import episode_losses
from rotoline.systems.fast.network import ADDED_LAYERS, FastNet
from rotoline.training.batch_losses import batch_losses


@pytest.fixture(scope="module")
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return FastNet().double()


def make_episode(seed, objects, *, is_known=True, uses_memory=True, coarseness=1, marked=0):
    """Rectangles that move over noise."""
    generator = torch.Generator().manual_seed(seed)
    masks = torch.zeros(objects, 5, 64, 96, dtype=torch.float64)
    for k in range(objects):
        for t in range(5):
            masks[k, t, 4 + 3 * t + 6 * k : 40 + 2 * t, 2 * t + 28 * k : 26 + 2 * t + 28 * k] = 1
    known = torch.ones(5, 64, 96, dtype=torch.float64)
    known[:, 10:30, :40] = float(is_known)
    return Episode(
        frames=255 * torch.rand(5, 3, 64, 96, generator=generator, dtype=torch.float64),
        masks=masks,
        others=masks[:, 0].sum(0) - masks[:, 0],
        known=known,
        previous_masks=masks[:, 1].roll(3, -1),
        uses_memory=uses_memory,
        coarseness=coarseness,
        marked_targets=marked,
    )


EPISODES = (
    make_episode(1, 1),
    make_episode(2, 3, coarseness=4),
    make_episode(3, 2, is_known=False),
    make_episode(4, 1, is_known=False, uses_memory=False, coarseness=2),
    make_episode(5, 3, uses_memory=False),
    make_episode(6, 2, marked=2),
    make_episode(7, 1, is_known=False, marked=1),
)


def collate(episodes):
    """A batch of some episodes."""
    return EpisodeBatch(
        frames=torch.stack([one.frames for one in episodes]),
        masks=torch.cat([one.masks for one in episodes]),
        known=torch.stack([one.known for one in episodes]),
        things=torch.stack([one.masks.amax(0) for one in episodes]),
        previous_masks=torch.cat([one.previous_masks for one in episodes]),
        object_counts=tuple(len(one.masks) for one in episodes),
        uses_memory=tuple(one.uses_memory for one in episodes),
        coarseness=tuple(one.coarseness for one in episodes),
        marked_targets=tuple(one.marked_targets for one in episodes),
    )


def totals_and_gradients(net, losses):
    net.zero_grad()
    sum(losses.values()).backward()
    return {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}


def test_losses_and_gradients_are_the_mean_of_those_of_the_episodes(net):
    together = batch_losses(net, collate(EPISODES))
    single = [episode_losses(net, one) for one in EPISODES]
    del together["objectness"]
    for name, loss in together.items():
        mean = torch.stack([losses[name] for losses in single]).mean()
        torch.testing.assert_close(loss, mean.to(loss.dtype), rtol=1e-6, atol=1e-7, msg=name)
    summed = {name: torch.stack([losses[name] for losses in single]).mean() for name in together}
    found, expected = (totals_and_gradients(net, losses) for losses in (together, summed))
    for name, gradient in found.items():
        if name.startswith(ADDED_LAYERS):
            continue
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-6, msg=name)


def test_objectness_is_learned_from_all_things_and_from_nothing_that_is_unknown(net):
    batch = collate(EPISODES)
    loss = batch_losses(net, batch)["objectness"]
    net.zero_grad()
    loss.backward()
    assert net.encoder.objectness.weight.grad.any()
    unknown = replace(batch, things=torch.where(batch.known > 0, batch.things, 1 - batch.things))
    torch.testing.assert_close(batch_losses(net, unknown)["objectness"], loss)
    others = replace(batch, things=1 - batch.things)
    assert batch_losses(net, others)["objectness"] != loss


def test_object_that_the_reference_does_not_show_counts_in_no_loss(net):
    shown = make_episode(6, 2)
    hidden = replace(shown, masks=shown.masks.clone())
    hidden.masks[1, 0] = 0
    other = replace(hidden, masks=hidden.masks.clone())
    other.masks[1, 2:] = 0  # where it is does not matter
    one, two = (batch_losses(net, collate([episode])) for episode in (hidden, other))
    for name in ("classifier", "refined", "propagated"):
        torch.testing.assert_close(one[name], two[name], msg=name)


def test_marked_targets_are_learned_from_and_count_in_no_loss(net):
    one = make_episode(8, 2, marked=1)
    unmarked = batch_losses(net, collate([replace(one, marked_targets=0)]))
    marked = batch_losses(net, collate([one]))
    assert marked["classifier"] != unmarked["classifier"]
    # What the marked frame shows changes what is learned; what is hidden there teaches nothing.
    hidden = replace(one, masks=one.masks.clone(), marked_targets=1)
    hidden.masks[:, -1] = 0
    shorter = batch_losses(net, collate([hidden]))
    again = replace(one, frames=one.frames.clone(), masks=hidden.masks, marked_targets=1)
    again.frames[-1] = 0
    for name, loss in batch_losses(net, collate([again])).items():
        torch.testing.assert_close(loss, shorter[name], msg=name)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_gives_the_losses_of_the_cpu(net):
    batch = collate(EPISODES)
    expected = batch_losses(net, batch)
    moved = replace(
        batch,
        **{
            name: getattr(batch, name).cuda()
            for name in ("frames", "masks", "known", "things", "previous_masks")
        },
    )
    found = batch_losses(net.cuda(), moved)
    net.cpu()
    for name, loss in found.items():
        torch.testing.assert_close(loss.cpu(), expected[name], rtol=1e-4, atol=1e-5)
