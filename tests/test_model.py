"""What a Python user calls, with the presets by name and by settings."""

import importlib.metadata
import re
from pathlib import Path

import numpy as np
import pytest

import rotoline
from rotoline.config import read_config
from rotoline.errors import ConfigError, WeightsError
from rotoline.model import load_model
from rotoline.presets import FAST, PAPER

QUICK = [
    *("working_pixels=9216", "learner.method=linear_probe"),
    *("learner.views=1", "learner.max_iterations=1"),
]


@pytest.mark.slow
def test_settings_of_a_preset_run_its_system(paper_weights, make_clip):
    frames, labels = make_clip(frames=2, ids=(3,))
    config = read_config(PAPER, None, QUICK)
    results = list(rotoline.segment(frames, labels[0], config=config, weights=paper_weights))
    assert [result.index for result in results] == [0, 1]
    np.testing.assert_array_equal(results[0].labels, labels[0])
    # The maps of this preset have the working size itself, not a quarter of it.
    assert results[0].logits.shape == (1, 64, 128)


def test_preset_without_weights_says_what_it_needs(make_clip):
    frames, labels = make_clip(frames=2)
    with pytest.raises(WeightsError, match=r"no weights ship for the preset paper; .*weights=Path"):
        list(rotoline.segment(frames, labels[0], config=rotoline.PAPER))
    with pytest.raises(WeightsError, match="no weights ship"):
        load_model(preset="paper")


def test_settings_and_network_must_belong_to_one_preset(paper_weights, make_clip):
    frames, labels = make_clip(frames=2)
    for model, config in ((load_model(paper_weights, "paper"), FAST), (load_model(), PAPER)):
        with pytest.raises(ConfigError, match=f"settings belong to the preset {config.preset}"):
            model.segment(frames, labels[0], config=config)
        with pytest.raises(ConfigError, match="settings and weights of one preset"):
            model.tracker(config=config)


def test_weights_of_another_preset_are_refused_with_their_path(paper_weights):
    with pytest.raises(WeightsError, match=re.escape(str(paper_weights))):
        load_model(paper_weights, "fast")


def test_path_of_weights_may_be_text():
    with pytest.raises(WeightsError, match=r"there is no none\.safetensors"):
        load_model("none.safetensors")


def test_presets_that_do_not_exist_are_refused():
    with pytest.raises(ConfigError, match="no preset 'slow'; choose one of fast, paper"):
        load_model(preset="slow")


def test_version_is_the_same_everywhere():
    assert importlib.metadata.version("rotoline") == rotoline.__version__
    changelog = Path(__file__).parents[1] / "CHANGELOG.md"
    newest = next(line for line in changelog.read_text().splitlines() if line.startswith("## "))
    # While a release is being made ready, its section has its name.
    assert f"[{rotoline.__version__.partition('.dev')[0]}]" in newest
