"""Fine-tuning on the marked frames, and the choice between the networks."""

import math

import numpy as np
import pytest
import torch

from rotoline.annotations import check_annotations
from rotoline.learning.recomposition import AnnotatedPicture, recompose
from rotoline.runtime.progress import ignore
from rotoline.systems.fast import choice, tuning
from rotoline.systems.fast.episode_loss import episode_losses
from rotoline.systems.fast.tuning import TuningConfig, held_out_iou, steps_of, tune

pytestmark = pytest.mark.tuning

QUICK = TuningConfig(steps=3)


@pytest.fixture(autouse=True)
def _small_clips(monkeypatch):
    monkeypatch.setattr(tuning, "CLIP_SIZE", (64, 96))
    monkeypatch.setattr(tuning, "HELD_OUT_CLIPS", (2, 4))


@pytest.fixture
def quick(small):
    """Three steps at a small working size."""
    return small.model_copy(update={"tuning": QUICK, "working_pixels": 96 * 128})


@pytest.fixture
def picture(make_clip):
    """An annotated frame with two objects."""
    pictures, labels = make_clip(frames=1, ids=(1, 2))
    pixels = torch.from_numpy(pictures[0]).permute(2, 0, 1).contiguous()
    return AnnotatedPicture(pixels, torch.from_numpy(labels[0]))


def never():
    return False


def tune_quickly(net, picture, config=QUICK, *, report=ignore, is_cancelled=never):
    return tune(
        net,
        [picture],
        steps=config.steps,
        learning_rate=config.learning_rate,
        report=report,
        is_cancelled=is_cancelled,
    )


def parameters(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


def is_equal(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


# ------------------------------------------------------------------------------ the optimisation


def test_tuning_changes_a_copy_and_shares_the_backbone(model, picture):
    net = model.system.net
    before, reported = parameters(net), []
    tuned = tune_quickly(net, picture, report=lambda *numbers: reported.append(numbers))
    assert is_equal(before, parameters(net))
    assert tuned.encoder.backbone is net.encoder.backbone
    assert not torch.equal(tuned.encoder.embed.weight, net.encoder.embed.weight)
    assert not torch.equal(tuned.propagation.lift.weight, net.propagation.lift.weight)
    assert not any(p.requires_grad for p in (*net.parameters(), *tuned.parameters()))
    assert reported == [(1, 3), (2, 3), (3, 3)]


def test_the_same_steps_give_the_same_network(model, picture):
    with torch.inference_mode():  # as a caller may have it
        first = tune_quickly(model.system.net, picture)
    torch.rand(1)
    again = tune_quickly(model.system.net, picture)
    assert is_equal(parameters(first), parameters(again))
    longer = tune_quickly(model.system.net, picture, TuningConfig(steps=4))
    assert not is_equal(parameters(first), parameters(longer))


@pytest.mark.slow
def test_tuning_lowers_the_loss(model, picture):
    tuned = tune_quickly(model.system.net, picture, TuningConfig(steps=20))
    clips = list(recompose([picture], (64, 96), count=10, seed=tuning.SEED))

    @torch.inference_mode()
    def total(net):
        losses = [episode_losses(net, clip.episode) for clip in clips]
        return sum(float(sum(parts.values())) for parts in losses)

    assert total(tuned) < 0.85 * total(model.system.net)


def test_cancelled_tuning_gives_nothing(model, picture):
    asked = iter([False, True])
    reported = []
    found = tune_quickly(
        model.system.net,
        picture,
        report=lambda *numbers: reported.append(numbers),
        is_cancelled=lambda: next(asked),
    )
    assert found is None
    assert reported == [(1, 3)]


def test_nothing_is_tuned_where_every_object_is_too_small(model):
    labels = torch.zeros(64, 64, dtype=torch.uint8)
    labels[3, 3] = 1
    picture = AnnotatedPicture(torch.full((3, 64, 64), 90, dtype=torch.uint8), labels)
    assert tune_quickly(model.system.net, picture) is None


def test_an_object_that_no_clip_shows_has_no_number(model, picture):
    iou = held_out_iou([model.system.net], [picture], 3)
    assert iou.isnan().tolist() == [[False, False, True]]


def test_seconds_become_steps_by_a_fixed_table():
    assert steps_of(0) == 0
    assert steps_of(1e-6) == 1
    assert steps_of(10) == 2 * steps_of(5) > 10


# -------------------------------------------------------------------------------- the choice


@pytest.fixture
def marked(make_clip):
    """A frame with two objects, by index, and its annotations."""
    pictures, labels = make_clip(frames=2, ids=(4, 9))
    frames = {0: pictures[0]}
    return frames, check_annotations({0: labels[0]}, frames), pictures[1]


def learn(model, quick, marked):
    frames, annotations, _ = marked
    return model.system.fit(frames, annotations, quick, ignore)


def damaged(net):
    """A copy that has forgotten how to propagate."""
    copied = tuning._copy_with_gradients(net).requires_grad_(requires_grad=False)
    copied.propagation.out_conv.bias -= 6
    return copied


def choose(monkeypatch, fitted, marked, net, better):
    """Tune to a given network, which is better or worse on held-out clips as `better` says."""
    frames, annotations, _ = marked
    iou = torch.tensor([[0.5] * len(better), [0.6 if one else 0.4 for one in better]])
    monkeypatch.setattr(choice, "tune", lambda *_, **__: net)
    monkeypatch.setattr(choice, "held_out_iou", lambda *_: iou)
    return fitted.tune(frames, annotations, ignore, never)


def test_only_a_clip_with_one_object_is_tuned_by_default(model, small, marked, monkeypatch):
    assert [TuningConfig().steps_for(count) for count in (1, 2, 7)] == [40, 0, 0]
    assert [TuningConfig(steps=3).steps_for(count) for count in (1, 2)] == [3, 3]
    monkeypatch.setattr(choice, "tune", None)  # nothing of it is needed
    assert learn(model, small, marked).tune(*marked[:2], ignore, never) is None


def test_no_steps_is_no_tuning(model, small, marked):
    off = small.model_copy(update={"tuning": TuningConfig(steps=0)})
    assert learn(model, off, marked).tune(*marked[:2], ignore, never) is None


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([0.8, 0.8], [0.8, 0.8], True),
        ([0.8, 0.8], [0.9, 0.79], True),
        ([0.8, 0.8], [0.9, 0.77], False),  # one loses too much
        ([0.8, 0.8], [0.805, 0.79], False),  # so does the mean
        ([0.8, math.nan], [0.81, math.nan], True),
        ([math.nan], [math.nan], False),
    ],
)
def test_tuned_network_is_as_good(before, after, expected):
    assert choice.is_not_worse(torch.tensor(before), torch.tensor(after), 0.02) is expected


def test_tuned_network_is_kept_only_if_it_is_as_good(model, quick, marked, monkeypatch):
    fitted, net = learn(model, quick, marked), model.system.net
    same = tuning._copy_with_gradients(net).requires_grad_(requires_grad=False)
    assert choose(monkeypatch, fitted, marked, same, (True, True)).net is same
    assert choose(monkeypatch, fitted, marked, same, (True, False)) is fitted


def test_marked_frame_is_never_segmented_worse(model, quick, marked, monkeypatch):
    """Whatever the held-out clips say."""
    fitted = learn(model, quick, marked)
    found = choose(monkeypatch, fitted, marked, damaged(model.system.net), (True, True))
    assert found is fitted


def test_cancelled_while_choosing_is_cancelled(model, quick, marked, monkeypatch):
    fitted, (frames, annotations, _) = learn(model, quick, marked), marked
    monkeypatch.setattr(choice, "tune", lambda *_, **__: damaged(model.system.net))
    assert fitted.tune(frames, annotations, ignore, lambda: True) is None


def test_later_annotations_are_learned_with_what_was_tuned(model, quick, marked, monkeypatch):
    fitted, net = learn(model, quick, marked), model.system.net
    same = tuning._copy_with_gradients(net).requires_grad_(requires_grad=False)
    tuned = choose(monkeypatch, fitted, marked, same, (True, True))
    system = model.system.with_tuning(tuned)
    frames, annotations, later = marked
    labels = np.where(annotations.labels[0] == 9, 12, 0).astype(np.uint8)
    frames = {**frames, 1: later}
    annotations = check_annotations({0: annotations.labels[0], 1: labels}, frames)
    again = system.fit(frames, annotations, quick, ignore)
    assert again.net is same
    # Tuning goes on from the tuned network.
    started_from = []

    def start(net, *_, **__):
        started_from.append(net)

    monkeypatch.setattr(choice, "tune", start)
    assert again.tune(frames, annotations, ignore, never) is None
    assert started_from == [same]
