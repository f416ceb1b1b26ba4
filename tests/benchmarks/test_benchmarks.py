"""Benchmarks run, so that none can rot; what they measure is in docs/results.md."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rotoline.kernels.propagation import native

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def lines_of(script):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / script, "--quick"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_frame_benchmark_measures_every_case():
    lines = lines_of("frame.py")
    ratios = [line["frame_over_resnet101"] for line in lines if "resnet101_seconds" in line]
    assert len(ratios) == 1
    assert 0 < ratios[0] < 2
    frames = [line for line in lines if "objects" in line]
    assert [line["objects"] for line in frames] == [1, 2, 5, 10, 1, 10, 1, 1]
    for line in frames:
        assert line["start_to_first_mask"] > line["start_to_loaded"] > line["import_torch"] > 0
        assert line["peak_mb"] > 0
        assert {"foreground", "score", "propagate", "regions", "fuse"} <= set(line["shares"])


@pytest.mark.skipif(bool(native.refusal("cpu")), reason="the compiled module is missing")
def test_propagation_benchmark_checks_and_measures_every_case():
    lines = lines_of("propagation.py")
    assert {line["task"] for line in lines} == {"forward", "merged", "backward"}
    assert {line["threads"] for line in lines} == {1, 2}
    assert all(line["ratio"] > 0 and line["copy_gb_s"] > 0 for line in lines)
