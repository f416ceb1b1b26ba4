"""docs/kernels.md: its example runs, and its tables are what the results say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "kernels.md").read_text()


@pytest.mark.slow
def test_example_is_short_and_runs():
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(example.strip().splitlines()) <= 16
    values = {}
    exec(example, values)
    assert values["sharp"].shape == values["coarse"].shape
    assert any(part.grad is not None for part in values["guide"].parameters())


@pytest.mark.slow
def test_tables_are_those_of_the_results():
    named = re.findall(r"--table (benchmarks/results/\S+\.jsonl)", PAGE)
    assert named
    for file in named:
        table = subprocess.run(
            [sys.executable, ROOT / "benchmarks" / "propagation.py", "--table", ROOT / file],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert table.strip() in PAGE, f"stale: print {file} again"
