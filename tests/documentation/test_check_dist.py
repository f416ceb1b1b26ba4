"""What is released holds what git has: a stray or missing file is named."""

import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACKED = ("pyproject.toml", "src/rotoline/__init__.py", "src/rotoline/kernels/scan.cpp")
KERNEL = "rotoline/kernels/propagation/_native.cpython-311-x86_64-linux-gnu.so"
RECORD = "rotoline-1.0.dist-info/RECORD"


@pytest.fixture(scope="module")
def script(load_script):
    return load_script("check_dist")


@pytest.mark.parametrize(
    ("names", "faults"),
    [
        ([KERNEL, "rotoline/__init__.py"], []),
        (["rotoline/__init__.py"], ["has 0 compiled kernels in place of one"]),
        ([KERNEL], ["lacks rotoline/__init__.py"]),
        (
            [KERNEL, "rotoline/__init__.py", "rotoline/notes.txt", "tests/a.py"],
            [
                "has rotoline/notes.txt, which git has not",
                "has tests/a.py, which git has not",
            ],
        ),
    ],
)
def test_wheel_holds_the_package_and_one_kernel(script, tmp_path, names, faults):
    path = tmp_path / "rotoline-1.0-cp311-cp311-linux_x86_64.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.mkdir("rotoline")
        for name in [*names, RECORD]:
            archive.writestr(name, "")
    assert list(script.wheel_faults(path, TRACKED)) == faults


def test_too_large_weights_are_a_fault(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "LARGEST_WEIGHTS", 1_000_000)
    path = tmp_path / "rotoline-1.0-cp311-cp311-linux_x86_64.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(KERNEL, "")
        archive.writestr("rotoline/weights/a.safetensors", bytes(2_000_000))
    (fault,) = script.wheel_faults(path, ["src/rotoline/weights/a.safetensors"])
    assert "2.0 MB of weights" in fault


def test_sdist_holds_the_repository(script, tmp_path):
    path = tmp_path / "rotoline-1.0.tar.gz"
    stray = tmp_path / "stray.so"
    stray.write_text("")
    with tarfile.open(path, "w:gz") as archive:
        for name in (*TRACKED[:2], "PKG-INFO", "src/rotoline/_native.so"):
            archive.add(stray, f"rotoline-1.0/{name}")
    assert list(script.sdist_faults(path, [*TRACKED, "benchmarks/weights/a.safetensors"])) == [
        "has src/rotoline/_native.so, which git has not",
        "lacks src/rotoline/kernels/scan.cpp",
    ]
