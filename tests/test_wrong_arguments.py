"""What is given in place of paths, frames, masks and settings is refused with what to give."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import rotoline
from rotoline.errors import ConfigError, InputError, WeightsError
from rotoline.pipeline import segment

MASK = np.eye(8, dtype=np.uint8)
FRAME = np.zeros((8, 8, 3), np.uint8)


@pytest.mark.parametrize("as_given", [str, Path])
def test_paths_are_text_or_path(tmp_path, as_given):
    (tmp_path / "frames").mkdir()
    Image.fromarray(FRAME).save(tmp_path / "frames" / "0.png")
    rotoline.write_mask(as_given(tmp_path / "mask.png"), MASK)
    np.testing.assert_array_equal(rotoline.read_mask(as_given(tmp_path / "mask.png")), MASK)
    assert rotoline.open_frames(as_given(tmp_path / "frames")).count == 1
    with pytest.raises(WeightsError, match=r"there is no .*safetensors"):
        rotoline.load_model(as_given(tmp_path / "w.safetensors"))


@pytest.mark.parametrize("path", [None, 0, b"clip.mp4", "", "a\0b", "a\ud800", ["clip.mp4"]])
@pytest.mark.parametrize(
    "use",
    [
        rotoline.open_frames,
        rotoline.read_mask,
        lambda path: rotoline.write_mask(path, MASK),
        lambda path: rotoline.load_model(path if path is not None else 0),
    ],
)
def test_what_is_no_path_is_refused(use, path):
    with pytest.raises(InputError, match=r"path.*; give "):
        use(path)


@pytest.mark.parametrize("use", [rotoline.open_frames, rotoline.read_mask])
def test_name_longer_than_the_file_system_takes_is_refused(use):
    with pytest.raises(InputError, match="File name too long"):
        use("a" * 300)


def refused_frames(frames, message, model):
    with pytest.raises(InputError, match=message):
        list(segment(frames, MASK, model.tracker()))


@pytest.mark.parametrize("path", ["clip.mp4", Path("clip.mp4")])
def test_path_in_place_of_frames_says_how_to_open_it(path, model):
    refused_frames(path, r"frames=rotoline\.open_frames\('clip.mp4'\)", model)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (None, "frames is None; give a list"),
        (list, "frames is the class list; give a list"),
        (0, "frames is 0; give a list"),
        ({0: FRAME}, "frames is a dict of 1; give a list"),
        (FRAME, r"one array of shape \(8, 8, 3\); give a list.*one frame alone: \[frame\]"),
        (["0.png"], "frame 0 is the text or path '0.png'.*open_frames"),
        ([None], "frame 0 is None, not an array; a frame must be RGB"),
        ([[[0], [0, 0]]], "frame 0 is a list of 2, not an array"),
        ([torch.zeros(8, 8, 3, requires_grad=True)], "frame 0 is a Tensor, not an array"),
        ([np.zeros((0, 8, 3), np.uint8)], r"frame 0 is uint8 of shape \(0, 8, 3\)"),
    ],
)
def test_what_is_no_frames_is_refused(frames, message, model):
    refused_frames(frames, message, model)


@pytest.mark.parametrize("make", [list, iter])
def test_pairs_of_cv2_are_refused_with_what_to_give(make, model):
    pairs = [(True, FRAME), (False, None)]
    refused_frames(make(pairs), r"frame 0 is a pair .*read\(\).*picture\[\.\.\., ::-1\]", model)
    with pytest.raises(InputError, match="frame 0 is a pair"):
        model.tracker().step(pairs[0], MASK)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ("first.png", r"masks is .*'first.png'; give .*rotoline\.read_mask"),
        (Path("first.png"), r"masks is .*'first.png'; give .*rotoline\.read_mask"),
        (None, "masks is None; give an array"),
        ({0: "first.png"}, r"the mask of frame 0 is .*'first.png'.*rotoline\.read_mask"),
        ({0: None}, "the mask of frame 0 is None, not an array"),
        ({"0": MASK}, "masks are given for frame '0'"),
        ({True: MASK}, "masks are given for frame True"),
        ([MASK, MASK], r"is uint8 of shape \(2, 8, 8\); a mask must hold object ids"),
        (iter([MASK]), "the mask of frame 0 is a list_iterator, not an array"),
    ],
)
def test_what_is_no_masks_is_refused(masks, message, model):
    with pytest.raises(InputError, match=message):
        list(segment([FRAME], masks, model.tracker()))


@pytest.mark.parametrize("labels", [None, [[0, 1]], MASK.astype(int), MASK[:0], "first.png"])
def test_what_is_no_labels_is_not_written(labels, tmp_path):
    with pytest.raises(InputError, match=r"a mask is uint8 \(height, width\)"):
        rotoline.write_mask(tmp_path / "mask.png", labels)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"working_pixels": 5000}, "config is a dict of 1, not settings; give rotoline.FAST"),
        ({}, "config is a dict of 0, not settings"),
        ("fast", "config is the text or path 'fast', not settings"),
        (rotoline.FastConfig, "config is the class FastConfig, not settings"),
        (rotoline.FAST.model_copy(update={"working_pixels": "many"}), "working_pixels is 'many'"),
        (rotoline.FAST.model_copy(update={"pixels": 5000}), "pixels is unknown; there are preset"),
        (rotoline.FAST.model_copy(update={"regions": object()}), "regions is <object"),
    ],
)
def test_what_is_no_settings_is_refused(config, message, model):
    with pytest.raises(ConfigError, match=message):
        rotoline.segment([FRAME], MASK, config=config)
    with pytest.raises(ConfigError, match=message):
        model.tracker(config=config)


def test_group_of_settings_may_be_a_dictionary_in_a_copy(model):
    config = rotoline.FAST.model_copy(update={"regions": {"method": "off"}})
    assert model.tracker(config=config).config.regions.method == "off"


@pytest.mark.parametrize("preset", ["papers", None, ["fast"]])
def test_what_is_no_preset_is_refused(preset):
    with pytest.raises(ConfigError, match=r"there is no preset .*; choose one of fast, paper"):
        rotoline.load_model(preset=preset)


def test_tracker_of_something_else_is_refused(model):
    with pytest.raises(InputError, match=r"trace is .*; give rotoline\.StageTrace"):
        model.tracker(trace={0})
    with pytest.raises(InputError, match=r"system is a Model; take .*\.tracker\(\)"):
        rotoline.Tracker(model, rotoline.FAST)


@pytest.mark.parametrize("frames", [5, "68", ["68"]])
def test_what_is_no_indices_is_not_traced(frames):
    with pytest.raises(InputError, match="give the indices of the frames to keep"):
        rotoline.StageTrace(frames)
