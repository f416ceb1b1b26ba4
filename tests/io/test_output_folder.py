import subprocess
import sys

import pytest

from rotoline.errors import OutputError
from rotoline.io.output_folder import LOCK, check_output, new_output

HOLD = """
import sys
from pathlib import Path
from rotoline.io.output_folder import new_output
with new_output(Path(sys.argv[1])):
    print("locked", flush=True)
    input()
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "DESKTOP.INI"])
def test_folder_with_what_file_managers_leave_counts_as_empty(tmp_path, name):
    (tmp_path / name).touch()
    check_output(tmp_path)
    with new_output(tmp_path):
        (tmp_path / "a.png").touch()
    assert names(tmp_path) == sorted([name, "a.png"])


@pytest.mark.parametrize("name", [".hidden", "a.png", "Thumbs.db.png"])
def test_folder_with_anything_else_is_refused_and_left_alone(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(OutputError, match="holds files already"):
        check_output(tmp_path)
    with pytest.raises(OutputError, match="holds files already"), new_output(tmp_path):
        pass
    assert names(tmp_path) == [name]


def test_second_run_into_one_folder_is_refused(tmp_path):
    output = tmp_path / "new" / "out"
    with new_output(output):
        with pytest.raises(OutputError, match="another run is writing into"), new_output(output):
            pass
        (output / "a.png").touch()
    assert names(output) == ["a.png"]
    with pytest.raises(OutputError, match="holds files already"), new_output(output):
        pass


def test_folders_without_a_result_are_removed_again(tmp_path):
    (tmp_path / "empty").mkdir()
    for output in (tmp_path / "new" / "out", tmp_path / "empty" / "out", tmp_path / "empty"):
        with pytest.raises(RuntimeError), new_output(output):
            raise RuntimeError
    assert names(tmp_path) == ["empty"]
    assert names(tmp_path / "empty") == []


def test_killed_run_does_not_lock_its_folder_for_ever(tmp_path):
    output = tmp_path / "out"
    command = [sys.executable, "-c", HOLD, str(output)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(OutputError, match="another run is writing into"), new_output(output):
            pass
        other.kill()
    assert names(output) == [LOCK]
    with new_output(output):
        (output / "a.png").touch()
    assert names(output) == ["a.png"]
