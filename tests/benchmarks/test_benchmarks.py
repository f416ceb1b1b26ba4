"""Every benchmark script runs on small inputs and checks what it times; times are not asserted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rotoline.kernels.propagation import native

pytestmark = [pytest.mark.slow, pytest.mark.benchmark]

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = {path.stem for path in BENCHMARKS.glob("[!_]*.py")} - {"robustness"}
"""The script of tests/robustness is left out: it measures no time."""
STAGES = {"encode", "score", "limit", "propagate", "filter", "update", "fuse"}


def run(script, *arguments):
    """What `python benchmarks/SCRIPT --tiny` prints, on one thread."""
    done = subprocess.run(
        [sys.executable, BENCHMARKS / f"{script}.py", *arguments, "--tiny"],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"},
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    table = [line for line in done.stdout.splitlines() if line.startswith("|")]
    return lines, table


def assert_checked(line, reference):
    """A line says what its values were compared with, and how much they differ."""
    assert line["reference"] == reference
    assert 0 <= line["difference"] <= 1e-4
    assert {"cpu", "threads", "torch", "commit"} <= set(line)


def test_every_script_has_a_test():
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {name for name in SCRIPTS if not any(test.startswith(name) for test in tested)} == set()


def test_frame_measures_stages_and_memory_and_compares_with_resnet():
    one, resnet, five, large = run("frame")[0]
    assert resnet["frame_over_resnet101"] > 0
    assert (one["objects"], one["keep_memory"], one["kernels"]) == (1, True, "")
    assert (five["objects"], five["keep_memory"], five["kernels"]) == (5, False, "vectorised")
    assert large["size"] == [80, 128]
    for line in (one, five, large):
        assert_checked(line, "vectorised")
        assert set(line["shares"]) == STAGES | {"fit"}
        assert line["start_to_first_mask"] > line["start_to_loaded"] > line["import_torch"] > 0
        assert line["peak_mb"] > 0


def test_resnet_measures_a_pass():
    (line,), _ = run("resnet")
    assert_checked(line, "contiguous")
    assert line["resnet101_seconds"] > 0


def test_allocator_compares_processes_that_compute_the_same():
    (kept, returned, summary), _ = run("allocator")
    assert (kept["keep_memory"], returned["keep_memory"]) == (True, False)
    assert summary["pairs"] == 1
    assert summary["ratio"] == pytest.approx(returned["seconds"] / kept["seconds"], abs=0.01)
    assert 0 <= summary["difference"] <= 1e-4


def test_together_compares_one_run_with_two_at_once():
    (line,), _ = run("together")
    assert line["spins"] == 0
    assert (len(line["all_alone"]), len(line["all_two_at_once"])) == (1, 2)
    assert line["ratio"] > 0


def test_strokes_measures_the_time_to_a_mask():
    lines, _ = run("strokes")
    assert [line["objects"] for line in lines] == [1, 3]
    for line in lines:
        for kind in ("first", "prepared", "further"):
            assert line[f"seconds_{kind}_p95"] >= line[f"seconds_{kind}_p50"] > 0


def test_studio_goes_from_strokes_to_a_matte():
    (line, export), _ = run("studio")
    assert (line["frame"], line["strokes"], line["objects"]) == (0, 11, [1, 2, 3])
    assert line["scores"]["mean"] > 0.7
    assert export["export"] == ["prores"]


def test_presets_measures_learning_and_frames():
    lines, table = run("presets")
    assert [(line["preset"], line["objects"]) for line in lines] == [
        ("fast", 3),
        ("paper", 2),
        ("paper", 1),
    ]
    for line in lines:
        assert_checked(line, "vectorised")
        assert set(line["stages"]) == STAGES
    fine_tuned = [line for line in lines if "schedule_hours" in line]
    # Two steps for each of the two objects and for the foreground.
    assert [line["steps_measured"] for line in fine_tuned] == [6]
    assert len(table) == 2 + len(lines)


def test_learners_compares_the_solver_with_sgd_on_one_objective():
    lines, table = run("learners")
    assert [line["learner"] for line in lines] == [
        "generic head",
        "SGD, 2 steps",
        "solver, up to 3",
    ]
    for line in lines:
        assert_checked(line, "objective")
    generic, descent, solver = (line["objective"] for line in lines)
    assert solver < descent <= generic
    assert len(table) == 2 + len(lines)


@pytest.mark.skipif(bool(native.refusal("cpu")), reason="the compiled module is missing")
def test_propagation_checks_every_case():
    lines, _ = run("propagation")
    assert {line["task"] for line in lines} == {"forward", "merged", "backward"}
    assert {line["threads"] for line in lines} == {1, 2}
    for line in lines:
        assert_checked(line, "vectorised")
        assert line["implementation"] == "native"
        assert line["ratio"] > 0
        assert line["copy_gb_s"] > 0


def test_compare_versions_of_one_environment_finds_equal_masks():
    lines, table = run("compare_versions", sys.executable, sys.executable)
    assert [(line["measurement"], line["objects"]) for line in lines] == [
        ("start to first mask", 1),
        ("frame", 1),
        ("frame", 5),
    ]
    for line in lines:
        assert line["equal_masks"] == line["pairs"] == 1
        assert 0 < line["ratio_min"] <= line["ratio_median"] <= line["ratio_max"]
        assert line["old"] == line["new"]
    assert len(table) == 2 + len(lines)


def test_length_measures_memory_and_time_a_frame():
    lines, table = run("length")
    assert [line["frames"] for line in lines] == [10, 20, 30]
    assert all(line["peak_mb"] > 0 for line in lines)
    assert len(table) == 2 + len(lines)


def test_encoder_measures_both_precisions():
    (line,) = run("encoder", "--threads", "1")[0]
    assert line["seconds_bfloat16"] > 0
    assert 0 < max(line["difference"]) < 0.1


def test_training_measures_drawing_and_learning():
    for line, batch in zip(run("training", "--device", "cpu")[0], (1, 4), strict=True):
        assert line["batch"] == batch
        assert line["seconds_drawing"] > 0
        assert line["seconds_learning"] > 0
        assert_checked(line, "one by one")


def test_borders_measures_with_the_upsampler_and_without():
    machine, clip, *shapes, memory = run("borders")[0]
    assert {"cpu", "threads", "torch", "commit"} <= set(machine)
    assert [clip["rows"], *(line["rows"] for line in shapes)] == [720, 270, 540]
    for line in (clip, *shapes):
        for way in ("upsampler", "interpolation"):
            assert len(line[way]) == 3
            assert all(0 < value <= 1 for value in line[way])
            assert line[f"seconds_{way}"] > 0
    assert memory["peak_mb"] > 0


def test_batch_counts_clips_locally_and_on_ray():
    pytest.importorskip("ray")
    lines, table = run("batch")
    *cases, task = lines
    assert [(line["case"], line["workers"]) for line in cases] == [
        ("local", 1),
        ("local", 2),
        ("ray", 2),
    ]
    for line in cases:
        assert {"cpu", "torch", "commit"} <= set(line)
        assert line["clips_a_minute"] > 0
        assert 0 < line["seconds_a_clip_done"] < 10
    assert cases[0]["overhead"] is not None
    assert task["seconds"] > 0
    assert len(table) == 2 + len(cases)


def test_peer_cutie_measures_both_programs_on_the_same_frames():
    pytest.importorskip("cutie")
    lines, _ = run("peer_cutie")
    assert [line["program"] for line in lines] == ["rotoline", "cutie-small", "cutie-base"]
    for line in lines:
        assert (line["objects"], line["frames"], line["size"]) == (1, 4, [96, 160])
        assert line["seconds_per_frame_median"] > 0
        assert line["peak_mb"] > 0
