"""A run whose disk is full says so, loses nothing, and goes on once there is room."""

import subprocess
import sys

import pytest

POINTS = 5


@pytest.fixture
def small_disk(tmp_path):
    """A function that makes a disk of some kilobytes, or changes its size."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = []

    def mount(kilobytes):
        options = f"size={kilobytes}k" + (",remount" if mounted else "")
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("no tmpfs can be mounted here")
        mounted.append(disk)
        return disk

    yield mount
    if mounted:
        subprocess.run(["umount", str(disk)], check=True)


def check_resumed(output, full, expected, segment, files_of):
    assert full["code"] == 2, full["errors"]
    assert "No space left" in full["errors"]
    resumed = segment(output, "--resume")
    assert resumed["code"] == 0, resumed["errors"]
    assert files_of(output) == expected


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
def test_run_goes_on_after_a_full_disk(tmp_path, small_disk, segment, files_of):
    assert segment(tmp_path / "whole")["code"] == 0
    expected = files_of(tmp_path / "whole")
    needed = sum(path.stat().st_size for path in (tmp_path / "whole").rglob("*")) // 1024
    for point in range(1, POINTS + 1):
        disk = small_disk(needed * point // (POINTS + 1))
        output = disk / f"{point}"
        full = segment(output)
        small_disk(20 * needed)
        check_resumed(output, full, expected, segment, files_of)
        subprocess.run(["rm", "-r", str(output)], check=True)


@pytest.mark.slow
def test_run_goes_on_after_files_could_not_be_opened(tmp_path, segment, files_of):
    whole = segment(tmp_path / "whole")
    expected = files_of(tmp_path / "whole")
    for point in range(1, POINTS + 1):
        output = tmp_path / f"{point}"
        full = segment(output, at=whole["moments"] * point // (POINTS + 1), how="full")
        check_resumed(output, full, expected, segment, files_of)
