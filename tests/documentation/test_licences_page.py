"""The page of licences is what the packages say, and what must not be installed is refused."""

from email.message import Message
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script(load_script):
    return load_script("make_licences")


def package(**metadata):
    message = Message()
    for name, value in metadata.items():
        message[name.replace("_", "-")] = value
    return SimpleNamespace(name="thing", metadata=message)


def test_the_page_is_fresh_and_nothing_on_it_is_refused(script):
    groups = script.read_groups()
    assert [line for rows in groups.values() for line in script.refused(rows)] == []
    page = script.PAGE.read_text(encoding="utf-8")
    assert script.with_rows(page, groups) == page, "run scripts/make_licences.py"


def test_the_libraries_in_the_wheel_of_pyav_were_read_for_this_version():
    text = (ROOT / "docs" / "reference" / "licences.md").read_text(encoding="utf-8")
    assert f"in its wheel ({version('av')}, Linux)" in text, "read `python -m av --version` again"


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ({"License_Expression": "MIT AND PSF-2.0", "License": "other"}, "MIT AND PSF-2.0"),
        ({"License": "BSD-3-Clause"}, "BSD-3-Clause"),
        (
            {
                "License": "Copyright (c) ...",
                "Classifier": "License :: OSI Approved :: BSD License",
            },
            "BSD",
        ),
        ({"License": "Copyright (c) ..."}, ""),
        ({"License_Expression": "LicenseRef-NVIDIA-Proprietary"}, ""),
        ({"Classifier": "License :: Other/Proprietary License"}, ""),
        ({}, ""),
    ],
)
def test_a_licence_is_read_where_a_package_states_it(script, metadata, licence):
    assert script.licence_of(package(**metadata)) == licence


@pytest.mark.parametrize(
    ("licence", "said"),
    [
        ("", "unknown licence"),
        ("LGPL-2.1-or-later", "replace the package"),
        ("GPL-3.0-only", "replace the package"),
        ("AGPL-3.0-or-later", "replace the package"),
        ("MIT AND GPL-2.0-or-later", "replace the package"),
    ],
)
def test_unknown_and_copyleft_licences_are_refused(script, licence, said):
    (line,) = script.refused([script.Row("thing", "1.0", licence)])
    assert said in line
    assert "thing 1.0" in line
