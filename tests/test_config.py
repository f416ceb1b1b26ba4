import json

import pytest

from rotoline.config import read_config
from rotoline.errors import ConfigError
from rotoline.presets import FAST, PAPER
from rotoline.renamed_settings import REMOVED, RENAMED
from rotoline.settings import list_settings
from rotoline.stages.foreground import MaskLimit
from rotoline.stages.regions import Craf, CrafScript, LastVisible, NoFilter


def test_settings_change_what_they_name():
    config = read_config(FAST, None, ["regions.threshold=0.4", "propagation.enabled=false"])
    assert config.regions.threshold == 0.4
    assert config.propagation.enabled is False
    assert config.online == FAST.online
    assert FAST.regions.threshold == 0.3


def test_file_and_settings_join_and_settings_win(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        '[regions]\nmethod = "last_visible"\nthreshold = 0.2\nreentry_min_score = 0.9\n'
    )
    config = read_config(FAST, file, ["regions.threshold=0.6"])
    assert (config.regions.threshold, config.regions.reentry_min_score) == (0.6, 0.9)


@pytest.mark.parametrize(
    ("start", "settings"),
    [
        (FAST, ["online.update_every=3", "regions.method=craf", "regions.alpha=0.3"]),
        (FAST, ["foreground.method=mask", "scoring.context=off"]),
        (PAPER, ["learner.method=linear_probe", "learner.views=3", "seed=3"]),
    ],
)
def test_run_record_repeats_its_run(tmp_path, start, settings):
    changed = read_config(start, None, settings)
    record = tmp_path / "run.json"
    record.write_text(json.dumps({"config": changed.model_dump(mode="json")}))
    assert read_config(start, record, []) == changed


def test_run_record_of_another_preset_is_refused(tmp_path):
    record = tmp_path / "run.json"
    record.write_text(json.dumps({"config": PAPER.model_dump(mode="json")}))
    with pytest.raises(ConfigError, match="settings of the preset paper, not of fast"):
        read_config(FAST, record, [])


def test_file_of_an_unknown_preset_is_refused_with_the_known_ones(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("preset = 'quick'\n")
    with pytest.raises(ConfigError, match=r"no preset 'quick'; choose one of fast, paper"):
        read_config(FAST, file, [])


# ------------------------------------------------------------------------- choice of a method


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("last_visible", LastVisible()),
        ("craf", Craf()),
        ("craf_script", CrafScript()),
        ("off", NoFilter()),
    ],
)
def test_method_brings_its_own_defaults(method, expected):
    for start in (FAST, PAPER):
        changed = start.model_copy(update={"regions": LastVisible(threshold=0.9)})
        config = read_config(changed, None, [f"regions.method={method}"])
        kept = changed.regions if method == "last_visible" else expected
        assert config.regions == kept


def test_settings_of_a_method_may_come_before_the_method():
    for order in (1, -1):
        settings = ["regions.method=craf", "regions.alpha=0.4"][::order]
        assert read_config(FAST, None, settings).regions == Craf(alpha=0.4)


def test_method_that_is_chosen_later_drops_the_settings_of_the_earlier_one(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[regions]\nthreshold = 0.2\n[foreground]\nmargin = 3.0\n")
    config = read_config(FAST, file, ["regions.method=off", "foreground.method=mask"])
    assert (config.regions, config.foreground) == (NoFilter(), MaskLimit())


@pytest.mark.parametrize(
    ("start", "settings", "words"),
    [
        (FAST, ["regions.alpha=0.3"], "belongs to regions.method=craf; regions.method is evidence"),
        (PAPER, ["regions.reentry_min_score=1"], "belongs to regions.method=last_visible"),
        (FAST, ["regions.method=off", "regions.threshold=0.5"], "=last_visible or regions.method="),
        (PAPER, ["foreground.margin=2"], "foreground.method=margin; foreground.method is mask"),
        (PAPER, ["learner.views=3"], "learner.method=linear_probe; learner.method is fine_tuning"),
        (PAPER, ["learner.method=linear_probe", "learner.steps=7"], "learner.method=fine_tuning"),
        (FAST, ["seed=3"], "seed belongs to the preset paper; the preset is fast"),
        (FAST, ["learner.steps=3"], "learner.steps belongs to the preset paper"),
        (PAPER, ["scoring.context=off"], "scoring.context belongs to the preset fast"),
    ],
)
def test_setting_without_an_effect_is_refused_with_what_it_belongs_to(start, settings, words):
    with pytest.raises(ConfigError, match=words) as refused:
        read_config(start, None, settings)
    assert "would have no effect: leave it out" in str(refused.value)


# ------------------------------------------------------------------------------- bad settings


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("regions.treshold=1", "did you mean regions.threshold"),
        ("online.update_evry=1", "did you mean online.update_every"),
        ("colour=1", "colour is unknown; there are preset, working_pixels"),
        ("regions.threshold=7", "regions.threshold is 7"),
        ("foreground.margin=-1", "foreground.margin is -1"),
        ("propagation.enabled=maybe", "propagation.enabled is 'maybe'"),
        ("regions.method=memory", "'memory'; choose one of evidence, last_visible, craf"),
        ("regions.method=['craf']", "choose one of evidence, last_visible"),
        ("regions=1", "regions is a group of settings"),
        ("foreground.margin=inf", "foreground.margin is inf; a finite number is needed"),
        ("working_pixels.x=3", "working_pixels is {'x': 3}"),
        ("regions.threshold", "has no '='"),
    ],
)
def test_bad_settings_are_refused_by_name(setting, words):
    with pytest.raises(ConfigError, match=words):
        read_config(FAST, None, [setting])


def test_group_inside_a_method_is_named_in_full():
    with pytest.raises(ConfigError, match=r"^learner\.augmentation\.scale is 7;"):
        read_config(PAPER, None, ["learner.augmentation.scale=7"])


def test_unreadable_files_are_refused(tmp_path):
    for name, text in (
        ("a.toml", "= 3"),
        ("b.json", "{}"),
        ("c.json", "no"),
        ("d.json", '{"config": [3]}'),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(ConfigError, match="neither TOML"):
            read_config(FAST, tmp_path / name, [])
    with pytest.raises(ConfigError, match="cannot read"):
        read_config(FAST, tmp_path / "none.toml", [])


# -------------------------------------------------------------------- settings of version 0.1


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("foreground.pixels=9216", "foreground.pixels is now working_pixels"),
        ("foreground.limit=false", r"foreground.limit is now foreground.method \(off"),
        ("regions.rule=paper", r"regions.rule is now regions.method \(.*craf for paper"),
        ("regions.paper.alpha=0.3", "regions.paper.alpha is now regions.alpha, with"),
        ("regions.script.large=0.3", "regions.script.large is a constant of the published script"),
        ("score.recall=false", "score.recall is now scoring.context"),
        ("adapt.trust=0.3", "adapt.trust is a constant now"),
        ("adapt.steps=3", "adapt.steps is now learner.steps"),
        ("adapt.together=3", "adapt.together is gone"),
        ("adapt.patience=3", "adapt.patience is gone: use learner.steps or learner.budget"),
    ],
)
def test_old_names_are_refused_with_the_new_one(setting, words):
    for start in (FAST, PAPER):
        with pytest.raises(ConfigError, match=words) as refused:
            read_config(start, None, [setting])
        assert "settings of rotoline 0.1" in str(refused.value)


def test_all_old_names_of_a_file_are_explained_at_once(tmp_path):
    file = tmp_path / "old.toml"
    file.write_text("[score]\nprior = false\n[adapt]\nmemory = 3\nscales = [0.5]\n")
    with pytest.raises(ConfigError) as refused:
        read_config(FAST, file, [])
    for words in ("score.prior is now", "adapt.memory is now", "adapt.scales is a constant"):
        assert words in str(refused.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", "a = " + "[" * 3000 + "]" * 3000),
        ("a.toml", "a = " + "{a = " * 1300 + "1" + "}" * 1300),
        ("a.toml", ".".join(["a"] * 3000) + " = 1"),
        ("a.json", '{"config": ' + "[" * 100_000),
    ],
)
def test_file_that_is_nested_deeply_is_refused(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match="nested far deeper than any setting"):
        read_config(FAST, tmp_path / name, [])


@pytest.mark.parametrize(
    "given", [".".join(["a"] * 3000) + "=1", "seed=" + "[" * 3000 + "]" * 3000]
)
def test_setting_that_is_nested_deeply_is_refused(given):
    with pytest.raises(ConfigError, match="--set holds values that are nested"):
        read_config(PAPER, None, [given])


@pytest.mark.parametrize(
    "text",
    ["3", "[]", "null", '{"config": 3}', '{"config": []}', '{"config": [["seed", 1]]}', "{}"],
)
def test_record_without_settings_is_refused(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ConfigError, match="it has no settings under 'config'"):
        read_config(FAST, tmp_path / "run.json", [])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", "working_pixels = 5000"),
        ("a.json", '{"config": {"working_pixels": 5000}}'),
        ("A.JSON", '{"config": {"working_pixels": 5000}}'),
    ],
)
def test_byte_order_mark_is_no_part_of_a_file(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    assert read_config(FAST, tmp_path / name, []).working_pixels == 5000


@pytest.mark.parametrize(
    ("start", "given"),
    [
        (FAST, "working_pixels=1e12"),
        (FAST, "working_pixels=1" + "0" * 5000),
        (FAST, "online.update_window=1e30"),
        (FAST, "online.update_every=[-1]"),
        (FAST, "tuning.learning_rate=1e300"),
        (PAPER, "seed=" + "9" * 30),
        (PAPER, "learner.augmentation.rotation=1e300"),
    ],
)
def test_values_that_no_machine_can_use_are_refused(start, given):
    with pytest.raises(ConfigError, match=given.partition("=")[0]):
        read_config(start, None, [given])


OLD_RUN = {
    "preset": "fast",
    "foreground": {"pixels": 414720, "limit": True, "rule": "margin", "margin": 1.0},
    "propagate": {"enabled": True},
    "regions": {
        "threshold": 0.3,
        "inside": 0.5,
        "reach": 4,
        "near_score": 0.8,
        "least_overlap": 0.01,
        "return_after": 3,
        "return_score": 0.8,
        "return_area": 2.0,
        "enabled": True,
        "rule": "memory",
        "paper": {"threshold": 0.12, "alpha": 0.2, "beta": 0.9, "gamma": 0.1, "delta": 0.4},
    },
    "fuse": {"background": 0.5},
    "seed": 0,
    "adapt": {"update_every": 5, "update_lone": False, "memory": 8, "recalled": 4},
    "score": {"prior": True, "recall": True},
}
"""The configuration in a `run.json` of version 0.1, shortened."""


def test_run_record_of_version_0_1_is_refused_in_a_few_lines(tmp_path):
    record = tmp_path / "run.json"
    record.write_text(json.dumps({"config": OLD_RUN}))
    words = r"of rotoline 0\.1: .*working_pixels.* more\. "
    with pytest.raises(ConfigError, match=words) as refused:
        read_config(FAST, record, [])
    assert len(str(refused.value)) < 700


def test_new_names_that_old_ones_are_replaced_by_exist():
    """The first words of each replacement; those of the trainings have no group in the old name."""
    known = {one.path for start in (FAST, PAPER) for one in list_settings(start)}
    for old, new in RENAMED.items():
        if "." in old:
            assert new.replace(",", " ").split()[0] in known, old
            assert old not in known
    assert not known & set(REMOVED)
