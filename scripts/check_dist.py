"""Check what is about to be released: `check_dist.py DIST`.

    python scripts/check_dist.py dist

Each file must hold what git has, no more and no less: a wheel the package with its compiled kernel,
the sdist the repository. Weights are at most 25 MB. Ends with code 1 and a line for each fault.
"""

import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Collection, Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
KERNEL = "rotoline/kernels/propagation/_native.*.so"
SOURCES = (".cpp", ".hpp")
LARGEST_WEIGHTS = 25_000_000
"""Bytes."""
LEFT_OUT = "benchmarks/weights/*.safetensors"
"""What the sdist lacks: `sdist.exclude` in pyproject.toml."""


def main() -> None:
    """Check the files of a folder, and list them."""
    paths = sorted(path for path in Path(sys.argv[1]).iterdir() if path.is_file())
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    tracked = frozenset(listed.stdout.split("\0")) - {""}
    faults = []
    if not any(path.suffix == ".whl" for path in paths):
        faults.append(f"{sys.argv[1]} has no wheel")
    for path in paths:
        sys.stdout.write(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB\n")
        if path.suffix == ".whl":
            faults += [f"{path.name}: {fault}" for fault in wheel_faults(path, tracked)]
        elif path.name.endswith(".tar.gz"):
            faults += [f"{path.name}: {fault}" for fault in sdist_faults(path, tracked)]
    if faults:
        sys.exit("\n".join(faults))


def wheel_faults(path: Path, tracked: Collection[str]) -> Iterator[str]:
    """What is wrong with a wheel, given the paths that git has."""
    with zipfile.ZipFile(path) as archive:
        files = [info for info in archive.infolist() if not info.is_dir()]
    sizes = {info.filename: info.file_size for info in files}
    names = {name for name in sizes if not re.match(r"rotoline-[^/]+\.dist-info/", name)}
    kernels = {name for name in names if fnmatch(name, KERNEL)}
    if len(kernels) != 1:
        yield f"has {len(kernels)} compiled kernels in place of one"
    expected = {
        name.removeprefix("src/")
        for name in tracked
        if name.startswith("src/") and PurePosixPath(name).suffix not in SOURCES
    }
    yield from _differences(names - kernels, expected)
    weights = sum(size for name, size in sizes.items() if name.endswith(".safetensors"))
    if weights > LARGEST_WEIGHTS:
        yield f"has {weights / 1e6:.1f} MB of weights, more than {LARGEST_WEIGHTS / 1e6:.0f}"


def sdist_faults(path: Path, tracked: Collection[str]) -> Iterator[str]:
    """What is wrong with an sdist, given the paths that git has."""
    with tarfile.open(path) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    expected = {name for name in tracked if not fnmatch(name, LEFT_OUT)}
    yield from _differences(names - {"PKG-INFO"}, expected)


def _differences(names: Collection[str], expected: Collection[str]) -> Iterator[str]:
    yield from (f"has {name}, which git has not" for name in sorted({*names} - {*expected}))
    yield from (f"lacks {name}" for name in sorted({*expected} - {*names}))


if __name__ == "__main__":
    main()
