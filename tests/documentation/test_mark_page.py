"""The page about marking shows the keys that the studio has."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_table_of_keys_is_that_of_the_studio(load_script):
    script = load_script("make_keys_page")
    page = script.PAGE.read_text(encoding="utf-8")
    keys = json.loads(script.TABLE.read_text(encoding="utf-8"))
    assert script.with_keys(page, keys) == page, "run scripts/make_keys_page.py"
