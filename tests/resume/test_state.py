"""What a run keeps to go on from: the state of each system, and the files that hold it."""

import numpy as np
import pytest
import torch

import rotoline
from rotoline.annotations import GivenMasks, by_index
from rotoline.config import read_config
from rotoline.errors import InputError, OutputError
from rotoline.io.frame_store import FrameStore, open_store, temporary_store
from rotoline.io.tensor_files import read_tensors, write_tensors
from rotoline.pipeline import BACKWARDS, segment, track_clip


def late_masks(labels):
    """Object 1 is marked in frame 1, object 2 in frame 4."""
    return {1: np.where(labels[1] == 1, 1, 0), 4: np.where(labels[4] == 2, 2, 0)}


def check_checkpoints(make_tracker, pictures, masks, tmp_path, stride=1):
    """Go on from checkpoints of a run, through a file, and compare the results."""
    waiting, checkpoints, expected = {}, [], {}
    for step in track_clip(
        pictures, GivenMasks(by_index(masks)), make_tracker(), waiting, is_due=lambda: True
    ):
        checkpoints.append(step.checkpoint)
        if step.result is not None:
            expected[step.result.index] = step.result
    write_tensors(tmp_path / "learned.safetensors", checkpoints[0].tracker.learned, {})
    learned, _ = read_tensors(tmp_path / "learned.safetensors")
    for checkpoint in checkpoints[::stride]:
        write_tensors(tmp_path / "tracked.safetensors", checkpoint.tracker.tracked, {})
        tracked, _ = read_tensors(tmp_path / "tracked.safetensors")
        saved = checkpoint.tracker._replace(learned=learned, tracked=tracked)
        tracker = make_tracker()
        resumed = checkpoint._replace(tracker=saved)
        for step in track_clip(
            pictures, GivenMasks(by_index(masks)), tracker, dict(waiting), resumed=resumed
        ):
            if step.result is not None:
                found, result = step.result, expected[step.result.index]
                assert torch.equal(found.logits, result.logits)
                np.testing.assert_array_equal(found.labels, result.labels)
                assert found.confidence == result.confidence
        assert tracker.is_tuned == checkpoint.tracker.is_tuned


@pytest.mark.slow
@pytest.mark.parametrize("objects", [1, 2])
def test_fast_goes_on_from_every_frame(model, make_clip, small, tmp_path, objects):
    pictures, labels = make_clip(frames=7, ids=(1, 2)[:objects])
    masks = late_masks(labels) if objects == 2 else {3: labels[3]}
    config = read_config(small, None, ["online.update_every=2", "working_pixels=9216"])
    check_checkpoints(lambda: model.tracker(config=config), pictures, masks, tmp_path)


@pytest.mark.slow
@pytest.mark.tuning
def test_fast_goes_on_with_its_tuned_network(model, make_clip, small, tmp_path, monkeypatch):
    monkeypatch.setattr("rotoline.systems.fast.choice.is_not_worse", lambda *_: True)
    pictures, labels = make_clip(frames=3)
    config = read_config(small, None, ["tuning.steps=2"])
    check_checkpoints(lambda: model.tracker(config=config), pictures, labels[0], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("learner", "foreground", "objects"),
    [
        ("fine_tuning", "true", 1),
        ("fine_tuning", "true", 2),
        ("fine_tuning", "false", 2),
        ("linear_probe", "true", 2),
        ("joint", "true", 2),
        ("joint", "false", 2),
    ],
)
def test_paper_goes_on_in_the_middle(
    paper_weights, make_clip, tmp_path, learner, foreground, objects
):
    pictures, labels = make_clip(frames=3, ids=(1, 2)[:objects])
    chosen = {
        "fine_tuning": ["learner.steps=2"],
        "joint": ["learner.steps=2", "learner.networks=joint"],
        "linear_probe": ["learner.method=linear_probe", "learner.max_iterations=2"],
    }
    settings = [*chosen[learner], f"learner.tune_foreground={foreground}"]
    config = read_config(rotoline.PAPER, None, ["working_pixels=9216", *settings])
    model = rotoline.load_model(paper_weights, "paper")
    check_checkpoints(lambda: model.tracker(config=config), pictures, labels[0], tmp_path, 2)


def test_backward_pass_is_reported_under_its_own_name(model, make_clip, small):
    pictures, labels = make_clip(frames=6, ids=(1, 2))
    reported = []
    tracker = model.tracker(config=small, report=reported.append)
    list(segment(pictures, late_masks(labels), tracker))
    numbers = [(one.done, one.total) for one in reported if one.stage == BACKWARDS]
    assert numbers == [(1, 3), (2, 3), (3, 3)]


def test_tensors_come_back_with_their_strides(tmp_path):
    plain = torch.arange(48, dtype=torch.float32).reshape(1, 2, 4, 6)
    tensors = {
        "plain": plain,
        "same": plain,
        "last": plain.to(memory_format=torch.channels_last),
        "turned": plain[0, 0].T,
        "one": torch.tensor(3),
        "none": torch.zeros(0, 4),
        "shared": torch.ones(1).expand(3),
        "truth": torch.tensor([True, False]),
    }
    write_tensors(tmp_path / "a.safetensors", tensors, {"frame": 3, "names": ["ä"]})
    found, facts = read_tensors(tmp_path / "a.safetensors")
    assert facts == {"frame": 3, "names": ["ä"]}
    assert list(found) == sorted(tensors)
    for name, value in tensors.items():
        assert torch.equal(found[name], value)
        assert found[name].dtype == value.dtype
        if name != "shared":
            assert found[name].stride() == value.stride()


def test_store_is_what_it_was_at_an_earlier_moment(tmp_path):
    path = tmp_path / "store"
    store = open_store(path)
    store[4], store[2] = b"four", b""
    end = store.end
    store[4] = b"changed"
    assert store[4] == b"changed"
    store.close()
    store = open_store(path, end)
    assert {index: store[index] for index in store} == {4: b"four", 2: b""}
    store[9] = b"nine"
    assert [store[index] for index in (9, 4)] == [b"nine", b"four"]
    store.close()
    for wrong in (end - 1, end + 1000):
        with pytest.raises(InputError, match="--overwrite"):
            open_store(path, wrong)


def test_store_goes_to_the_disk_when_it_is_large(monkeypatch):
    monkeypatch.setattr("rotoline.io.frame_store.MEGABYTES_IN_MEMORY", 1)
    store = temporary_store()
    for index in range(3):
        assert store._file._rolled == (index > 1)
        store[index] = bytes([index]) * 500_000
    store[3] = b"3"
    assert store._file._rolled
    assert [store[index][:1] for index in range(4)] == [b"\0", b"\1", b"\2", b"3"]
    store.close()


def test_store_on_a_full_disk_says_so(tmp_path):
    class Full:
        def tell(self):
            return 0

        def seek(self, at):
            raise OSError(28, "No space left on device")

    store = FrameStore(Full(), tmp_path / "waiting", {})
    with pytest.raises(OutputError, match="waiting: No space left on device; free some space"):
        store[0] = b"data"
    assert not store
