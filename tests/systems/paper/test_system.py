"""The preset `paper` from marks to masks, with a shallow network, on a clip with known answers."""

import json
import re
import time

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from rotoline.model import load_model
from rotoline.cli import app
from rotoline.config import read_config
from rotoline.errors import ConfigError
from rotoline.io.masks import write_mask
from rotoline.weights.files import default_weights, load_paper_weights, save_weights
from rotoline.presets import FAST, PAPER

QUICK = ("foreground.pixels=9216", "adapt.steps=12", "adapt.rate=0.1", "adapt.momentum=0.9")


@pytest.fixture
def clip(tmp_path, make_clip):
    """A folder of four frames with two objects, the mask of the first, and the true labels."""
    pictures, labels = make_clip(frames=4, ids=(3, 8))
    folder = tmp_path / "frames"
    folder.mkdir()
    for index, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{index}.png")
    write_mask(tmp_path / "first.png", labels[0])
    return folder, tmp_path / "first.png", labels


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def segment(clip, output, *more, settings=QUICK):
    chosen = [word for setting in settings for word in ("--set", setting)]
    return call("segment", clip[0], "--masks", clip[1], "--output", output, *chosen, *more)


def words_of(result):
    return re.sub(r"\s+", " ", result.output + result.stderr)


def masks_in(output):
    return [np.asarray(Image.open(path)) for path in sorted((output / "masks").iterdir())]


def run(weights, make_clip, *settings, frames=3, ids=(3, 8)):
    pictures, labels = make_clip(frames=frames, ids=ids)
    config = read_config(PAPER, None, [*QUICK, *settings])
    return list(load_model(weights, "paper").segment(pictures, labels[0], config=config)), labels


@pytest.fixture(scope="module")
def plain(paper_weights):
    """A function giving the results of the quick configuration as it is, computed once."""
    kept = []

    def give(make_clip):
        if not kept:
            kept.extend(run(paper_weights, make_clip)[0])
        return kept

    return give


def test_command_learns_follows_and_can_be_repeated(clip, paper_weights, tmp_path, overlap):
    out, again = tmp_path / "out", tmp_path / "again"
    result = segment(clip, out, "--preset", "paper", "--weights", paper_weights)
    assert result.exit_code == 0, words_of(result)
    masks = masks_in(out)
    assert len(masks) == 4
    np.testing.assert_array_equal(masks[0], clip[2][0])
    for mask, truth in zip(masks[1:], clip[2][1:], strict=True):
        for object_id in (3, 8):
            assert overlap(mask, truth, object_id) > 0.3
    record = json.loads((out / "run.json").read_text())
    assert (record["config"]["preset"], record["config"]["adapt"]["steps"]) == ("paper", 12)
    more = ("--preset", "paper", "--weights", paper_weights, "--config", out / "run.json")
    assert segment(clip, again, *more, settings=()).exit_code == 0
    for one, other in zip(masks, masks_in(again), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "setting",
    [
        "adapt.whole=false",
        "adapt.foreground=false",
        "propagate.enabled=false",
        "foreground.limit=false",
        "regions.rule=script",
        "regions.rule=memory",
    ],
)
def test_every_box_can_be_left_out_or_changed(setting, plain, paper_weights, make_clip):
    results, labels = run(paper_weights, make_clip, setting)
    assert len(results) == len(labels)
    for result in results:
        assert set(np.unique(result.labels)) <= {0, 3, 8}
        assert result.confidence.keys() == {3, 8}
    assert any((a.logits != b.logits).any() for a, b in zip(results, plain(make_clip), strict=True))


def test_solved_heads_follow_their_objects(paper_weights, make_clip, overlap):
    results, labels = run(paper_weights, make_clip, "adapt.whole=false")
    for object_id in (3, 8):
        assert overlap(results[2].labels, labels[2], object_id) > 0.5


def test_no_object_is_outside_the_foreground(paper_weights, make_clip):
    """A generic network that finds nothing: nothing is left of the objects."""
    model = load_model(paper_weights, "paper")
    model.net.foreground.score.bias += torch.tensor([50.0, -50.0])
    pictures, labels = make_clip(frames=3, ids=(3, 8))
    config = read_config(PAPER, None, [*QUICK, "adapt.foreground=false", "adapt.whole=false"])
    _, *later = model.segment(pictures, labels[0], config=config)
    assert not any(result.labels.any() for result in later)


def test_objects_in_one_batch_come_out_the_same(paper_weights, make_clip):
    short = ("adapt.steps=5", "adapt.together=3")
    together, _ = run(paper_weights, make_clip, *short)
    alone, _ = run(paper_weights, make_clip, short[0])
    for one, other in zip(together, alone, strict=True):
        assert (one.labels != other.labels).mean() < 0.001


def test_a_budget_ends_the_learning_and_not_the_run(clip, paper_weights, tmp_path):
    paper = ("--preset", "paper", "--weights", paper_weights)
    began = time.perf_counter()
    result = segment(clip, tmp_path / "out", *paper, "--budget", "0.3", "--steps", "1000")
    assert result.exit_code == 0, words_of(result)
    assert time.perf_counter() - began < 60  # a thousand steps for three networks take minutes
    assert len(masks_in(tmp_path / "out")) == 4


def test_mismatches_are_refused_before_anything_is_written(clip, paper_weights, tmp_path):
    net, _ = load_paper_weights(paper_weights)
    net.propagation = None
    words = dict.fromkeys(("licence", "data", "command", "commit"), "test")
    half = tmp_path / "half.safetensors"
    save_weights(half, net, {**words, "seed": 0, "steps": 0})
    cases = {
        "ships no weights; give --weights": ("--preset", "paper"),
        "holds no network of the preset paper": (
            *("--preset", "paper", "--weights", default_weights()),
        ),
        "holds another network": ("--weights", paper_weights),
        "hold no propagation network; train one": ("--preset", "paper", "--weights", half),
        "preset fast solves its objects": ("--budget", "5"),
        "solved heads (adapt.whole=false) have no steps": (
            *("--preset", "paper", "--weights", paper_weights),
            *("--steps", "5", "--set", "adapt.whole=false"),
        ),
    }
    for message, more in cases.items():
        settings = () if "paper" not in more else QUICK
        result = segment(clip, tmp_path / "out", *more, settings=settings)
        assert result.exit_code == 2, message
        assert message in words_of(result)
        assert "Traceback" not in words_of(result)
        assert not (tmp_path / "out").exists()


def test_settings_of_the_other_preset_are_refused(paper_weights, make_clip):
    pictures, labels = make_clip(frames=2)
    model = load_model(paper_weights, "paper")
    with pytest.raises(ConfigError, match="settings are of the preset fast"):
        list(model.segment(pictures, labels[0], config=FAST))
