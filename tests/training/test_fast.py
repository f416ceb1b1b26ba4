import json
import os
import subprocess
import sys
from itertools import islice

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rotoline.errors import ConfigError, InputError, WeightsError
from rotoline.weights.files import load_weights, read_weights, save_weights
from rotoline.systems.fast.network import FastNet
from rotoline.training import embedding, imagenet
from rotoline.training.checkpoints import NAME
from rotoline.data.training_clips import load_clips
from rotoline.training.fast import FastTraining, one_cycle, train_fast
from rotoline.data.episodes import EpisodeMaker

QUICK = {"height": 32, "width": 64, "save_every": 2}


def fresh_net():
    torch.manual_seed(0)
    return FastNet()


def copied(net):
    return {name: value.clone() for name, value in net.state_dict().items()}


def assert_same(one, other):
    assert one.keys() == other.keys()
    assert [name for name, value in one.items() if not torch.equal(value, other[name])] == []


def visible_episodes(maker, objects):
    """Episodes with that many objects, all visible, and with everything switched on."""
    for number in range(200):
        episode = maker.make(number, 0.0)
        visible = episode.masks.flatten(2).sum(2).min() > 30
        if len(episode.masks) == objects and visible and episode.recalls:
            yield episode


def test_gradients_reach_every_part_through_the_solver(clips):
    net = fresh_net().train()
    episode = next(visible_episodes(EpisodeMaker(clips, 0, (64, 96)), 2))
    losses = embedding.episode_losses(net, episode, rival_share=0.2)
    assert all(loss > 0 for loss in losses.values())
    sum(losses.values()).backward()
    without = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_objects_compete_only_where_there_are_two(clips):
    episode = next(visible_episodes(EpisodeMaker(clips, 0, (32, 64)), 1))
    losses = embedding.episode_losses(fresh_net(), episode, rival_share=0.2)
    assert losses["competing"] == 0
    assert all(losses[name] > 0 for name in ("rule", "fused", "propagated"))


def test_training_lowers_the_loss(clips, tmp_path):
    """On episodes that it was not trained on."""
    config = FastTraining(steps=10, rate=1.5e-2, average=0.0, **QUICK)
    net, episodes = fresh_net(), EpisodeMaker(clips, 1, (32, 64))
    unseen = [
        episode for count in (1, 2) for episode in islice(visible_episodes(episodes, count), 2)
    ]

    @torch.no_grad()
    def total():
        losses = [embedding.episode_losses(net, episode, 0.2) for episode in unseen]
        return sum(float(sum(parts.values())) for parts in losses)

    before = total()
    list(train_fast(net, clips, config, tmp_path))
    assert total() < 0.95 * before
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(10))


def test_resumed_training_equals_an_uninterrupted_one(clips, tmp_path):
    """Bit for bit: the result, and with it the running mean, and all that a checkpoint holds."""
    config = FastTraining(steps=4, average=0.5, **QUICK)
    whole, parts = fresh_net(), fresh_net()
    list(train_fast(whole, clips, config, tmp_path / "whole"))
    stopped = train_fast(parts, clips, config, tmp_path / "parts")
    for _ in range(3):  # stopped in step 3, after the checkpoint of step 2
        next(stopped)
    resumed = FastNet()
    records = list(train_fast(resumed, clips, config, tmp_path / "parts"))
    assert [record["step"] for record in records] == [2, 3]
    assert_same(whole.state_dict(), resumed.state_dict())
    assert_same(*(load_file(tmp_path / run / NAME) for run in ("whole", "parts")))
    # Once finished, there is nothing left to do, and the result is the same.
    finished = FastNet()
    assert list(train_fast(finished, clips, config, tmp_path / "parts")) == []
    assert_same(whole.state_dict(), finished.state_dict())


def test_running_mean_is_what_is_left_and_saved(clips, tmp_path, monkeypatch):
    config = FastTraining(steps=3, average=0.75, **QUICK)
    torch.manual_seed(config.seed)
    net = FastNet()
    steps = [copied(net) for _ in train_fast(net, clips, config, tmp_path / "a")]
    first, second, third = steps
    for name, value in net.state_dict().items():
        mean = 0.75 * (0.75 * first[name] + 0.25 * second[name]) + 0.25 * third[name]
        torch.testing.assert_close(value, mean.to(value.dtype), rtol=1e-5, atol=1e-7)
    assert not torch.equal(net.scale, third["scale"])

    monkeypatch.setattr(embedding, "load_imagenet_weights", lambda backbone: None)
    monkeypatch.setattr(embedding, "load_clips", lambda data, leave_out: clips)
    train(tmp_path / "b", config)
    _, saved = read_weights(tmp_path / "b" / "fast.safetensors")
    assert_same(saved, {name: value.half().float() for name, value in net.state_dict().items()})


def train(folder, config, start=None):
    """Train on what `load_clips` gives."""
    settings = {"leave_out": (), "start": start, "command": "rotoline train embedding"}
    return list(embedding.train_to_folder(folder, folder, config, **settings))


@pytest.mark.parametrize("frozen", [0, 2])
def test_frozen_blocks_stay_as_they_were(clips, tmp_path, frozen):
    net = fresh_net()
    before = copied(net)
    config = FastTraining(steps=1, frozen_blocks=frozen, **QUICK)
    list(train_fast(net, clips, config, tmp_path))
    weights = dict(net.embedding.backbone.named_parameters())
    first = [
        name
        for name in weights
        if name.startswith(("_conv_stem", "_bn0", "_blocks.0.", "_blocks.1."))
    ]
    changed = {
        name
        for name, value in weights.items()
        if not torch.equal(value, before[f"embedding.backbone.{name}"])
    }
    assert changed.isdisjoint(first) is bool(frozen)
    assert any(name.startswith("_blocks.2.") for name in changed)


def test_training_goes_on_from_weights_with_fewer_parts(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "load_clips", lambda data, leave_out: clips)
    old = fresh_net()
    del old.recall, old.fusion.enter_rivals
    start = tmp_path / "old.safetensors"
    about = {"licence": "", "data": "four frames", "command": "", "commit": "", "seed": 0}
    written = save_weights(start, old, {**about, "steps": 7})
    still = FastTraining(steps=1, rate=1e-12, backbone_rate=1e-12, seed=3, **QUICK)
    train(tmp_path / "new", still, start)
    net, record = load_weights(tmp_path / "new" / "fast.safetensors")
    assert net.recall.log_near.isfinite()
    _, kept = read_weights(start)
    _, found = read_weights(tmp_path / "new" / "fast.safetensors")
    assert_same(kept, {name: found[name] for name in kept})
    assert f"weights {written.sha256[:16]} (7 steps on four frames)" in record.data


def test_training_does_not_go_on_from_foreign_weights(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "load_clips", lambda data, leave_out: clips)
    about = {"licence": "", "data": "", "command": "", "commit": "", "seed": 0, "steps": 0}
    other = FastNet()
    other.recall = torch.nn.Linear(2, 2)
    save_weights(tmp_path / "other.safetensors", other, about)
    with pytest.raises(WeightsError, match=r"holds recall\.\w+, which does not fit"):
        train(tmp_path, FastTraining(steps=1, **QUICK), tmp_path / "other.safetensors")


def test_checkpoint_of_other_settings_is_refused(clips, tmp_path):
    list(train_fast(fresh_net(), clips, FastTraining(steps=2, **QUICK), tmp_path))
    with pytest.raises(ConfigError, match="steps"):
        next(train_fast(fresh_net(), clips, FastTraining(steps=3, **QUICK), tmp_path))


def test_damaged_checkpoint_is_refused(clips, tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes(b"broken")
    with pytest.raises(WeightsError, match="damaged"):
        next(train_fast(fresh_net(), clips, FastTraining(**QUICK), tmp_path))


def test_checkpoint_of_another_network_is_refused(clips, tmp_path):
    config, other = FastTraining(steps=1, **QUICK), fresh_net()
    list(train_fast(other, clips, config, tmp_path))
    other.recall.extra = torch.nn.Parameter(torch.zeros(1))
    with pytest.raises(WeightsError, match="another network"):
        next(train_fast(other, clips, config, tmp_path))


def test_rate_rises_and_falls_once():
    rates = [one_cycle(step / 100) for step in range(101)]
    peak = int(np.argmax(rates))
    assert max(rates) <= 1.03
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_data_folder_is_read_without_what_is_left_out(clips, tmp_path, write_data):
    write_data(tmp_path, clips)
    found = load_clips(tmp_path, leave_out=["a"])
    assert [clip.name for clip in found] == ["b"]
    assert torch.equal(found[0].labels[2] > 0, clips[1].labels[2] > 0)
    with pytest.raises(InputError, match="no training sequence"):
        load_clips(tmp_path / "none", ())


def test_command_trains_and_writes_weights_that_load(clips, tmp_path, monkeypatch, write_data):
    write_data(tmp_path, clips)
    monkeypatch.setattr(embedding, "load_imagenet_weights", lambda backbone: None)
    from typer.testing import CliRunner

    from rotoline.cli import app

    arguments = ["train", "embedding", "--data", tmp_path, "--output", tmp_path / "out"]
    for setting in ("steps=2", "height=32", "width=64", "seed=5"):
        arguments += ["--set", setting]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    _, record = load_weights(tmp_path / "out" / "fast.safetensors")
    assert (record.seed, record.steps) == (5, 2)
    assert "2 sequences" in record.data


def test_missing_and_foreign_start_weights_are_refused(tmp_path, monkeypatch):
    backbone = FastNet().embedding.backbone
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
from rotoline.systems.fast.network import FastNet
from rotoline.data.training_clips import load_clips
from rotoline.training.fast import FastTraining, train_fast
from rotoline.training.distributed import process_rank, start_processes, stop_processes
data, out = map(Path, sys.argv[1:])
start_processes(torch.device("cpu"))
torch.manual_seed(0)
net = FastNet()
config = FastTraining(steps=2, height=32, width=64)
list(train_fast(net, load_clips(data, ()), config, out))
total = float(sum(p.double().sum() for p in net.parameters()))
(out / f"{process_rank()}.txt").write_text(str(total))
stop_processes()
"""


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
