"""Published weights: downloaded, checked, converted once, and found again by name.

    FOLDER/<file>.part ─► size and SHA-256 ─► NAME.safetensors ─► NAME.json

A download is not parsed before its SHA-256 has been checked. Each file under its final name is
complete, and the record comes last: weights without it count as absent.
"""

import hashlib
import re
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from rotoline.errors import WeightsError
from rotoline.io.atomic import make_folder, output_errors
from rotoline.io.paths import user_folder
from rotoline.io.run_record import current_commit
from rotoline.runtime.progress import Progress
from rotoline.weights.files import read_weights, write_weights
from rotoline.weights.pretrained import PretrainedEntry, convert, read_registry, require_h5py

SECONDS_OF_SILENCE = 30.0
"""Seconds without data after which a connection counts as broken."""

CHUNK = 1 << 20


def weights_folder() -> Path:
    """The folder of fetched weights: `$XDG_CACHE_HOME/rotoline`, or `~/.cache/rotoline`."""
    return user_folder("XDG_CACHE_HOME", ".cache")


def weights_path(name: str, folder: Path) -> Path:
    """Path that `fetch` writes the weights of a name to."""
    return folder / f"{name}.safetensors"


def is_fetched(name: str, folder: Path) -> bool:
    """Whether the weights and their record are in `folder`; only reading them compares the hash."""
    path = weights_path(name, folder)
    return path.is_file() and path.with_suffix(".json").is_file()


def find_published(name: str) -> PretrainedEntry:
    """The entry of that name.

    Raises:
        WeightsError: There are no published weights of that name.
    """
    registry = read_registry()
    if name not in registry:
        raise WeightsError(
            f"there are no published weights {name}; known are {', '.join(registry)}"
        )
    return registry[name]


def find_weights(name_or_path: str | Path) -> Path:
    """Find weights by the path of the file or by the name under which they were fetched.

    Args:
        name_or_path: A path or a name; a file that exists takes precedence.

    Returns:
        The path of a `.safetensors` file.

    Raises:
        WeightsError: The weights of that name are not fetched yet, or there is no such file or
            name.
    """
    path, name = Path(name_or_path), str(name_or_path)
    if path.is_file():
        return path
    registry = read_registry()
    if name not in registry:
        raise WeightsError(
            f"there are no weights {name}; give a .safetensors file "
            f"or one of the names {', '.join(registry)}"
        )
    folder = weights_folder()
    if not is_fetched(name, folder):
        raise WeightsError(
            f"the weights {name} are not in {folder} yet; "
            f"run this once, with the network: rotoline weights fetch {name}"
        )
    return weights_path(name, folder)


def fetch(entry: PretrainedEntry, folder: Path) -> Iterator[Progress]:
    """Download published weights, check and convert them.

    An interrupted download leaves `FOLDER/<file>.part`, from which the next call continues if the
    server supports it. Weights that exist with a valid record are not changed.

    Args:
        entry: What to fetch.
        folder: Created where it is missing.

    Yields:
        Progress in bytes, those of an earlier try included. Its stages are `downloading`, in
        pieces of 1 MiB, `checking`, `converting` and `done`; or `present` alone if the weights
        exist already.

    Raises:
        WeightsError: The server cannot be reached or stops, or gives another file.
        OutputError: The folder or a file in it cannot be written.
    """
    path = weights_path(entry.name, folder)
    part = folder / f"{Path(urlsplit(entry.url).path).name}.part"
    with output_errors(folder):
        if _is_valid(entry, path):
            yield Progress("present", entry.bytes, entry.bytes)
            return
        require_h5py(entry)
        make_folder(folder)
        begun = part.stat().st_size if part.is_file() else 0
    if begun != entry.bytes:
        yield from _download(entry, part, begun if begun < entry.bytes else 0)
    with output_errors(part):
        yield Progress("checking", entry.bytes, entry.bytes)
        _check(entry, part)
        yield Progress("converting", entry.bytes, entry.bytes)
        write_weights(path, convert(entry, part), _about(entry))
        part.unlink()
    yield Progress("done", entry.bytes, entry.bytes)


def _is_valid(entry: PretrainedEntry, path: Path) -> bool:
    try:
        record, _ = read_weights(path)
    except WeightsError:
        return False
    return record.data == _origin(entry)


def _origin(entry: PretrainedEntry) -> str:
    return f"{entry.source} Published as {entry.url}, SHA-256 {entry.sha256}"


def _download(entry: PretrainedEntry, part: Path, begun: int) -> Iterator[Progress]:
    """Complete the `.part` file, or leave the received part for the next call."""
    response, done = _open(entry, begun)
    with response, output_errors(part), part.open("ab" if done else "wb") as file:
        yield Progress("downloading", done, entry.bytes)
        # One byte too many is enough to refuse the file.
        while done <= entry.bytes and (chunk := _read(entry, response, done)):
            file.write(chunk)
            done += len(chunk)
            yield Progress("downloading", done, entry.bytes)
    if done < entry.bytes:
        raise _stopped(entry, done, "the server closed the connection")


def _open(entry: PretrainedEntry, done: int) -> tuple[HTTPResponse, int]:
    """Request the bytes from `done` on; return the response, and the position where it begins."""
    headers = {"User-Agent": "rotoline"} | ({"Range": f"bytes={done}-"} if done else {})
    try:
        response = urlopen(Request(entry.url, headers=headers), timeout=SECONDS_OF_SILENCE)
    except HTTPError as error:
        error.close()
        if error.code == 416 and done:
            return _open(entry, 0)
        raise WeightsError(
            f"{entry.url} answers {error.code} {error.reason}; "
            + (
                "try again later"
                if error.code in (408, 429) or error.code >= 500
                else "the file may have moved: install a newer version of rotoline"
            )
        ) from error
    except (OSError, HTTPException) as error:
        raise WeightsError(
            f"cannot reach {entry.url}: {_reason(error)}; "
            "check the network and run the same command again"
        ) from error
    begin, total = _range(response)
    if done and begin not in (0, done):
        response.close()
        return _open(entry, 0)
    if total not in (None, entry.bytes):
        response.close()
        raise WeightsError(f"{entry.url} has {total} bytes instead of {entry.bytes}; {_FOREIGN}")
    return response, max(begin, 0)


_FOREIGN = (
    "it is not the file that was published: see whether a proxy answers in its place, "
    "or install a newer version of rotoline"
)


def _range(response: HTTPResponse) -> tuple[int, int | None]:
    """Where a response begins, and the size of the whole file if the server states it."""
    if response.status != 206:
        return 0, response.length
    given = re.match(r"bytes (\d+)-\d+/(\d+|\*)$", response.headers.get("Content-Range", ""))
    if given is None:
        return -1, None
    return int(given[1]), None if given[2] == "*" else int(given[2])


def _read(entry: PretrainedEntry, response: HTTPResponse, done: int) -> bytes:
    try:
        return response.read(CHUNK)
    except (OSError, HTTPException) as error:
        raise _stopped(entry, done, _reason(error)) from error


def _stopped(entry: PretrainedEntry, done: int, reason: str) -> WeightsError:
    return WeightsError(
        f"the download of {entry.name} stopped after {done / 1e6:.1f} of {entry.bytes / 1e6:.1f} "
        f"MB: {reason}; run the same command again to go on from there"
    )


def _reason(error: Exception) -> str:
    # The reason of a URLError is the more specific error.
    inner = getattr(error, "reason", error)
    return getattr(inner, "strerror", None) or str(inner) or type(inner).__name__


def _check(entry: PretrainedEntry, part: Path) -> None:
    """Refuse and remove a download that is not the published file."""
    size = part.stat().st_size
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if size == entry.bytes and found == entry.sha256:
        return
    part.unlink()
    what = (
        f"SHA-256 {found} instead of {entry.sha256}"
        if size == entry.bytes
        else f"more than the {entry.bytes} bytes that are needed"
    )
    raise WeightsError(
        f"the download of {entry.name} has {what}; it is removed. Run the same command again; "
        f"if that says the same, {_FOREIGN}"
    )


def _about(entry: PretrainedEntry) -> dict[str, str | int]:
    """The fields of the record of the converted weights."""
    return {
        "name": entry.name,
        "licence": entry.licence,
        "data": _origin(entry),
        "command": f"rotoline weights fetch {entry.name}",
        "commit": current_commit(),
        "seed": 0,
        "steps": 0,
    }
