import errno
from pathlib import Path

import pytest

from rotoline.errors import InputError, OutputError
from rotoline.io.atomic import replacing, write_text


@pytest.fixture
def existing(tmp_path: Path) -> Path:
    path = tmp_path / "kept.txt"
    path.write_text("before")
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_final_name_appears_only_when_the_file_is_complete(existing):
    with replacing(existing) as temporary:
        temporary.write_text("after")
        assert temporary.parent == existing.parent
        assert temporary.suffix == ".txt"
        assert temporary.name.startswith(".")
        assert existing.read_text() == "before"
    assert existing.read_text() == "after"
    assert names(existing.parent) == ["kept.txt"]


def test_write_text_keeps_line_feeds_and_any_letters(tmp_path):
    write_text(tmp_path / "Öl 10.json", "a\nç\n")
    assert (tmp_path / "Öl 10.json").read_bytes() == "a\nç\n".encode()


def test_full_disk_leaves_the_earlier_file_and_nothing_else(existing, monkeypatch):
    def write_half(self, text, **_):
        with self.open("w") as file:
            file.write(text[: len(text) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_half)
    with pytest.raises(OutputError, match=r"kept\.txt: No space left on device; free some space"):
        write_text(existing, "after")
    assert existing.read_text() == "before"
    assert names(existing.parent) == ["kept.txt"]


def test_a_rename_that_fails_leaves_the_earlier_file_and_nothing_else(existing, monkeypatch):
    def refuse(self, target):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OutputError, match="Permission denied; choose a folder"):
        write_text(existing, "after")
    assert existing.read_text() == "before"
    assert names(existing.parent) == ["kept.txt"]


@pytest.mark.parametrize("failure", [InputError("frames differ"), KeyboardInterrupt()])
def test_other_failures_pass_through_and_clean_up(existing, failure):
    def fail_halfway():
        with replacing(existing) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(type(failure)):
        fail_halfway()
    assert existing.read_text() == "before"
    assert names(existing.parent) == ["kept.txt"]


def test_a_missing_folder_and_a_folder_in_the_way_are_named(tmp_path):
    with pytest.raises(OutputError, match=r"nowhere.*create the folder first"):
        write_text(tmp_path / "nowhere" / "a.txt", "")
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match=r"taken: .*choose another name"):
        write_text(tmp_path / "taken", "")
    assert names(tmp_path) == ["taken"]


def test_name_that_fits_has_a_temporary_name_that_fits(tmp_path):
    for stem in ("a" * 251, "\N{CLAPPER BOARD}" * 62):
        write_text(tmp_path / f"{stem}.txt", "text")
    assert len(names(tmp_path)) == 2
