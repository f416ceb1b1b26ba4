"""The pages of the documentation, and the code in them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run_blocks(tmp_path, monkeypatch):
    """A function that runs the Python blocks of a page in order, in an empty folder."""

    def run(page):
        monkeypatch.chdir(tmp_path)
        text = (ROOT / page).read_text(encoding="utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        assert blocks, f"{page} has no Python"
        values = {"__name__": "page"}
        for block in blocks:
            exec(compile(block, page, "exec"), values)
        return values

    return run
