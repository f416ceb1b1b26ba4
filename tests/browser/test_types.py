"""The types in the comments of the page's modules are checked by the TypeScript compiler."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_modules_of_the_page_are_well_typed():
    compiler = shutil.which("tsc")
    if compiler is None and "CI" not in os.environ:
        pytest.skip("needs tsc: npm install -g typescript@5, or Debian's node-typescript")
    assert compiler is not None
    project = Path(__file__).with_name("tsconfig.json")
    done = subprocess.run([compiler, "-p", project], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
