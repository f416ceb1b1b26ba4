"""The types in the comments of the page's modules are checked by the TypeScript compiler."""

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("tsc") is None, reason="needs tsc: npm install -g typescript@5")
def test_the_modules_of_the_page_are_well_typed():
    project = Path(__file__).with_name("tsconfig.json")
    done = subprocess.run(["tsc", "-p", project], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
