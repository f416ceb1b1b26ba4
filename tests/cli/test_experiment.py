"""The commands `rotoline experiment`, on drawn clips."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from rotoline.evaluation import runner
from rotoline.evaluation.ablation import read_ablation
from rotoline.evaluation.development_clips import development_clips
from rotoline.evaluation.measure import ClipMeasure, ClipMeasurement
from rotoline.evaluation.paper_tables import TABLE_2
from rotoline.evaluation.report import ablation_table, accuracy_table, calibration_table
from rotoline.evaluation.results import read_results
from rotoline.presets import PRESETS
from rotoline.weights.files import shipped_weights

SMALL = ["--set", "working_pixels=24576"]
STAGES = {"fit", "encode", "score", "limit", "propagate", "filter", "update", "fuse"}


@pytest.fixture
def experiment(call):
    """A function that runs `rotoline experiment WHAT` at a small working size."""

    def run(what, data, output, *more):
        return call("experiment", what, "--data", data, "--output", output, *SMALL, *more)

    return run


def rows_of(table):
    """The cells of the tables in a page, by the first cell of the row."""
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows}


@pytest.mark.slow
def test_dev_writes_everything_and_agrees_with_evaluate(make_data, tmp_path, call, experiment):
    data, out = make_data("tennis", "dance-jump"), tmp_path / "out"
    result = experiment("dev", data, out)
    assert result.exit_code == 0, result.output
    assert {p.name for p in out.iterdir()} == {
        "results.json", "table.md", "calibration.md", "reliability.png", "worst.png", "clips",
    }  # fmt: skip
    record = json.loads((out / "results.json").read_text())
    assert {"command", "config", "weights", "versions", "device", "commit"} < set(record)
    clips = {clip["name"]: clip for clip in record["clips"]}
    assert list(clips) == ["dance-jump", "tennis", "schoolgirls", "synthetic-tennis-dance-jump"]
    for clip in record["clips"]:
        assert json.loads((out / "clips" / f"{clip['name']}.json").read_text()) == clip

    girls = data / "davis-2017-schoolgirls"
    mask = girls / "Annotations" / "00000.png"
    run = tmp_path / "run"
    call("segment", girls / "JPEGImages", "--masks", mask, "--output", run, *SMALL)
    scores = call("evaluate", run / "masks", "--truth", girls / "Annotations", "--json")
    measured = json.loads(scores.output)
    assert clips["schoolgirls"]["scores"] == pytest.approx(
        {key.replace("_", " "): measured[key] for key in ("J&F", "J", "F", "J_recall", "F_recall")}
    )
    said = json.loads((run / "run.json").read_text())["confidence"]
    one = clips["schoolgirls"]["objects"][0]
    assert one["object_id"] == 2
    assert one["confidence"] == pytest.approx([said[f"0000{t}"]["2"] for t in (1, 2, 3)], abs=1e-4)

    table = (out / "table.md").read_text()
    rows = rows_of(table)
    mean = np.mean([clips[name]["scores"]["J"] for name in ("tennis", "dance-jump")])
    assert rows["**mean of 2**"][1] == f"**{mean:.3f}**"
    assert "schoolgirls (2 objects, not in the mean)" in rows
    assert "synthetic-tennis-dance-jump (2 objects, synthetic, not in the mean)" in rows
    assert "Not the whole split" in table
    calibration = rows_of((out / "calibration.md").read_text())
    j = np.concatenate([one["j"] for clip in record["clips"] for one in clip["objects"]])
    assert calibration["all"][:2] == [str(len(j)), f"{np.mean(j < 0.5):.3f}"]
    assert sum(int(row[0]) for name, row in calibration.items() if " to " in name) == len(j)
    results = read_results(out)
    assert accuracy_table(results) == table
    assert calibration_table(results) == (out / "calibration.md").read_text()
    with Image.open(out / "worst.png") as sheet:
        assert sheet.size == (1280, 5 * round(640 * 96 / 144))


@pytest.mark.slow
def test_dev_reports_what_changed_against_another_run(make_data, tmp_path, experiment):
    data = make_data("tennis")
    assert experiment("dev", data, tmp_path / "a").exit_code == 0
    same = experiment("dev", data, tmp_path / "b", "--against", tmp_path / "a")
    assert same.exit_code == 0, same.output
    page = (tmp_path / "b" / "comparison.md").read_text()
    assert "Settings that differ: none." in page
    table = rows_of(page)
    assert table["tennis (development)"][2:] == ["+0.000", "[+0.000, +0.000]", "no"]
    worse = experiment(
        "dev", data, tmp_path / "c", "--against", tmp_path / "a", "--set", "regions.threshold=0.99"
    )
    assert worse.exit_code == 0
    a, c = (read_results(tmp_path / name).clips[0].scores["J&F"] for name in "ac")
    page = (tmp_path / "c" / "comparison.md").read_text()
    assert "Settings that differ: `regions.threshold` 0.3 → 0.99." in page
    change = rows_of(page)["tennis (development)"]
    assert change[:3] == [f"{a:.3f}", f"{c:.3f}", f"{c - a:+.3f}"]


@pytest.mark.slow
def test_runs_on_other_frames_or_objects_are_not_compared(
    make_data, tmp_path, experiment, words_of
):
    data = make_data("tennis")
    experiment("dev", data, tmp_path / "a")
    other = experiment("dev", data, tmp_path / "b", "--against", tmp_path / "a", "--only", "tennis")
    assert other.exit_code == 2
    assert "the clip schoolgirls is in the other run only" in words_of(other)
    record = json.loads((tmp_path / "a" / "results.json").read_text())
    record["clips"][0]["frames"][1] = "00009"
    (tmp_path / "a" / "results.json").write_text(json.dumps(record))
    renamed = experiment("dev", data, tmp_path / "b", "--against", tmp_path / "a")
    assert renamed.exit_code == 2
    assert "scored different frames of tennis: 00002 differs" in words_of(renamed)
    record["clips"][0]["objects"][0]["j"].pop()
    (tmp_path / "a" / "results.json").write_text(json.dumps(record))
    damaged = experiment("dev", data, tmp_path / "b", "--against", tmp_path / "a")
    assert damaged.exit_code == 2
    assert "holds no results of an experiment" in words_of(damaged)
    missing = experiment("dev", data, tmp_path / "b", "--against", tmp_path / "none")
    assert missing.exit_code == 2
    assert "cannot read" in words_of(missing)
    assert not (tmp_path / "b").exists()


@pytest.mark.slow
def test_ablation_measures_every_variant_as_dev_would(make_data, tmp_path, experiment):
    data, out = make_data("scooter-gray", girls=False), tmp_path / "out"
    result = experiment("ablation", data, out, "--variant", "loose:regions.threshold=0.05")
    assert result.exit_code == 0, result.output
    names = ["full", *PRESETS["fast"].ablations, "loose"]
    assert sorted(p.name for p in out.iterdir()) == sorted([*names, "ablation.md"])
    experiment("dev", data, tmp_path / "alone", "--set", "scoring.context=off")
    alone, row = read_results(tmp_path / "alone"), read_results(out / "no-context")
    assert row.config == alone.config
    assert [clip.objects for clip in row.clips] == [clip.objects for clip in alone.clips]
    assert row.clips[0].seconds_per_frame is None
    full = read_results(out / "full").clips[0].scores["J&F"]
    prior = row.clips[0].scores["J&F"]
    first, second = (out / "ablation.md").read_text().split("J&F of the full")
    assert list(rows_of(first))[1:] == names
    assert rows_of(second)["no-context"][0].startswith(f"{full - prior:+.3f} [")
    rows = read_ablation(out)
    assert [name for name, _ in rows] == names
    assert ablation_table(rows) == (out / "ablation.md").read_text()
    assert set(read_results(out / "full").clips[0].seconds_per_stage) == STAGES


@pytest.mark.slow
def test_ablation_prints_the_tables_of_the_paper_for_its_preset(
    make_data, paper_weights, tmp_path, experiment
):
    data, out = make_data("tennis", girls=False), tmp_path / "out"
    more = ["--preset", "paper", "--weights", paper_weights, "--steps", "2"]
    result = experiment("ablation", data, out, *more, "--set", "working_pixels=6144")
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in out.iterdir()) == sorted(
        ["full", *PRESETS["paper"].ablations, "ablation.md"]
    )
    page = (out / "ablation.md").read_text()
    page, seconds = page.split("## Table 3")
    assert "Table 1" not in page  # the clip has one object
    _, table = page.split("## Table 2: development, ours")
    ours, theirs = table.split("The paper's own figures")
    rows, printed = rows_of(ours), rows_of(theirs)
    assert list(rows)[1:] == list(printed)[1:] == list(TABLE_2)
    scores = read_results(out / "no-filter-propagation").clips[0].scores
    keys = ("J&F", "J", "J recall", "F", "F recall")
    assert rows["no-filter-propagation"] == [f"{scores[key]:.3f}" for key in keys]
    assert printed["no-filter-propagation-tuning"] == ["0.448", "0.442", "0.528", "0.453", "0.501"]
    full = read_results(out / "full").clips[0]
    assert full.all_frames == 5
    cells = rows_of(seconds)
    assert cells["propagate"][1:] == [f"{full.seconds_per_stage['propagate'] / 5:.4f}", "0.08"]
    assert f"{full.seconds_per_stage['fit']:.2f} s an object" in seconds
    config = read_results(out / "full").config
    assert (config["preset"], config["learner"]["steps"]) == ("paper", 2)


@pytest.fixture
def halves(experiment, tmp_path):
    """A function that runs `rotoline experiment halves` with the weights that ship, as both."""
    weights = shipped_weights("fast")

    def run(data, output, *more):
        both = ["--odd-weights", weights, "--even-weights", weights]
        return experiment("halves", data, tmp_path / output, *both, *more)

    return run


@pytest.mark.slow
def test_halves_measures_both_and_the_gap(make_data, tmp_path, halves):
    data = make_data("bear", "bmx-bumps", frames=4)
    result = halves(data, "all")
    assert result.exit_code == 0, result.output
    out = tmp_path / "all"
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*.*")) == [
        *(f"clips/{half}/{name}.json" for half in ("even", "odd")
          for name in ("bear", "bmx-bumps", "schoolgirls")),
        "results.json",
        "table.md",
    ]  # fmt: skip
    results = read_results(out)
    assert set(results.weights) == {"odd", "even"}
    page = (out / "table.md").read_text()
    assert "The command of the weights even has no `--leave-out odd`" in page
    means, losses, clips = map(rows_of, page.split("## "))
    unseen = results.in_group("unseen")
    assert [clip.label for clip in unseen] == ["bear (odd)", "bmx-bumps (even)"]
    mean = np.mean([clip.scores["J&F"] for clip in unseen])
    assert means["unseen"][:2] == ["2", f"{mean:.3f}"]
    # Both weights are the same file, so what is unseen is as good as what is fitted.
    assert means["gap: fitted minus unseen"][1:3] == ["+0.000", "[+0.000, +0.000]"]
    assert means["several objects"][0] == "1"
    lost = [float(cell) for cell in losses["unseen"][2:]]
    assert lost[0] == pytest.approx(sum(lost[1:]), abs=0.003)
    assert clips["schoolgirls"][:3] == ["multi-object", "odd, even", "2"]
    assert clips["bear"][-1] == clips["bear"][3]

    worse = halves(data, "part", "--no-fitted", "--against", out, "--set", "scoring.context=off")
    assert worse.exit_code == 0, worse.output
    page = (tmp_path / "part" / "comparison.md").read_text()
    change = rows_of(page)["unseen"]
    after = np.mean([c.scores["J&F"] for c in read_results(tmp_path / "part").in_group("unseen")])
    assert change[:3] == [f"{mean:.3f}", f"{after:.3f}", f"{after - mean:+.3f}"]
    assert rows_of(page)["bear (odd), unseen"][2] != "+0.000"


@pytest.mark.slow
def test_several_processes_measure_what_one_does(make_data, tmp_path, halves):
    untuned = ["--set", "tuning.steps=0"]  # other processes would tune
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        data = make_data("bear", "boat", girls=False, frames=4)
        assert halves(data, "one", "--no-fitted", *untuned).exit_code == 0
    finally:
        torch.set_num_threads(threads)
    result = halves(
        data, "two", "--no-fitted", *untuned, "--jobs", "2", "--against", tmp_path / "one"
    )
    assert result.exit_code == 0, result.output
    one, two = (read_results(tmp_path / name) for name in ("one", "two"))
    assert [clip.untimed() for clip in one.clips] == [clip.untimed() for clip in two.clips]
    for clip in two.clips:
        written = (tmp_path / "two" / "clips" / "odd" / f"{clip.name}.json").read_text()
        assert ClipMeasure.model_validate_json(written) == clip


@pytest.mark.slow
def test_interactive_measures_strokes_and_marked_frames(make_data, tmp_path, experiment):
    weights, out = shipped_weights("fast"), tmp_path / "out"
    halves = ["--odd-weights", weights, "--even-weights", weights, "--set", "tuning.steps=0"]
    data = make_data("bear", "bmx-bumps", girls=False, frames=8)
    result = experiment("interactive", data, out, *halves)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == [
        *("frames.json", "strokes.json", "table.md"),
    ]
    strokes = json.loads((out / "strokes.json").read_text())
    assert [(one["clip"], one["weights"]) for one in strokes["frames"]] == [
        *(("bear", "odd"), ("bear", "odd"), ("bear", "odd")),
        *(("bmx-bumps", "even"), ("bmx-bumps", "even"), ("bmx-bumps", "even")),
    ]
    for one in strokes["frames"]:
        assert len(one["iou"]) == 5
        assert max(one["iou"]) > 0.7
    frames = json.loads((out / "frames.json").read_text())
    for one in frames["clips"]:
        assert len(set(one["marked"])) == len(one["j_and_f"]) == 5
        assert one["marked"][0] == 0
        assert one["j_and_f"][-1] > 0.9  # most scored frames are marked then
    means = [rows_of(part) for part in (out / "table.md").read_text().split("## ")[1:]]
    for table, values in zip(
        means,
        ([one["iou"] for one in strokes["frames"]], [one["j_and_f"] for one in frames["clips"]]),
        strict=True,
    ):
        assert [table[str(n)][0] for n in range(1, 6)] == [
            f"{mean:.3f}" for mean in np.mean(values, axis=0)
        ]


@pytest.mark.slow
def test_ablation_measures_what_halves_have_not_seen(make_data, tmp_path, experiment):
    weights, out = shipped_weights("fast"), tmp_path / "out"
    halves = ["--odd-weights", weights, "--even-weights", weights]
    data = make_data("bear", "bmx-bumps", girls=False, frames=4)
    result = experiment("ablation", data, out, *halves, "--jobs", "2")
    assert result.exit_code == 0, result.output
    table = rows_of((out / "ablation.md").read_text().split("J&F of the full")[0])
    assert table["variant"][0] == "unseen: J&F"
    full = read_results(out / "full")
    labels = {"bear (odd)", "bmx-bumps (even)"}
    assert {(clip.label, clip.group) for clip in full.clips} == {(one, "unseen") for one in labels}
    assert "odd: weights `fast`" in (out / "ablation.md").read_text()
    assert (out / "no-filter" / "clips" / "odd" / "bear.json").is_file()


@pytest.mark.slow
def test_unlike_measures_the_clips_that_are_there(make_data, make_clip, tmp_path, experiment):
    data, out = make_data(frames=4), tmp_path / "out"
    pictures, labels = make_clip(frames=4, ids=(1, 2))
    for group, name in (("unlike", "movi_falling_things"), ("development-clips", "office")):
        for kind, arrays in (("images", pictures), ("masks", labels)):
            folder = data / group / name / kind
            folder.mkdir(parents=True)
            for t, array in enumerate(arrays):
                ending = "webp" if kind == "images" else "png"
                if kind == "images" or t != 2:
                    Image.fromarray(array).save(folder / f"{t:05d}.{ending}")
    names = ["bundled-1-marked", "schoolgirls", "movi_falling_things", "office"]
    only = [word for name in names for word in ("--only", name)]
    result = experiment("unlike", data, out, *only)
    assert result.exit_code == 0, result.output
    results = read_results(out)
    assert [clip.name for clip in results.clips] == [*names[:2], "office", "movi_falling_things"]
    bundled, girls, office, coarse = results.clips
    assert (len(bundled.objects), len(bundled.frames)) == (3, 6)
    assert girls.frames == ("00001", "00002")
    assert office.frames == coarse.frames == ("00001", "00003")
    means, _, clips = map(rows_of, (out / "table.md").read_text().split("## "))
    assert means["unlike DAVIS: the folder unlike"][0] == "1"
    assert means["unlike DAVIS: all but the bundled clip"][0] == "3"
    assert clips["movi_falling_things"][2:5] == [f"{coarse.scores['J']:.3f}"] * 2 + [""]


def test_bad_arguments_end_with_a_message_and_nothing_written(
    make_data, tmp_path, experiment, words_of
):
    data, out = make_data("tennis"), tmp_path / "out"
    cases = {
        "no development sequence": ("dev", tmp_path),
        "there is no clip tenis": ("dev", data, "--only", "tenis"),
        "did you mean regions.threshold": ("ablation", data, "--variant", "a:regions.treshold=1"),
        "has no name": ("ablation", data, "--variant", "regions.threshold=0.2"),
        "two variants named full": ("ablation", data, "--variant", "full:regions.threshold=0.2"),
        "give --odd-weights and --even-weights": ("ablation", data, "--odd-weights", "a"),
        "there is no clip bear": ("unlike", data, "--only", "bear"),
        "--jobs is 0": ("unlike", data, "--only", "schoolgirls", "--jobs", "0"),
    }
    for words, (what, folder, *more) in cases.items():
        result = experiment(what, folder, out, *more)
        assert result.exit_code == 2, words
        assert words in words_of(result)
        assert not out.exists()
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    for what in ("dev", "ablation"):
        result = experiment(what, data, out)
        assert result.exit_code == 2
        assert "holds files already" in words_of(result)


def test_stopped_run_keeps_the_clips_that_are_done(make_data, tmp_path, monkeypatch, experiment):
    measure, begun = runner.ClipMeasurement, []

    def stop_at_second(*args):
        begun.append(args)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return measure(*args)

    monkeypatch.setattr(runner, "ClipMeasurement", stop_at_second)
    result = experiment("dev", make_data("tennis"), tmp_path / "out")
    assert result.exit_code == 130
    assert [p.name for p in (tmp_path / "out" / "clips").iterdir()] == ["tennis.json"]


def test_measure_of_a_clip_agrees_with_its_frames(model, small, make_data):
    clips = development_clips(make_data("tennis", girls=False))
    measurement = ClipMeasurement(model, small, clips[0])
    assert list(measurement.run()) == list(range(len(clips[0].frame_names)))
    measured = measurement.result()
    (one,) = measured.measure.objects
    assert measured.measure.scores["J"] == pytest.approx(np.mean(one.j))
    assert measured.measure.j_and_f_per_frame.mean() == pytest.approx(one.j_and_f)
    index, labels = measured.worst[1]
    totals = np.add(one.j, one.f)
    assert totals[index - 1] == totals.min()
    assert labels.shape == clips[0].read_truth(0).shape
