"""The training of the networks of the preset `fast`."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rotoline.config import read_config
from rotoline.data import scene_planner
from rotoline.data.episode_maker import EpisodeMaker
from rotoline.errors import ConfigError, WeightsError
from rotoline.systems.fast.network import FastNet, network_from_state
from rotoline.training import fast, session
from rotoline.training.batch_losses import batch_losses
from rotoline.training.checkpoints import find_checkpoint
from rotoline.training.fast import FastRecipe, FastTraining, one_cycle
from rotoline.training.loop import run
from rotoline.weights import imagenet
from rotoline.weights.files import read_weights, save_weights
from rotoline.weights.regions import shipped_region_numbers

QUICK = ("crop.height=32", "crop.width=64")


@pytest.fixture(autouse=True)
def _frequent_checkpoints(monkeypatch):
    monkeypatch.setattr(fast, "CHECKPOINT_EVERY", 2)


def settings(*changes):
    return read_config(FastTraining(), None, [*QUICK, *changes])


def train_fast(net, clips, chosen, folder):
    return run(FastRecipe(chosen).prepare(net, clips), folder)


def fresh_net():
    torch.manual_seed(0)
    return FastNet()


def copied(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


def assert_same(one, other):
    assert one.keys() == other.keys()
    assert [name for name, value in one.items() if not torch.equal(value, other[name])] == []


@pytest.mark.slow
def test_training_lowers_the_loss(clips, tmp_path, monkeypatch):
    """On episodes that it was not trained on; what comes into view needs more than ten steps."""
    monkeypatch.setattr(fast, "EMA_DECAY", 0.0)
    for share in ("PAN_SHARE", "COVER_SHARE"):
        monkeypatch.setattr(scene_planner, share, 0.0)
    config = settings("steps=10", "batch=2", "optimiser.learning_rate=1.5e-2")
    net = fresh_net()
    unseen = EpisodeMaker.of(clips, 1, (32, 64), torch.device("cpu")).make(range(8), 0.0)

    @torch.no_grad()
    def total():
        return float(sum(batch_losses(net, unseen).values()))

    before = total()
    list(train_fast(net, clips, config, tmp_path))
    assert total() < 0.95 * before
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(10))


@pytest.mark.slow
def test_resumed_training_equals_an_uninterrupted_one(clips, tmp_path, monkeypatch):
    """Bit for bit: the result, and with it the running mean, and all that a checkpoint holds."""
    monkeypatch.setattr(fast, "EMA_DECAY", 0.5)
    config = settings("steps=4", "batch=2")
    whole, parts = fresh_net(), fresh_net()
    list(train_fast(whole, clips, config, tmp_path / "whole"))
    stopped = train_fast(parts, clips, config, tmp_path / "parts")
    for _ in range(3):  # stopped in step 3, after the checkpoint of step 2
        next(stopped)
    resumed = FastNet()
    records = list(train_fast(resumed, clips, config, tmp_path / "parts"))
    assert [record["step"] for record in records] == [2, 3]
    assert_same(whole.state_dict(), resumed.state_dict())
    one, other = (find_checkpoint(tmp_path / part) for part in ("whole", "parts"))
    assert len(one) > 1
    assert max(path.stat().st_size for path in one) < 16 * 2**20
    for path, same in zip(one, other, strict=True):
        assert_same(load_file(path), load_file(same))
    # Once finished, there is nothing left to do, and the result is the same.
    finished = FastNet()
    assert list(train_fast(finished, clips, config, tmp_path / "parts")) == []
    assert_same(whole.state_dict(), finished.state_dict())


@pytest.mark.slow
def test_running_mean_is_what_is_left_and_saved(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(fast, "EMA_DECAY", 0.75)
    config = settings("steps=3")
    torch.manual_seed(config.seed)
    net = FastNet()
    net.load_state_dict(shipped_region_numbers(), strict=False)
    steps = [copied(net) for _ in train_fast(net, clips, config, tmp_path / "a")]
    first, second, third = steps
    for name, value in net.state_dict().items():
        mean = 0.75 * (0.75 * first[name] + 0.25 * second[name]) + 0.25 * third[name]
        torch.testing.assert_close(value, mean.to(value.dtype), rtol=1e-5, atol=1e-7)
    assert not torch.equal(net.logit_scale, third["logit_scale"])

    monkeypatch.setattr(fast, "load_imagenet_weights", lambda backbone: None)
    monkeypatch.setattr(session, "load_clips", lambda data, leave_out, short_side: clips)
    train(tmp_path / "b", config)
    _, saved = read_weights(tmp_path / "b" / "fast.safetensors")
    assert_same(saved, {name: value.half().float() for name, value in net.state_dict().items()})


def train(folder, config, start=None):
    """Train on what `load_clips` gives."""
    return list(session.train(FastRecipe(config, start), folder, folder))


@pytest.mark.parametrize("frozen", [0, 2])
@pytest.mark.slow
def test_frozen_blocks_stay_as_they_were(clips, tmp_path, monkeypatch, frozen):
    monkeypatch.setattr(fast, "FROZEN_BLOCKS", frozen)
    net = fresh_net()
    before = copied(net)
    list(train_fast(net, clips, settings("steps=1"), tmp_path))
    weights = dict(net.encoder.backbone.named_parameters())
    first = [
        name
        for name in weights
        if name.startswith(("_conv_stem", "_bn0", "_blocks.0.", "_blocks.1."))
    ]
    changed = {
        name
        for name, value in weights.items()
        if not torch.equal(value, before[f"encoder.backbone.{name}"])
    }
    assert changed.isdisjoint(first) is bool(frozen)
    assert any(name.startswith("_blocks.2.") for name in changed)


@pytest.mark.slow
def test_training_goes_on_from_weights_with_fewer_parts(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "load_clips", lambda data, leave_out, short_side: clips)
    old = fresh_net()
    del old.memory_readout, old.refinement.in_conv_others
    start = tmp_path / "old.safetensors"
    about = {"licence": "", "data": "four frames", "command": "", "commit": "", "seed": 0}
    written = save_weights(start, old, {**about, "steps": 7})
    rates = ("optimiser.learning_rate=1e-12", "optimiser.backbone_learning_rate=1e-12")
    still = settings("steps=1", "seed=3", *rates)
    train(tmp_path / "new", still, start)
    record, found = read_weights(tmp_path / "new" / "fast.safetensors")
    assert network_from_state(found).memory_readout.log_local_sharpness.isfinite()
    _, kept = read_weights(start)
    assert_same(kept, {name: found[name] for name in kept})
    assert f"weights {written.sha256[:16]} (7 steps on four frames)" in record.data


def test_training_does_not_go_on_from_foreign_weights(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "load_clips", lambda data, leave_out, short_side: clips)
    about = {"licence": "", "data": "", "command": "", "commit": "", "seed": 0, "steps": 0}
    other = FastNet()
    other.memory_readout = torch.nn.Linear(2, 2)
    save_weights(tmp_path / "other.safetensors", other, about)
    with pytest.raises(WeightsError, match=r"holds memory_readout\.\w+, which does not fit"):
        train(tmp_path, settings("steps=1"), tmp_path / "other.safetensors")


@pytest.mark.slow
def test_checkpoint_of_other_settings_is_refused(clips, tmp_path):
    list(train_fast(fresh_net(), clips, settings("steps=2"), tmp_path))
    other = settings("steps=3", "optimiser.weight_decay=0.5")
    with pytest.raises(ConfigError, match=r"\(optimiser.weight_decay, steps\)"):
        next(train_fast(fresh_net(), clips, other, tmp_path))


@pytest.mark.slow
def test_checkpoint_of_which_a_file_is_missing_does_not_count(clips, tmp_path):
    config = settings("steps=4")
    training = train_fast(fresh_net(), clips, config, tmp_path)
    for _ in range(3):
        next(training)
    kept = {path.name: path.read_bytes() for path in find_checkpoint(tmp_path)}
    list(training)
    find_checkpoint(tmp_path)[-1].unlink()  # as if the program had been killed while writing
    for name, data in kept.items():
        (tmp_path / name).write_bytes(data)
    records = list(train_fast(fresh_net(), clips, config, tmp_path))
    assert [record["step"] for record in records] == [2, 3]
    whole = find_checkpoint(tmp_path)
    assert sorted(tmp_path.glob("checkpoint*")) == whole


def test_damaged_checkpoint_is_refused(clips, tmp_path):
    (tmp_path / "checkpoint-000002-1-of-1.safetensors").write_bytes(b"broken")
    with pytest.raises(WeightsError, match="damaged"):
        next(train_fast(fresh_net(), clips, settings(), tmp_path))


@pytest.mark.slow
def test_checkpoint_of_another_network_is_refused(clips, tmp_path):
    config, other = settings("steps=1"), fresh_net()
    list(train_fast(other, clips, config, tmp_path))
    other.memory_readout.extra = torch.nn.Parameter(torch.zeros(1))
    with pytest.raises(WeightsError, match="another network"):
        next(train_fast(other, clips, config, tmp_path))


def test_learning_rate_rises_and_falls_once():
    rates = [one_cycle(step / 100) for step in range(101)]
    peak = int(np.argmax(rates))
    assert max(rates) <= 1.03
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-9)


@pytest.mark.slow
def test_command_trains_and_writes_weights_that_load(
    clips, tmp_path, call, write_data, monkeypatch
):
    write_data(tmp_path, clips)
    monkeypatch.setattr(fast, "load_imagenet_weights", lambda backbone: None)
    arguments = ["train", "fast", "--data", tmp_path, "--output", tmp_path / "out"]
    for setting in (*QUICK, "steps=2", "seed=5"):
        arguments += ["--set", setting]
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    record, state = read_weights(tmp_path / "out" / "fast.safetensors")
    network_from_state(state)
    assert "fast.safetensors is ready" in "".join(result.output.splitlines())
    assert (record.seed, record.steps) == (5, 2)
    assert "2 sequences" in record.data


def test_missing_and_foreign_start_weights_are_refused(tmp_path, monkeypatch):
    backbone = FastNet().encoder.backbone
    monkeypatch.setattr(imagenet, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"rotoline\[train\]"):
        imagenet.load_imagenet_weights(backbone)

    class Spec:
        origin = str(tmp_path / "__init__.py")

    (tmp_path / "models").mkdir()
    (tmp_path / imagenet.FILE).write_bytes(b"something else")
    monkeypatch.setattr(imagenet, "find_spec", lambda name: Spec)
    with pytest.raises(WeightsError, match="SHA-256"):
        imagenet.load_imagenet_weights(backbone)


PROGRAM = """
import sys, torch
from pathlib import Path
from rotoline.config import read_config
from rotoline.data.training_clips import load_clips
from rotoline.systems.fast.network import FastNet
from rotoline.training.distributed import process_rank, start_processes, stop_processes
from rotoline.training.fast import FastRecipe, FastTraining
from rotoline.training.loop import run
data, out = map(Path, sys.argv[1:])
start_processes(torch.device("cpu"))
torch.manual_seed(0)
net = FastNet()
settings = read_config(FastTraining(), None, ["steps=2", "crop.height=32", "crop.width=64"])
list(run(FastRecipe(settings).prepare(net, load_clips(data, ())), out))
total = float(sum(p.double().sum() for p in net.parameters()))
(out / f"{process_rank()}.txt").write_text(str(total))
stop_processes()
"""


@pytest.mark.slow
def test_two_processes_train_one_network(clips, tmp_path, write_data):
    write_data(tmp_path, clips)
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [tmp_path / "program.py", tmp_path, tmp_path / "out"]
    done = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    sums = [(tmp_path / "out" / f"{rank}.txt").read_text() for rank in range(2)]
    assert sums[0] == sums[1]
    assert len((tmp_path / "out" / "log.jsonl").read_text().splitlines()) == 2
