"""A hundred damaged files of every kind: each is read, or read with a warning, or refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "robustness.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the script reads times and memory from /proc")
def test_a_hundred_damaged_files_cause_no_fault():
    done = subprocess.run(
        [sys.executable, SCRIPT, "--tiny", "--seed", "1"],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    outcomes = found["outcomes"]
    assert sum(outcomes.values()) == found["count"] == 100
    assert min(outcomes[name] for name in ("read", "read with a warning", "refused")) > 5
    assert not found["faults"]
    assert len(found["by_file"]) == 28
