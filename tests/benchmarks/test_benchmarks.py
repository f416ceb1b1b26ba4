"""Benchmarks run, so that none can rot; what they measure is in docs/results.md."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_frame_benchmark_measures_every_case():
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "frame.py", "--quick"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["objects"] for line in lines] == [1, 2, 5, 10, 1, 1]
    for line in lines:
        assert line["start_to_first_mask"] > line["start_to_loaded"] > 0
        assert line["peak_mb"] > 0
        assert {"foreground", "score", "propagate", "regions", "fuse"} <= set(line["stages"])
