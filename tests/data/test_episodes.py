"""Batches of episodes: from plans to drawn frames."""

import pytest
import torch

from rotoline.data.episode_batch import other_objects
from rotoline.data.episode_maker import EpisodeMaker
from rotoline.data.scene_plans import LENGTH, MAX_LAYERS, MAX_OBJECTS
from rotoline.data.stills import UNKNOWN
from rotoline.data.training_clips import Clip

SIZE = (64, 96)


def make_still(name, *, ids=(1, 2), unknown=False, kind="instances", group="things"):
    """Rectangles of one colour each over noise."""
    generator = torch.Generator().manual_seed(len(name))
    frame = torch.randint(0, 256, (3, 70, 90), generator=generator, dtype=torch.uint8)
    labels = torch.zeros(70, 90, dtype=torch.uint8)
    for at, one in enumerate(ids):
        labels[10:50, 8 + 30 * at : 30 + 30 * at] = one
        frame[:, labels == one] = torch.tensor([[60 * one], [20], [250 - 60 * one]]).byte()
    if unknown:
        labels[55:62, 20:70] = UNKNOWN
    return Clip(name, [frame], [labels], group, kind)


@pytest.fixture
def maker(clips):
    """Episodes of two videos and three stills."""
    stills = [
        make_still("coco-instances/a", unknown=True),
        make_still("voc-animals-instances/b", group="animals"),
        make_still("clothing-co-parsing/c", kind="garments", group="clothing"),
    ]
    return EpisodeMaker.of([*clips, *stills], 7, SIZE, torch.device("cpu"))


def test_episodes_follow_from_seed_and_number(maker):
    state = torch.get_rng_state()
    both, first, second = (maker.make(numbers, 0.5) for numbers in ((3, 4), (3,), (4,)))
    assert both.object_counts == first.object_counts + second.object_counts
    assert both.coarseness == first.coarseness + second.coarseness
    assert both.uses_memory == first.uses_memory + second.uses_memory
    assert both.marked_targets == first.marked_targets + second.marked_targets
    for name in ("frames", "masks", "known", "previous_masks"):
        parts = torch.cat([getattr(one, name) for one in (first, second)])
        torch.testing.assert_close(getattr(both, name), parts, rtol=1e-5, atol=1e-3, msg=name)
    assert torch.equal(first.frames, maker.make((3,), 0.5).frames)
    other = EpisodeMaker(maker.planner, maker.pool, 8).make((3,), 0.5)
    assert not torch.equal(first.frames, other.frames)
    assert torch.equal(torch.get_rng_state(), state)


def test_episodes_have_the_documented_shapes_and_ranges(maker):
    batch = maker.make(range(60), 0.5)
    objects = sum(batch.object_counts)
    assert batch.frames.shape == (60, LENGTH, 3, *SIZE)
    assert 0 <= batch.frames.min() < batch.frames.max() <= 255
    assert batch.masks.shape == (objects, LENGTH, *SIZE)
    assert batch.known.shape == (60, LENGTH, *SIZE)
    assert batch.previous_masks.shape == (objects, *SIZE)
    for name in ("masks", "known", "previous_masks"):
        assert set(getattr(batch, name).unique().tolist()) == {0.0, 1.0}, name
    assert {1, 2, 3} <= set(batch.object_counts) <= set(range(1, MAX_OBJECTS + 1))
    assert set(batch.uses_memory) == {True, False}
    assert {1} < set(batch.coarseness) <= {1, 2, 4, 8}
    together = torch.zeros_like(batch.known).index_add(0, batch.episode_of, batch.masks)
    assert together.max() == 1  # objects do not overlap
    assert not (together * (1 - batch.known)).any()  # an unknown pixel is no object
    assert set(batch.marked_targets) == {0, 1, 2}
    beside = together[:, 0][batch.episode_of] - batch.masks[:, 0]
    assert torch.equal(other_objects(batch.masks[:, 0], batch.object_counts), beside)
    # Nearly all objects can be seen in the reference frame.
    assert (batch.masks[:, 0].flatten(1).sum(1) > 0).float().mean() > 0.9


def test_all_kinds_of_scenes_are_planned(maker, make_sampler):
    plans = [maker.planner.plan(make_sampler(seed), 0.5) for seed in range(300)]
    layers = [layer for plan in plans for layer in plan.layers]
    assert max(len(plan.layers) for plan in plans) == MAX_LAYERS
    assert any(layer.cut for layer in layers)
    assert any(layer.hidden == (0,) for layer in layers)  # a stranger that comes in later
    assert any(layer.hidden and 0 not in layer.hidden for layer in layers)  # one that leaves
    assert any(len(set(layer.pictures)) > 1 for layer in layers)  # a video
    garments = [layer for layer in layers if len(layer.labels) > 100]
    assert garments
    # A whole person is one object.
    assert all(len(set(layer.labels.values()) - {UNKNOWN}) == 1 for layer in garments)
    pasted = [layer for layer in layers if 0 in layer.labels.values()]
    assert pasted  # what is not tracked
    for plan in plans:
        numbers = {n for layer in plan.layers for n in layer.labels.values()} - {0, UNKNOWN}
        assert numbers <= set(range(1, plan.object_count + 1))


def test_some_episodes_with_strokes_show_one_picture_and_no_map_from_before(maker):
    strokes = EpisodeMaker(maker.planner, maker.pool, 7, stroke_share=1.0)
    batch = strokes.make(range(30), 0.5)
    assert batch.known[:, 0].mean() < 0.3  # few pixels of the reference are known
    assert batch.known[:, 2].mean() > 0.8
    several = batch.known[:, -1].flatten(1).mean(1)[torch.tensor(batch.marked_targets) > 0]
    assert len(several) > 0
    assert (several < 0.5).all()  # and of other marked frames
    masks = batch.masks
    still = (masks == masks[:, :1]).flatten(1).all(1) & masks.flatten(1).any(1)
    lost = ~batch.previous_masks.flatten(1).any(1)
    assert 5 < still.sum() < len(masks) - 5
    assert lost[still].all()
