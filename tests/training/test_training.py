import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from rotoline.errors import ConfigError, InputError, WeightsError
from rotoline.io.weights import load_weights
from rotoline.nets.fast import FastNet
from rotoline.training import embedding, episodes, imagenet
from rotoline.training.clips import Clip, load_clips
from rotoline.training.embedding import EmbeddingTraining, one_cycle, train_embedding
from rotoline.training.episodes import EpisodeMaker

QUICK = {"height": 64, "width": 96, "save_every": 2}


@pytest.fixture
def clips(make_clip):
    """Two short clips as the training holds them."""
    made = []
    for name, ids in (("a", (1,)), ("b", (1, 1))):
        pictures, labels = make_clip(frames=5, ids=ids)
        frames = [torch.from_numpy(p).permute(2, 0, 1).contiguous() for p in pictures]
        made.append(Clip(name, frames, [torch.from_numpy(label) for label in labels]))
    return made


def fresh_net():
    torch.manual_seed(0)
    return FastNet()


def test_episodes_follow_from_seed_and_number(clips):
    maker = EpisodeMaker(clips, 7, (64, 96))
    first, again, other = maker.make(3, 0.5), maker.make(3, 0.5), maker.make(4, 0.5)
    assert torch.equal(first.frames, again.frames)
    assert torch.equal(first.priors, again.priors)
    assert not torch.equal(first.frames, other.frames)


def test_frame_and_mask_are_warped_together(clips, monkeypatch):
    """The object is far more colourful than its background, before and after."""
    monkeypatch.setattr(episodes, "PASTE_SHARE", 0.0)
    still = [Clip("still", clips[0].frames[:1], clips[0].labels[:1])]
    maker = EpisodeMaker(still, 0, (64, 96))
    for number in range(8):
        episode = maker.make(number, 1.0)
        contrast = episode.frames.amax(1) - episode.frames.amin(1)
        inside = episode.masks > 0.5
        if inside[0].any():
            assert contrast[inside].mean() > 2 * contrast[~inside].mean()


def test_gradients_reach_every_part_through_the_solver(clips):
    net = fresh_net().train()
    episode = EpisodeMaker(clips, 0, (64, 96)).make(0, 0.0)
    sum(embedding.episode_losses(net, episode, own_prior=True).values()).backward()
    without = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_training_lowers_the_loss(clips, tmp_path):
    config = EmbeddingTraining(steps=25, **QUICK)
    log = list(train_embedding(fresh_net(), clips, config, tmp_path))
    total = [record["rule"] + record["fused"] + record["propagated"] for record in log]
    assert np.mean(total[-5:]) < 0.9 * np.mean(total[:5])
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(25))


def test_resumed_training_equals_an_uninterrupted_one(clips, tmp_path):
    config = EmbeddingTraining(steps=4, **QUICK)
    whole, parts = fresh_net(), fresh_net()
    list(train_embedding(whole, clips, config, tmp_path / "whole"))
    stopped = train_embedding(parts, clips, config, tmp_path / "parts")
    for _ in range(3):  # stopped in step 3, after the checkpoint of step 2
        next(stopped)
    resumed = fresh_net()
    records = list(train_embedding(resumed, clips, config, tmp_path / "parts"))
    assert [record["step"] for record in records] == [2, 3]
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_checkpoint_of_other_settings_is_refused(clips, tmp_path):
    list(train_embedding(fresh_net(), clips, EmbeddingTraining(steps=2, **QUICK), tmp_path))
    with pytest.raises(ConfigError, match="steps"):
        next(train_embedding(fresh_net(), clips, EmbeddingTraining(steps=3, **QUICK), tmp_path))


def test_damaged_checkpoint_is_refused(clips, tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes(b"broken")
    with pytest.raises(WeightsError, match="damaged"):
        next(train_embedding(fresh_net(), clips, EmbeddingTraining(**QUICK), tmp_path))


def test_rate_rises_and_falls_once():
    rates = [one_cycle(step / 100) for step in range(101)]
    peak = int(np.argmax(rates))
    assert max(rates) <= 1.03
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def write_data(folder, clips):
    for clip in clips:
        frames = folder / "davis-2016-train" / "JPEGImages" / "480p" / clip.name
        masks = folder / "davis-2016-train" / "Annotations" / "480p" / clip.name
        frames.mkdir(parents=True)
        masks.mkdir(parents=True)
        for index, (frame, label) in enumerate(zip(clip.frames, clip.labels, strict=True)):
            picture = Image.fromarray(frame.permute(1, 2, 0).numpy())
            picture.save(frames / f"{index:05d}.jpg")
            Image.fromarray(label.numpy() > 0).save(masks / f"{index:05d}.png")


def test_data_folder_is_read_without_what_is_left_out(clips, tmp_path):
    write_data(tmp_path, clips)
    found = load_clips(tmp_path, leave_out=["a"])
    assert [clip.name for clip in found] == ["b"]
    assert torch.equal(found[0].labels[2] > 0, clips[1].labels[2] > 0)
    with pytest.raises(InputError, match="no training sequence"):
        load_clips(tmp_path / "none", ())


def test_command_trains_and_writes_weights_that_load(clips, tmp_path, monkeypatch):
    write_data(tmp_path, clips)
    monkeypatch.setattr(embedding, "load_imagenet_weights", lambda backbone: None)
    from typer.testing import CliRunner

    from rotoline.cli import app

    arguments = ["train", "embedding", "--data", tmp_path, "--output", tmp_path / "out"]
    for setting in ("steps=2", "height=64", "width=96", "seed=5"):
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
from rotoline.nets.fast import FastNet
from rotoline.training.clips import load_clips
from rotoline.training.embedding import EmbeddingTraining, train_embedding
from rotoline.training.processes import process_rank, start_processes, stop_processes
data, out = map(Path, sys.argv[1:])
start_processes()
torch.manual_seed(0)
net = FastNet()
config = EmbeddingTraining(steps=2, height=64, width=96)
list(train_embedding(net, load_clips(data, ()), config, out))
total = float(sum(p.double().sum() for p in net.parameters()))
(out / f"{process_rank()}.txt").write_text(str(total))
stop_processes()
"""


def test_two_processes_train_one_network(clips, tmp_path):
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
