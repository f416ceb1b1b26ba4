"""docs/results.md: every table is what the raw results say."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_tables_are_those_of_the_raw_results():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "make_results.py", "--check"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
