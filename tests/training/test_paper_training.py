"""The trainings of the preset `paper`: samples, resuming, and the commands from end to end."""

import dataclasses
import json
import os
import subprocess
import sys
from itertools import islice

import pytest
import torch
from safetensors.torch import load_file

from rotoline.config import read_config
from rotoline.data.training_clips import Clip
from rotoline.systems.paper.network import PaperNet, network_from_state
from rotoline.systems.paper.segmentation import SegmentationNet
from rotoline.training import loop
from rotoline.training.checkpoints import find_checkpoint
from rotoline.training.paper_foreground import ForegroundRecipe, ForegroundTraining, FrameSamples
from rotoline.training.paper_spn import (
    CropSamples,
    PretrainedWeights,
    SpnRecipe,
    SpnTraining,
    coarse_scores,
    sample_class,
)
from rotoline.weights.files import read_weights


def foreground_settings(*changes):
    quick = ("steps=4", "crop.height=32", "crop.width=64", "optimiser.learning_rate=1e-3")
    return read_config(ForegroundTraining(), None, [*quick, *changes])


def spn_settings(*changes):
    quick = ("steps=3", "batch=1", "crop.height=32", "crop.width=32", "short_side=48")
    return read_config(SpnTraining(), None, [*quick, "optimiser.learning_rate=1e-2", *changes])


def run_with_checkpoints(training, folder):
    """Train with a checkpoint after every second step."""
    return loop.run(dataclasses.replace(training, checkpoint_every=2), folder)


def train_foreground(net, clips, chosen, folder):
    return run_with_checkpoints(ForegroundRecipe(chosen).prepare(net, clips), folder)


def train_spn(net, clips, folder):
    start = PretrainedWeights(folder / "none", None)
    return run_with_checkpoints(SpnRecipe(spn_settings(), start).prepare(net, clips), folder)


def paper_net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return PaperNet((1, 1, 1, 1)).requires_grad_(False).eval()


def foreground_net(measures):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = SegmentationNet((1, 1, 1, 1))
    return net, foreground_settings(f"measure_batch_statistics={str(measures).lower()}")


def assert_same(one, other):
    assert one.keys() == other.keys()
    assert [name for name, value in one.items() if not torch.equal(value, other[name])] == []


@pytest.mark.slow
@pytest.mark.parametrize("measures", [False, True])
def test_foreground_training_resumes_bit_for_bit(clips, tmp_path, measures):
    net, config = foreground_net(measures)
    whole = list(train_foreground(net, clips, config, tmp_path / "whole"))
    cut, _ = foreground_net(measures)
    list(islice(train_foreground(cut, clips, config, tmp_path / "cut"), 3))  # saved after 2
    again, _ = foreground_net(measures)
    rest = list(train_foreground(again, clips, config, tmp_path / "cut"))
    assert [record["step"] for record in rest] == [2, 3]
    assert [r["loss"] for r in rest] == [r["loss"] for r in whole[2:]]
    lines = (tmp_path / "cut" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 1, 2, 3]
    assert_same(net.state_dict(), again.state_dict())
    parts = zip(*(find_checkpoint(tmp_path / name) for name in ("whole", "cut")), strict=True)
    for one, other in parts:
        assert_same(load_file(one), load_file(other))
    start, _ = foreground_net(measures)
    moved = not torch.equal(start.backbone.bn1.running_mean, net.backbone.bn1.running_mean)
    assert moved is measures  # frozen unless they are measured


@pytest.mark.slow
def test_spn_training_resumes_bit_for_bit(clips, tmp_path):
    net, again = paper_net(), paper_net()
    whole = list(train_spn(net, clips, tmp_path / "whole"))
    list(islice(train_spn(paper_net(), clips, tmp_path / "cut"), 2))
    rest = list(train_spn(again, clips, tmp_path / "cut"))
    assert [record["step"] for record in rest] == [2]
    assert rest[0]["loss"] == whole[2]["loss"]
    assert_same(net.state_dict(), again.state_dict())
    assert_same(net.foreground.state_dict(), paper_net().foreground.state_dict())


def labelled_clip(size=(96, 144)):
    """One picture whose first channel is 40 times its label: three areas and the background."""
    rows, cols = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    labels = (1 + cols * 3 // size[1]) * (rows > size[0] // 4)
    frame = torch.stack([40 * labels, 200 * rows // size[0], 200 * cols // size[1]])
    return Clip("still", [frame.to(torch.uint8)], [labels.to(torch.uint8)])


def test_frames_and_masks_are_warped_together():
    wild = ("augmentation.scale=0.3", "augmentation.rotation=20", "augmentation.shift=0.2")
    samples = FrameSamples([labelled_clip()], foreground_settings(*wild, "batch=6"))
    frames, masks = samples.make(0, 0.0)
    assert (frames.shape, masks.shape) == ((6, 3, 32, 64), (6, 32, 64))
    assert masks.unique().tolist() == [0, 1]
    assert ((frames[:, 0] > 20) != (masks > 0)).float().mean() < 0.02
    again, _ = samples.make(0, 0.5)
    other, _ = samples.make(1, 0.0)
    assert torch.equal(frames, again)
    assert not torch.equal(frames, other)


def test_crops_show_one_class_against_the_rest_in_both_views():
    config = spn_settings("batch=12", "crop.height=64", "crop.width=64")
    views, masks = CropSamples([labelled_clip()], config).make(0, 0.0)
    assert (views.shape, masks.shape) == ((12, 2, 3, 64, 64), (12, 2, 64, 64))
    chosen = set()
    for pair, pair_masks in zip(views, masks, strict=True):
        inside = pair[1, 0][pair_masks[1] > 0]
        label = round(float(inside.median()) / 40)
        chosen.add(label)
        for view, mask in zip(pair, pair_masks, strict=True):
            is_class = (view[0] - 40 * label).abs() < 20
            assert (is_class != (mask > 0)).float().mean() < 0.03
        assert not torch.equal(pair[0], pair[1])
    assert chosen == {1, 2, 3}


def test_a_class_that_is_hardly_there_is_not_drawn(make_sampler):
    labels = torch.zeros(32, 32)
    labels[:16], labels[20, :5], labels[24:] = 3, 9, 7
    drawn = {sample_class(labels, make_sampler(seed)) for seed in range(30)}
    assert drawn == {3, 7}
    assert sample_class(torch.zeros(8, 8), make_sampler(0)) == 1


def test_coarse_scores_are_what_one_view_says_of_the_other(make_clip):
    pictures, labels = make_clip(frames=2, ids=(1,))
    views = torch.stack([torch.from_numpy(p).permute(2, 0, 1).float() for p in pictures])[None]
    first, second = (torch.from_numpy(label > 0) for label in labels)
    views, first, second = views[..., :128], first[:, :128], second[:, :128]
    scores = coarse_scores(paper_net().foreground, views, first[None].float())
    assert scores.shape == (1, 1, 96, 128)
    assert 0 <= scores.min() < scores.max() <= 1
    found = scores[0, 0] > 0.5
    assert (found & second).sum() / (found | second).sum() > 0.5
    edges = scores[0, 0].diff(dim=1).abs().max()
    assert edges < 0.3  # coarse: nothing is sharper than a pixel of the map at 1/8


@pytest.mark.slow
def test_commands_train_on_two_processes_and_hand_on_their_weights(
    clips, tmp_path, call, write_data
):
    """The real networks: foreground on two processes, the SPN from its result, then both."""
    write_data(tmp_path / "data", clips)
    data, out = ("--data", str(tmp_path / "data")), tmp_path / "foreground"
    settings = ["steps=2", "crop.height=32", "crop.width=64", "seed=5"]
    settings.append("optimiser.learning_rate=1e-4")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "rotoline", "--", "train", "paper-foreground", *data, "--output", str(out)]
    command += ["--start", "nothing", *(w for s in settings for w in ("--set", s))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    steps = [json.loads(line)["step"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert steps == [0, 1]
    weights = out / "foreground.safetensors"
    record, state = read_weights(weights)
    assert (record.seed, record.steps, record.name) == (5, 2, "foreground")
    assert "2 sequences" in record.data
    assert "start: nothing" in record.data

    settings = ["steps=1", "batch=1", "crop.height=32", "crop.width=32", "short_side=48"]
    settings.append("signed_gates=true")
    more = ["--foreground", weights, "--start", "nothing"]
    more += [w for s in settings for w in ("--set", s)]
    result = call("train", "paper-spn", *data, "--output", tmp_path / "out", *more)
    assert result.exit_code == 0, result.output
    both, tensors = read_weights(tmp_path / "out" / "paper.safetensors")
    assert both.network_options == {"signed_gates": True}
    net = network_from_state(tensors, **both.network_options)
    assert net.spn.signed_gates
    assert f"foreground: foreground, {record.sha256[:16]}" in both.data
    expected = {k.removeprefix("foreground."): v for k, v in state.items()}
    assert_same(dict(net.foreground.state_dict()), expected)


@pytest.mark.slow
def test_bad_arguments_end_with_a_message(
    clips, tmp_path, call, words_of, write_data, paper_weights, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    write_data(tmp_path, clips)
    data = ("--data", tmp_path, "--output", tmp_path / "out")
    cases = {
        "no training sequence": (
            *("paper-foreground", "--data", tmp_path / "none", "--output", tmp_path / "out"),
            *("--start", "nothing"),
        ),
        "crop.height": ("paper-foreground", *data, "--start", "nothing", "--set", "crop.height=48"),
        "holds neither a ResNet-101": ("paper-foreground", *data, "--start", paper_weights),
        "rotoline weights fetch": ("paper-foreground", *data, "--start", "resnet101-imagenet"),
        "there is no": (
            *("paper-spn", *data, "--start", "nothing"),
            *("--foreground", tmp_path / "none.safetensors"),
        ),
    }
    for message, arguments in cases.items():
        result = call("train", *arguments)
        assert result.exit_code == 2, message
        assert message in words_of(result)
        assert not list(tmp_path.glob("out/*.safetensors"))


@pytest.mark.parametrize(
    ("training", "old", "new"),
    [
        ("fast", "rate=1e-3", "optimiser.learning_rate"),
        ("fast", "average=0.9", "average is a constant"),
        ("paper-foreground", "measure_statistics=true", "measure_batch_statistics"),
        ("paper-foreground", "height=160", "crop.height"),
        ("paper-spn", "clip=1.0", "optimiser.max_gradient_norm"),
        ("paper-spn", "rotation=10", "augmentation.rotation"),
    ],
)
def test_old_names_of_settings_are_refused_with_the_new_ones(
    tmp_path, call, words_of, training, old, new
):
    more = ("--foreground", tmp_path / "none") if training == "paper-spn" else ()
    arguments = ("--data", tmp_path, "--output", tmp_path / "out", "--set", old)
    result = call("train", training, *arguments, *more)
    assert result.exit_code == 2
    assert "settings of rotoline 0.1" in words_of(result)
    assert new in words_of(result)
