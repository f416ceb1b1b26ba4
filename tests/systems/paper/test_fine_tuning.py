"""Fine-tuning networks and solving heads, on one small frame with two easy objects."""

import functools
import math
import time

import pytest
import torch

from rotoline.errors import ConfigError
from rotoline.systems.paper.linear_probe import predict_probe
from rotoline.learning.losses import class_balanced_loss
from rotoline.systems.paper.segmentation import SegmentationNet, upsample_logits
from rotoline.runtime.progress import ignore
from rotoline.stages import finetune
from rotoline.systems.paper.fine_tuning import (
    CHECK_EVERY,
    FineTuneConfig,
    Marked,
    fine_tune,
    targets_with_union,
    sample,
    solve_objects,
    tune_together,
)

SIZE = (64, 96)
QUICK = FineTuneConfig(steps=12, rate=1e-2, momentum=0.9)


@pytest.fixture(scope="module")
def net():
    """Where all start from."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = SegmentationNet((1, 1, 1, 1)).requires_grad_(False).eval()
    for layer in (made.feat, made.score):  # as drawn they are so small that nothing moves for long
        layer.weight *= 20
    return made


@pytest.fixture
def marked():
    """One frame with a red and a blue object on grey noise."""
    generator = torch.Generator().manual_seed(1)
    frame = 100 + 20 * torch.rand(1, 3, *SIZE, generator=generator)
    masks = torch.zeros(2, *SIZE)
    masks[0, 8:40, 8:40] = masks[1, 24:56, 56:88] = 1
    for channel, mask in ((0, masks[0]), (2, masks[1])):
        frame[0, :, mask > 0] = 20.0
        frame[0, channel, mask > 0] = 240.0
    return [Marked(frame, masks)]


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
def losses_of(nets, marked):
    (frame, masks) = marked[0]
    return [
        float(class_balanced_loss(net(frame), mask[None]))
        for net, mask in zip(nets, masks, strict=True)
    ]


def test_fine_tuning_lowers_the_loss_and_leaves_the_start_alone(net, marked):
    before, start = losses_of([net, net], marked), copied(net)
    nets = fine_tune(net, marked, QUICK, 0, ignore)
    assert all(now < 0.7 * then for now, then in zip(losses_of(nets, marked), before, strict=True))
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


def test_objects_together_become_what_they_become_one_by_one(net, marked):
    alone = fine_tune(net, marked, QUICK, 0, ignore)
    together = fine_tune(net, marked, QUICK.model_copy(update={"together": 2}), 0, ignore)
    assert not is_same(copied(alone[0]), copied(alone[1]))
    for one, other in zip(alone, together, strict=True):
        for (name, value), twin in zip(one.named_parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(twin, value, rtol=1e-3, atol=1e-4, msg=name)
        assert not other.training


def test_objects_together_keep_mixed_precision(net, marked):
    half = QUICK.model_copy(update={"steps": 4, "precision": "bfloat16"})
    precise = fine_tune(net, marked, half.model_copy(update={"precision": "float32"}), 0, ignore)
    alone = fine_tune(net, marked, half, 0, ignore)
    together = fine_tune(net, marked, half.model_copy(update={"together": 2}), 0, ignore)
    rounding = distance(alone[0], precise[0])
    assert rounding > 0
    assert distance(together[0], alone[0]) < rounding < 0.1 * distance(alone[0], net)


def test_compiled_steps_are_the_same_steps(net, marked, monkeypatch):
    eager = functools.partial(torch.compile, backend="aot_eager")  # all but the C++ compiler
    monkeypatch.setattr(torch, "compile", eager)
    short = QUICK.model_copy(update={"steps": 3})
    plain = fine_tune(net, marked, short, 0, ignore)
    compiled = fine_tune(net, marked, short.model_copy(update={"compile": True}), 0, ignore)
    for one, other in zip(plain, compiled, strict=True):
        assert distance(one, other) < 1e-3 * distance(one, net)


def test_missing_compiler_is_said(net, marked, monkeypatch):
    def compiled(net):
        def run(frame):
            raise RuntimeError("No working C++ compiler found\nmore of it")

        return run

    monkeypatch.setattr(torch, "compile", compiled)
    config = QUICK.model_copy(update={"compile": True})
    with pytest.raises(ConfigError, match=r"found\); torch.compile needs a C\+\+ compiler"):
        fine_tune(net, marked, config, 0, ignore)


def test_last_group_may_be_smaller(net, marked):
    """Three masks, two at a time: the third network is trained alone."""
    frame, masks = marked[0]
    three = [Marked(frame, torch.cat((masks, masks.amax(0, keepdim=True))))]
    config = QUICK.model_copy(update={"steps": 3, "together": 2})
    nets = fine_tune(net, three, config, 0, ignore)
    alone = fine_tune(net, [Marked(frame, three[0].masks[2:])], config, 0, ignore)
    assert len(nets) == 3
    assert is_same(copied(nets[2]), copied(alone[0]))


def test_seed_decides_the_result_bit_for_bit(net, marked):
    short = QUICK.model_copy(update={"steps": 3})
    first, again, other = (
        [copied(one) for one in fine_tune(net, marked, short, seed, ignore)] for seed in (5, 5, 6)
    )
    assert all(is_same(one, two) for one, two in zip(first, again, strict=True))
    assert not any(is_same(one, two) for one, two in zip(first, other, strict=True))


def test_view_depends_on_seed_and_step_alone(marked):
    ranges = QUICK.ranges
    later, *_ = (sample(marked, ranges, 2, step) for step in (7, 1))
    assert torch.equal(later.frame, sample(marked, ranges, 2, 7).frame)
    assert not torch.equal(later.frame, sample(marked, ranges, 2, 8).frame)
    assert later.masks.shape == (2, *SIZE)


def test_every_marked_frame_is_learned_from(marked):
    frame, masks = marked[0]
    several = [Marked(torch.full_like(frame, value), masks) for value in (10.0, 20.0, 30.0)]
    seen = {round(float(sample(several, QUICK.ranges, 0, n).frame.mean())) for n in range(30)}
    assert seen == {10, 20, 30}


def test_an_object_learns_only_from_frames_that_show_it(net, marked):
    """What a frame shows that its user did not mark is not called background."""
    frame, masks = marked[0]
    other = Marked(255 - frame, torch.stack((torch.zeros_like(masks[0]), masks[1])))
    both = fine_tune(net, [marked[0], other], QUICK, 0, ignore)
    alone = fine_tune(net, marked, QUICK, 0, ignore)
    assert is_same(copied(both[0]), copied(alone[0]))
    assert not is_same(copied(both[1]), copied(alone[1]))
    hidden = Marked(frame, torch.zeros_like(masks))
    nothing = fine_tune(net, [hidden], QUICK.model_copy(update={"weight_decay": 0.0}), 0, ignore)
    assert is_same(copied(nothing[0]), copied(net))


def test_every_step_is_reported(net, marked):
    told = []
    config = QUICK.model_copy(update={"steps": 2})
    fine_tune(net, marked, config, 0, lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    together = config.model_copy(update={"together": 2})
    told.clear()
    fine_tune(net, marked, together, 0, lambda done, total: told.append((done, total)))
    assert told == [(2, 4), (4, 4)]


def losses_by_step(net, marked, config, seconds=0.0):
    one = fine_tune(net, marked, QUICK.model_copy(update={"steps": 1}), 0, ignore)[0]
    one.requires_grad_(True).train()
    view = Marked(marked[0].frame, marked[0].masks[:1])
    return list(tune_together([one], lambda step: [view], config, seconds))


def test_rate_is_halved_at_equal_distances(net, marked, monkeypatch):
    asked = []
    halved = finetune.schedule.halved
    monkeypatch.setattr(
        finetune.schedule, "halved", lambda *args: asked.append(halved(*args)) or asked[-1]
    )
    config = FineTuneConfig(steps=6, rate=0.5e-3, halvings=2)
    assert len(losses_by_step(net, marked, config)) == 6
    rates = asked[-6:]
    assert rates == [0.5e-3, 0.5e-3, 0.25e-3, 0.25e-3, 0.125e-3, 0.125e-3]
    defaults = FineTuneConfig()
    every = math.ceil(defaults.steps / (defaults.halvings + 1))
    assert (defaults.steps, every, defaults.momentum) == (30_000, 10_000, 0.99)


def test_budget_leaves_out_steps(net, marked):
    began = time.perf_counter()
    config = QUICK.model_copy(update={"steps": 100_000})
    taken = losses_by_step(net, marked, config, seconds=0.5)
    assert 3 <= len(taken) < 1000
    assert time.perf_counter() - began < 10


def test_budget_is_shared_by_all_objects(net, marked, monkeypatch):
    given = []
    tune = finetune.tune_together

    def note(nets, make, config, seconds):
        given.append(seconds)
        return tune(nets, make, config, seconds)

    monkeypatch.setattr(finetune, "tune_together", note)
    config = QUICK.model_copy(update={"steps": 1, "budget": 10.0})
    fine_tune(net, marked, config, 0, ignore)
    fine_tune(net, marked, config.model_copy(update={"together": 2}), 0, ignore)
    assert given == [5.0, 5.0, 10.0]


def test_patience_stops_once_nothing_is_gained():
    falling = [0.95 ** (at // CHECK_EVERY) for at in range(10 * CHECK_EVERY)]
    flat = [1.0] * (10 * CHECK_EVERY)

    def stop(losses, patience):
        steps = range(1, len(losses) + 1)
        return next((n for n in steps if finetune._has_settled(losses[:n], patience)), None)

    assert stop(falling, 1) is None
    assert stop(flat, 0) is None
    assert stop(flat, 1) == 2 * CHECK_EVERY
    assert stop(flat, 3) == 4 * CHECK_EVERY
    # One bad block is forgiven by a patience of two.
    bumpy = [1.0] * CHECK_EVERY + [1.1] * CHECK_EVERY + [0.5] * CHECK_EVERY
    assert stop(bumpy, 1) == 2 * CHECK_EVERY
    assert stop(bumpy, 2) is None


def test_patience_stops_a_training_that_no_longer_moves(net, marked, monkeypatch):
    monkeypatch.setattr(finetune, "CHECK_EVERY", 4)
    still = FineTuneConfig(steps=40, rate=1e-12, patience=2)
    assert len(losses_by_step(net, marked, still)) == 12


def test_infinite_loss_is_refused(net, marked):
    with pytest.raises(ConfigError, match=r"the loss is \w+ in step \d+; lower adapt.rate"):
        fine_tune(net, marked, FineTuneConfig(steps=20, rate=1e12), 0, ignore)


def test_solved_heads_separate_easy_objects(net, marked):
    start = copied(net)
    config = FineTuneConfig(views=3)
    heads = solve_objects(net, marked, config, 0)
    frame, masks = marked[0]
    with torch.inference_mode():
        logits = upsample_logits(predict_probe(heads, net.maps(frame))[:, None])[:, 0]
    for found, mask in zip(logits > 0, masks > 0, strict=True):
        assert (found & mask).sum() / (found | mask).sum() > 0.8
    assert is_same(copied(net), start)
    again, other = (solve_objects(net, marked, config, seed) for seed in (0, 1))
    assert torch.equal(heads.weight, again.weight)
    assert not torch.equal(heads.weight, other.weight)


def test_first_view_of_every_frame_is_the_frame_itself(net, marked):
    """With one view the seed decides nothing."""
    config = FineTuneConfig(views=1, iterations=3)
    first, other = (solve_objects(net, marked, config, seed) for seed in (0, 1))
    assert torch.equal(first.weight, other.weight)


def test_rows_are_the_objects_and_their_union():
    masks = {3: torch.tensor([[[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]])}
    found = targets_with_union(masks, foreground=True)
    assert list(found) == [3]
    assert found[3].tolist() == [[[1, 0, 0]], [[0, 1, 0]], [[1, 1, 0]]]
    assert torch.equal(targets_with_union(masks, foreground=False)[3], masks[3])
    masks[7] = torch.tensor([[[0.0, 0.0, 0.0]], [[0.0, 1.0, 1.0]]])
    whole, part = targets_with_union(masks, foreground=True).values()
    assert (whole[2].any(), part[2].any()) == (True, False)  # the union of a part is not known
    assert targets_with_union({7: masks[7]}, foreground=True)[7][2].tolist() == [[0, 1, 1]]
    one = {0: masks[3][:1]}
    assert torch.equal(targets_with_union(one, foreground=True)[0], one[0])
