"""Files and folders anywhere that fsspec reaches: on this machine, `s3://`, `gs://`, `memory://`."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from rotoline.errors import ConfigError, InputError
from rotoline.io.atomic import make_folder, output_errors, replacing
from rotoline.io.content import content_hash
from rotoline.io.pictures import list_pictures

_CHANGING = (
    *("ETag", "etag", "md5Hash", "md5", "crc32c", "checksum", "generation"),
    *("mtime", "LastModified", "last_modified", "updated", "created"),
)
"""What the stores say about a file that changes with its content."""


@dataclass(frozen=True)
class Place:
    """A file or a folder, which may not exist."""

    files: Any
    """The file system, of fsspec."""
    path: str
    """Its path there."""

    def __truediv__(self, name: str) -> "Place":
        return Place(self.files, f"{self.path.rstrip('/')}/{name}")

    def __str__(self) -> str:
        return self.path if self.is_local else str(self.files.unstrip_protocol(self.path))

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, or a drive of it."""
        return isinstance(self.files, LocalFileSystem)

    @property
    def local(self) -> Path:
        """The path of a place that `is_local`."""
        return Path(self.path)

    def exists(self) -> bool:
        """Whether there is such a file or folder."""
        return bool(self.files.exists(self.path))

    def read(self) -> bytes | None:
        """The content of a file; None if there is none."""
        try:
            return bytes(self.files.cat_file(self.path))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def write(self, data: bytes) -> None:
        """Write a file, complete or not at all.

        Raises:
            OutputError: It cannot be written here.
        """
        if not self.is_local:  # where an upload appears when it is complete
            self.files.pipe_file(self.path, data)
            return
        make_folder(self.local.parent)
        with replacing(self.local) as temporary:
            temporary.write_bytes(data)

    def create(self, data: bytes) -> bool:
        """Write a file unless there is one; False if there is.

        Of several processes that try, one succeeds: always on a disk, and on object stores that
        know conditional writes.
        """
        if self.is_local:
            make_folder(self.local.parent)
            with output_errors(self.local):
                try:
                    with self.local.open("xb") as file:
                        file.write(data)
                except FileExistsError:
                    return False
            return True
        if self.files.exists(self.path):
            return False
        try:
            self.files.pipe_file(self.path, data, mode="create")
        except FileExistsError:
            return False
        return True

    def names(self) -> list[str]:
        """The names in a folder, sorted; none if there is no folder."""
        try:
            found = self.files.ls(self.path, detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(str(one).rstrip("/").rpartition("/")[2] for one in found)

    def remove(self) -> None:
        """Remove a file or a folder, if there is one."""
        with suppress(FileNotFoundError):
            self.files.rm(self.path, recursive=True)

    def contents(self) -> dict[str, dict[str, Any]]:
        """What is known of every file in a folder by its path below it; of a file, by its name."""
        if not self.files.isdir(self.path):
            return {self.path.rpartition("/")[2]: self.files.info(self.path)}
        found = self.files.find(self.path, detail=True)
        start = len(self.path.rstrip("/")) + 1
        return {path[start:]: info for path, info in found.items()}


def place_of(text: str) -> Place:
    """The place of a path or of an address such as `s3://bucket/clip.mp4`.

    Raises:
        ConfigError: The address is of a kind that fsspec does not know, or that needs a package.
    """
    if not is_address(text):  # "::" in a path would mean something to fsspec
        return Place(LocalFileSystem(), os.path.abspath(text))  # noqa: PTH100 (keeps no "..")
    try:
        files, path = fsspec.core.url_to_fs(text, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"cannot open {text}: {error}; addresses such as s3:// need a package for fsspec, for "
            "example: pip install s3fs"
        ) from error
    return Place(files, path)


def is_address(text: str) -> bool:
    """Whether it is an address such as `s3://bucket/clip.mp4`, not a path."""
    return "://" in text


def video_hash(video: str) -> str:
    """A hash that tells a video from others; elsewhere than here, what its store says about it.

    Raises:
        InputError: There is no such video.
    """
    place = place_of(video)
    if not place.is_local:
        return _stated(place)
    _check_there(place)
    return content_hash(place.local)


def marks_hash(masks: tuple[str, ...]) -> str:
    """A hash of files of masks, or of folders of them; here, of every byte.

    Raises:
        InputError: One is not there.
    """
    found = hashlib.sha256()
    for one in masks:
        place = place_of(one)
        if not place.is_local:
            found.update(_stated(place).encode())
            continue
        _check_there(place)
        path = place.local
        for file in list_pictures(path) if path.is_dir() else [path]:
            found.update(f"{file.name} ".encode(errors="surrogateescape"))
            found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def _check_there(place: Place) -> None:
    if not place.local.exists():
        raise InputError(f"there is no {place}; correct the path in the manifest, or add the file")


def _stated(place: Place) -> str:
    """A hash of the names and lengths of the files, and of when or by what they changed."""
    try:
        contents = place.contents()
    except FileNotFoundError as error:
        raise InputError(
            f"there is no {place}; correct the address in the manifest, or add the file"
        ) from error
    stated = {
        name: [info.get("size"), *(str(info[key]) for key in _CHANGING if key in info)]
        for name, info in sorted(contents.items())
    }
    return hashlib.sha256(json.dumps(stated).encode()).hexdigest()


def fetch(place: Place, folder: Path, most_bytes: int) -> Path:
    """Copy a file or a folder into `folder`, unless that was done before.

    Args:
        place: What to copy.
        folder: Where to; made if there is none.
        most_bytes: Larger ones are refused.

    Returns:
        The copy, which has the same name.

    Raises:
        InputError: It is larger.
    """
    contents = place.contents()
    total = sum(info.get("size") or 0 for info in contents.values())
    if total > most_bytes:
        raise InputError(
            f"{place} has {total / 1e9:.3g} GB, and --scratch-limit allows "
            f"{most_bytes / 1e9:.3g} GB for the copies of an item; raise it"
        )
    name = place.path.rstrip("/").rpartition("/")[2]
    target = folder / name
    pairs = [(place.path, target)]
    if place.files.isdir(place.path):
        pairs = [((place / one).path, target / one) for one in contents]
    for path, copy in pairs:
        if not copy.is_file():
            make_folder(copy.parent)
            with replacing(copy) as temporary:
                place.files.get_file(path, str(temporary))
    return target


def upload(folder: Path, place: Place, last: str) -> None:
    """Copy a folder to a place, and the file `last` after all others.

    Files that were there before and are not in the folder are removed, `last` before all others:
    where it is, the rest is complete.
    """
    files = [path for path in _files(folder) if path != folder / last]
    names = [path.relative_to(folder).as_posix() for path in files]
    (place / last).remove()
    if place.exists():
        for name in place.contents().keys() - set(names):
            (place / name).remove()
    if files:
        place.files.put([str(path) for path in files], [(place / name).path for name in names])
    place.files.put_file(str(folder / last), (place / last).path)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
