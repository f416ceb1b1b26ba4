"""The preset `paper` with a shallow network, from annotations to masks of a drawn clip."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from rotoline.config import read_config
from rotoline.io.masks import write_mask
from rotoline.model import load_model
from rotoline.presets import PAPER
from rotoline.stages.foreground import MaskLimit
from rotoline.systems.paper.network import PaperNet, network_from_state
from rotoline.systems.paper.system import targets_with_union
from rotoline.trace import StageTrace
from rotoline.weights.files import read_weights, save_weights, shipped_weights

QUICK = (
    *("working_pixels=9216", "learner.steps=12"),
    *("learner.learning_rate=0.1", "learner.momentum=0.9"),
)
PROBE = (
    *("working_pixels=9216", "learner.method=linear_probe"),
    *("learner.views=2", "learner.max_iterations=5"),
)


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


@pytest.fixture
def segment(call):
    """A function that runs `rotoline segment` on a clip."""

    def run(clip, output, *more, settings=QUICK):
        chosen = [word for setting in settings for word in ("--set", setting)]
        return call("segment", clip[0], "--masks", clip[1], "--output", output, *chosen, *more)

    return run


def masks_in(output):
    return [np.asarray(Image.open(path)) for path in sorted((output / "masks").iterdir())]


@pytest.fixture(scope="module")
def model(paper_weights):
    return load_model(paper_weights, "paper")


def run(model, clip, settings, trace=None):
    frames, labels = clip
    config = read_config(PAPER, None, settings)
    return list(model.segment(frames, labels[0], config=config, trace=trace))


def traced(model, clip, *settings):
    """The maps of the last frame, and its result; with linear heads, which are quick."""
    last = len(clip[0]) - 1
    trace = StageTrace(frames={last})
    *_, result = run(model, clip, [*PROBE, *settings], trace)
    return trace.maps[last], result


@pytest.mark.slow
def test_command_learns_follows_and_can_be_repeated(
    clip, paper_weights, tmp_path, overlap, segment, words_of
):
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
    assert (record["config"]["preset"], record["config"]["learner"]["steps"]) == ("paper", 12)
    more = ("--preset", "paper", "--weights", paper_weights, "--config", out / "run.json")
    assert segment(clip, again, *more, settings=()).exit_code == 0
    for one, other in zip(masks, masks_in(again), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_fitted_heads_follow_their_objects(model, make_clip, overlap):
    clip = make_clip(frames=3, ids=(3, 8))
    results = run(model, clip, ["working_pixels=9216", "learner.method=linear_probe"])
    for result in results:
        assert set(np.unique(result.labels)) <= {0, 3, 8}
        assert result.confidence.keys() == {3, 8}
    for object_id in (3, 8):
        assert overlap(results[2].labels, clip[1][2], object_id) > 0.5


# ------------------------------------------------------------- what is left out, stage by stage


@pytest.fixture(scope="module")
def two_frames(make_clip):
    return make_clip(frames=2, ids=(3, 8))


@pytest.fixture(scope="module")
def default(model, two_frames):
    """The maps and the result of the second frame with nothing left out."""
    return traced(model, two_frames)


@pytest.mark.slow
def test_without_propagation_the_logits_are_those_of_the_stage_before(default, model, two_frames):
    assert not torch.equal(default[0]["propagate"], default[0]["limit"])
    maps, _ = traced(model, two_frames, "propagation.enabled=false")
    assert torch.equal(maps["propagate"], maps["limit"])


@pytest.mark.slow
def test_without_the_limit_objects_may_be_outside_of_the_foreground(default, model, two_frames):
    maps, result = default
    outside = (maps["foreground"] <= 0).expand(2, -1, -1)
    assert outside.any()
    assert (maps["limit"][outside] == -8).all()
    assert (result.logits[outside] <= -8).all()
    maps, _ = traced(model, two_frames, "foreground.method=off")
    assert torch.equal(maps["limit"], maps["score"])


@pytest.mark.slow
def test_without_the_filter_every_region_stays(default, model, two_frames):
    assert not torch.equal(default[0]["filter"], default[0]["propagate"])
    maps, _ = traced(model, two_frames, "regions.method=off")
    assert torch.equal(maps["filter"], maps["propagate"])


@pytest.mark.slow
def test_foreground_is_learned_or_the_generic_one(default, model, two_frames):
    maps, _ = traced(model, two_frames, "learner.tune_foreground=false")
    assert not torch.equal(maps["foreground"], default[0]["foreground"])


@pytest.mark.slow
def test_no_object_is_outside_of_the_foreground(paper_weights, make_clip):
    """A generic network that finds nothing: nothing is left of the objects."""
    model = load_model(paper_weights, "paper")
    model.system.net.foreground.score.bias += torch.tensor([50.0, -50.0])
    frames, labels = make_clip(frames=3, ids=(3, 8))
    config = read_config(PAPER, None, [*PROBE, "learner.tune_foreground=false"])
    assert config.foreground == MaskLimit()
    _, *later = model.segment(frames, labels[0], config=config)
    assert not any(result.labels.any() for result in later)


# ------------------------------------------------------------------------------------- the rest


def test_rows_are_the_objects_and_their_union():
    masks = {3: torch.tensor([[[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]])}
    found = targets_with_union(masks)
    assert list(found) == [3]
    assert found[3].tolist() == [[[1, 0, 0]], [[0, 1, 0]], [[1, 1, 0]]]
    masks[7] = torch.tensor([[[0.0, 0.0, 0.0]], [[0.0, 1.0, 1.0]]])
    whole, part = targets_with_union(masks).values()
    assert (whole[2].any(), part[2].any()) == (True, False)  # the union of a part is not known
    assert targets_with_union({7: masks[7]})[7][2].tolist() == [[0, 1, 1]]
    one = {0: masks[3][:1]}
    assert torch.equal(targets_with_union(one)[0], one[0])


@pytest.mark.slow
def test_one_network_with_a_softmax_follows_its_objects(model, make_clip, overlap):
    clip = make_clip(frames=3, ids=(3, 8))
    results = run(model, clip, [*QUICK, "learner.networks=joint", "learner.steps=60"])
    for result in results:
        assert set(np.unique(result.labels)) <= {0, 3, 8}
    for object_id in (3, 8):
        assert overlap(results[2].labels, clip[1][2], object_id) > 0.3


def test_mismatches_are_refused_before_anything_is_written(
    clip, paper_weights, tmp_path, segment, words_of
):
    _, state = read_weights(paper_weights)
    net: PaperNet = network_from_state(state)
    net.spn = None
    about = dict.fromkeys(("licence", "data", "command", "commit"), "test")
    half = tmp_path / "half.safetensors"
    save_weights(half, net, {**about, "seed": 0, "steps": 0})
    cases = {
        "no weights ship for the preset paper": ("--preset", "paper"),
        "hold no network of the preset paper": (
            *("--preset", "paper", "--weights", shipped_weights("fast")),
        ),
        "belong to another network": ("--weights", paper_weights),
        "hold no propagation network; train one": ("--preset", "paper", "--weights", half),
    }
    for message, more in cases.items():
        settings = QUICK if "paper" in more else ()
        result = segment(clip, tmp_path / "out", *more, settings=settings)
        assert result.exit_code == 2, message
        assert message in words_of(result)
        assert "Traceback" not in words_of(result)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("config", "device", "expected"),
    [
        (PAPER, "cpu", "float32"),
        (PAPER, "cuda", "bfloat16"),
        (PAPER.model_copy(update={"precision": "float32"}), "cuda", "float32"),
    ],
)
def test_auto_is_recorded_as_the_precision_of_the_device(config, device, expected):
    assert config.for_device(torch.device(device)).precision == expected
