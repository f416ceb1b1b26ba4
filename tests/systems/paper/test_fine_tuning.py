"""Fine-tuning a network per object, on one small frame with two easy objects."""

import itertools
import math

import pytest
import torch

from rotoline.errors import ConfigError
from rotoline.learning.losses import class_balanced_loss
from rotoline.runtime.progress import ignore
from rotoline.systems.paper import fine_tuning
from rotoline.systems.paper.fine_tuning import (
    AnnotatedFrame,
    FineTuning,
    fine_tune,
    frames_showing,
    sample_view,
)

QUICK = FineTuning(steps=12, learning_rate=1e-2, momentum=0.9)


def tune(net, annotated, config=QUICK, seed=0, precision="auto", report=ignore):
    return fine_tune(net, annotated, config, precision=precision, seed=seed, report=report)


def change(**settings):
    return QUICK.model_copy(update=settings)


def first_of(annotated):
    """The same frames with the mask of the first object alone."""
    return [AnnotatedFrame(frame, masks[:1]) for frame, masks in annotated]


def copied(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


def is_same(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


@torch.no_grad()
def distance(one, other):
    """How far apart the parameters of two networks are."""
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return math.sqrt(sum(float((a - b).square().sum()) for a, b in pairs))


@torch.no_grad()
def losses_of(nets, annotated):
    (frame, masks) = annotated[0]
    return [
        float(class_balanced_loss(net(frame), mask[None]))
        for net, mask in zip(nets, masks, strict=True)
    ]


@pytest.mark.slow
def test_fine_tuning_lowers_the_loss_and_leaves_the_start_alone(net, annotated):
    before, start = losses_of([net, net], annotated), copied(net)
    nets = tune(net, annotated)
    after = losses_of(nets, annotated)
    assert all(now < 0.7 * then for now, then in zip(after, before, strict=True))
    assert is_same(copied(net), start)
    assert not any(parameter.requires_grad for parameter in net.parameters())
    for one in nets:
        assert not one.training
        assert not any(parameter.requires_grad for parameter in one.parameters())
        state = one.state_dict()
        statistics = [name for name in state if "running" in name]
        assert all(torch.equal(state[name], start[name]) for name in statistics)
        changed = [name for name, _ in one.named_parameters() if not state[name].equal(start[name])]
        assert len(changed) == len(list(one.named_parameters()))  # the whole network


@pytest.mark.slow
def test_objects_are_fine_tuned_independently(net, annotated):
    both = tune(net, annotated, change(steps=3))
    assert not is_same(copied(both[0]), copied(both[1]))
    for row in range(2):
        alone = [AnnotatedFrame(frame, masks[row : row + 1]) for frame, masks in annotated]
        assert is_same(copied(tune(net, alone, change(steps=3))[0]), copied(both[row]))


@pytest.mark.slow
def test_mixed_precision_learns_nearly_the_same(net, annotated):
    precise = tune(net, first_of(annotated), change(steps=4), precision="float32")
    mixed = tune(net, first_of(annotated), change(steps=4), precision="bfloat16")
    assert 0 < distance(mixed[0], precise[0]) < 0.1 * distance(precise[0], net)
    assert all(parameter.dtype == torch.float32 for parameter in mixed[0].parameters())


@pytest.mark.slow
def test_seed_decides_the_result_bit_for_bit(net, annotated):
    first, again, other = (
        copied(tune(net, first_of(annotated), change(steps=3), seed)[0]) for seed in (5, 5, 6)
    )
    assert is_same(first, again)
    assert not is_same(first, other)


def test_view_depends_on_seed_and_step_alone(annotated):
    augmentation = QUICK.augmentation
    later, *_ = (sample_view(annotated, augmentation, 2, step) for step in (7, 1))
    assert torch.equal(later.frame, sample_view(annotated, augmentation, 2, 7).frame)
    assert not torch.equal(later.frame, sample_view(annotated, augmentation, 2, 8).frame)
    assert later.masks.shape == annotated[0].masks.shape


def test_every_annotated_frame_is_learned_from(annotated):
    frame, masks = annotated[0]
    several = [AnnotatedFrame(torch.full_like(frame, value), masks) for value in (10.0, 20.0, 30.0)]
    seen = {
        round(float(sample_view(several, QUICK.augmentation, 0, step).frame.mean()))
        for step in range(30)
    }
    assert seen == {10, 20, 30}


@pytest.mark.slow
def test_an_object_learns_only_from_frames_that_show_it(net, annotated):
    """What a frame shows that its user did not mark is not called background."""
    frame, masks = annotated[0]
    other = AnnotatedFrame(255 - frame, torch.stack((torch.zeros_like(masks[0]), masks[1])))
    short = change(steps=3)
    both, alone = tune(net, [annotated[0], other], short), tune(net, annotated, short)
    assert is_same(copied(both[0]), copied(alone[0]))
    assert not is_same(copied(both[1]), copied(alone[1]))
    hidden = AnnotatedFrame(frame, torch.zeros_like(masks))
    nothing = tune(net, first_of([hidden]), change(steps=3, weight_decay=0.0))
    assert is_same(copied(nothing[0]), copied(net))


def test_frames_of_a_row_are_those_with_pixels_or_all():
    frames = [torch.zeros(1, 3, 2, 2)] * 2
    first, second = torch.zeros(2, 2, 2), torch.zeros(2, 2, 2)
    first[0] = second[0] = second[1] = 1
    annotated = [AnnotatedFrame(frames[0], first), AnnotatedFrame(frames[1], second)]
    assert [len(frames_showing(row, annotated)) for row in (0, 1)] == [2, 1]
    assert torch.equal(frames_showing(1, annotated)[0].masks, second[1:])
    assert len(frames_showing(1, annotated[:1])) == 1  # shown in none


def test_every_step_is_reported(net, annotated):
    reported = []
    tune(net, annotated, change(steps=2), report=lambda *numbers: reported.append(numbers))
    assert reported == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.slow
def test_learning_rate_is_halved_at_equal_distances(net, annotated, monkeypatch):
    rates, halved = [], fine_tuning.schedule.halved
    monkeypatch.setattr(
        fine_tuning.schedule, "halved", lambda *args: rates.append(halved(*args)) or rates[-1]
    )
    tune(net, first_of(annotated), FineTuning(steps=6, learning_rate=0.5e-3, lr_halvings=2))
    assert rates == [0.5e-3, 0.5e-3, 0.25e-3, 0.25e-3, 0.125e-3, 0.125e-3]
    defaults = FineTuning()
    every = math.ceil(defaults.steps / (defaults.lr_halvings + 1))
    assert (defaults.steps, every, defaults.momentum) == (30_000, 10_000, 0.99)


class Clock:
    """A clock on which every reading is one second after the one before."""

    def __init__(self):
        self.readings = itertools.count()

    def perf_counter(self):
        return float(next(self.readings))


@pytest.mark.parametrize(
    ("budget", "objects", "steps"), [(0.0, 1, 30), (1.0, 1, 3), (6.0, 1, 11), (12.0, 2, 11)]
)
def test_budget_leaves_out_steps_and_is_shared_by_the_objects(
    net, annotated, monkeypatch, budget, objects, steps
):
    """The first step ends after a second, the next two take another: half a second each.

    A share of 6 seconds has 4 left then, for 8 steps more. No step is taken: only time passes.
    """
    monkeypatch.setattr(fine_tuning, "time", Clock())
    losses = lambda optimizer, **rest: ((step, 1.0) for step in itertools.count())  # noqa: E731
    monkeypatch.setattr(fine_tuning, "minimise", losses)
    reported = []
    some = [AnnotatedFrame(frame, masks[:objects]) for frame, masks in annotated]
    config = change(steps=30, budget=budget)
    tune(net, some, config, report=lambda *numbers: reported.append(numbers))
    expected = [30 * row + step + 1 for row in range(objects) for step in range(steps)]
    assert reported == [(number, 30 * objects) for number in expected]


def test_infinite_loss_is_refused(net, annotated):
    message = r"the loss is \w+ in step \d+; lower learner.learning_rate"
    with pytest.raises(ConfigError, match=message):
        tune(net, first_of(annotated), FineTuning(steps=20, learning_rate=1e12))
