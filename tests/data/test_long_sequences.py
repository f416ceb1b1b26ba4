import numpy as np
import pytest
import torch

from rotoline.data import long_sequences
from rotoline.data.long_sequences import LongSequenceMaker
from rotoline.data.training_clips import Clip
from rotoline.errors import InputError

SIZE = (48, 80)


@pytest.fixture(scope="module")
def mixed(make_clip):
    """A video of one disc, and a still of two, around which a ring is unknown."""
    pictures, labels = make_clip(frames=5)
    video = Clip("v", [tensor(one) for one in pictures], [torch.from_numpy(one) for one in labels])
    [picture], [label] = make_clip(frames=1, ids=(1, 2))
    label = torch.from_numpy(label)
    grown = torch.nn.functional.max_pool2d(label[None].float(), 7, stride=1, padding=3)[0]
    label = torch.where((label == 0) & (grown > 0), 255, label)
    return [video, Clip("s", [tensor(picture)], [label], "things")]


@pytest.fixture(scope="module")
def sequences(mixed):
    return [make(mixed, number) for number in range(16)]


def tensor(picture):
    return torch.from_numpy(picture).permute(2, 0, 1).contiguous()


def make(clips, number, seed=0, count=10):
    return LongSequenceMaker(clips, seed, SIZE, count).make(number)


def test_sequence_depends_on_its_number_and_the_seed_alone(mixed):
    global_state = torch.get_rng_state()
    first, again = make(mixed, 3), make(mixed, 3)
    assert torch.equal(global_state, torch.get_rng_state())
    for one, other in zip(first.frames + first.labels, again.frames + again.labels, strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(first.frames[0], make(mixed, 4).frames[0])
    assert not np.array_equal(first.frames[0], make(mixed, 3, seed=1).frames[0])


def test_ids_are_those_of_the_first_frame(sequences):
    counts = set()
    for sequence in sequences:
        assert len(sequence.frames) == len(sequence.labels) == 10
        assert sequence.frames[0].shape == (*SIZE, 3)
        assert sequence.frames[0].dtype == sequence.labels[0].dtype == np.uint8
        ids = list(range(1, sequence.object_count + 1))
        assert sorted(set(np.unique(sequence.labels[0])) - {0, 255}) == ids
        for labels in sequence.labels:
            assert set(np.unique(labels)) <= {0, 255, *ids}
        counts.add(len(ids))
    assert {1, 2} <= counts


def test_an_object_keeps_its_colour(sequences):
    """Discs are red or blue, so a label that changed its object would change its colour."""
    compared = 0
    for sequence in sequences:
        for k in range(1, sequence.object_count + 1):
            shades = [
                (frame[labels == k, 0].astype(float) - frame[labels == k, 2]).mean() > 0
                for frame, labels in zip(sequence.frames, sequence.labels, strict=True)
                if (labels == k).sum() > 20
            ]
            assert len(set(shades)) == 1
            compared += len(shades) > 4
    assert compared > 15


def test_objects_leave_and_come_back(sequences):
    objects = returned = 0
    for sequence in sequences:
        for k in range(1, sequence.object_count + 1):
            visible = [bool((labels == k).any()) for labels in sequence.labels]
            away = visible.index(False) if False in visible else len(visible)
            objects += 1
            returned += any(visible[away + 1 :])
    assert returned / objects > 0.15


def test_look_alikes_may_appear_late(mixed, monkeypatch):
    """All that is pasted is a look-alike that is not tracked, so nothing of it is labelled."""
    for name, value in (
        ("LOOKALIKE_SHARE", 1.0),
        ("TRACKED_LOOKALIKE_SHARE", 0.0),
        ("HIDDEN_SHARE", 0.0),
        ("PASTED_COUNTS", (3,)),
    ):
        monkeypatch.setattr(long_sequences, name, value)
    draw, hidden = long_sequences.draw, []

    def note(scene, size):
        hidden.extend(layer.hidden for layer in scene.layers)
        return draw(scene, size)

    monkeypatch.setattr(long_sequences, "draw", note)
    shown = {}
    for share in (0.0, 1.0):
        monkeypatch.setattr(long_sequences, "LATE_SHARE", share)
        hidden.clear()
        make(mixed, 2)
        shown[share] = list(hidden)
    assert all(len(one) == 0 for one in shown[0.0])
    assert all(one.start == 0 and 1 <= one.stop <= 5 for one in shown[1.0])
    assert len(shown[1.0]) >= 3


def test_unknown_pixels_are_kept_and_are_never_an_object(mixed):
    seen = 0
    for number in range(4):
        seen += sum(bool((labels == 255).any()) for labels in make(mixed[1:], number).labels)
    assert seen > 20


def test_clips_without_objects_are_refused(mixed, monkeypatch):
    monkeypatch.setattr(long_sequences, "ATTEMPTS", 3)
    empty = Clip("empty", mixed[0].frames, [torch.zeros_like(one) for one in mixed[0].labels])
    with pytest.raises(InputError, match="none shows an object in its first frame"):
        make([empty], 0)
