"""The types in the comments of the page's modules are checked by the TypeScript compiler."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

OLDEST = (5, 5)
"""The first version that knows `@import` in comments."""


@pytest.mark.slow
def test_the_modules_of_the_page_are_well_typed():
    compiler = shutil.which("tsc")
    if compiler is None:
        pytest.skip("needs tsc: npm install -g typescript@5")
    said = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
    if tuple(map(int, re.findall(r"\d+", said)[:2])) < OLDEST:
        pytest.skip(f"needs tsc 5.5 or newer, and this is {said.strip()}")
    project = Path(__file__).with_name("tsconfig.json")
    done = subprocess.run([compiler, "-p", project], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
