"""The version is written once, and README's picture of the tree is the tree."""

import re
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path

import rotoline

ROOT = Path(__file__).parents[2]
SOURCE = Path(rotoline.__file__).parent


def test_version_comes_from_the_package():
    assert version("rotoline") == rotoline.__version__


def test_changelog_has_the_version():
    release = rotoline.__version__.partition(".dev")[0]
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert release in headings[0] or "Unreleased" in headings[0]


def test_tree_in_readme_is_the_real_tree():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^## Where things are\n\n((?: {4}.*\n)+)", text, re.MULTILINE)
    packages = set()
    for line in block.splitlines():
        is_package = line.startswith(" " * 6)
        for word in takewhile(lambda word: "/" in word, line.split()):
            folder = (SOURCE if is_package else ROOT) / word.strip(",")
            assert folder.is_dir(), word
            if is_package:
                packages.add(folder.relative_to(SOURCE).parts[0])
    assert packages == {path.parent.name for path in SOURCE.glob("*/__init__.py")}


def test_every_decision_is_in_the_index():
    folder = ROOT / "docs" / "decisions"
    index = (folder / "index.md").read_text(encoding="utf-8")
    for path in folder.glob("0*.md"):
        assert f"({path.name})" in index
