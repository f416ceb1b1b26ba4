import json

import pytest

from rotoline.config import read_config
from rotoline.errors import ConfigError
from rotoline.presets import FAST


def test_settings_change_what_they_name():
    config = read_config(FAST, None, ["regions.threshold=0.4", "foreground.limit=false"])
    assert config.regions.threshold == 0.4
    assert config.foreground.limit is False
    assert config.adapt == FAST.adapt


def test_file_and_settings_join_and_settings_win(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[regions]\nthreshold = 0.2\ninside = 0.9\n")
    config = read_config(FAST, file, ["regions.threshold=0.6"])
    assert (config.regions.threshold, config.regions.inside) == (0.6, 0.9)


def test_run_record_repeats_its_run(tmp_path):
    changed = read_config(FAST, None, ["adapt.scales=[0.5]", "seed=3"])
    record = tmp_path / "run.json"
    record.write_text(json.dumps({"config": changed.model_dump(mode="json")}))
    assert read_config(FAST, record, []) == changed


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("regions.treshold=1", "did you mean regions.threshold"),
        ("colour=1", "colour is unknown; there are preset, foreground"),
        ("regions.threshold=7", "regions.threshold is 7"),
        ("regions.enabled=maybe", "regions.enabled is 'maybe'"),
        ("regions=1", "regions is a group"),
        ("regions.threshold", "has no '='"),
    ],
)
def test_bad_settings_are_refused_by_name(setting, words):
    with pytest.raises(ConfigError, match=words):
        read_config(FAST, None, [setting])


def test_unreadable_files_are_refused(tmp_path):
    for name, text in (("a.toml", "= 3"), ("b.json", "{}"), ("c.json", "no")):
        (tmp_path / name).write_text(text)
        with pytest.raises(ConfigError, match="neither TOML"):
            read_config(FAST, tmp_path / name, [])
    with pytest.raises(ConfigError, match="cannot read"):
        read_config(FAST, tmp_path / "none.toml", [])
