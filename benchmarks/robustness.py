"""Damage small valid files of every kind at random, read each, and count what happens.

    python benchmarks/robustness.py --count 5000 --label 2026-11-26-robustness

A file that was damaged may be read, read with a warning, or refused with a message. Anything else
is a fault: a traceback, a crash, more than 10 s of processor time, more than 2 GB, or frames that
the file counts and nobody mentions. Every case is repeatable by its number and the seed; `--case`
shows one. Files are read in a process that is replaced when it ends or hangs. With faults, the exit
code is 1.
"""

import argparse
import hashlib
import json
import os
import platform
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from _mutations import mutate
from _report import RESULTS, current_commit
from _valid_files import FRAMES, frames_in, make_files

SECONDS, BYTES = 10.0, 2_000_000_000
"""The most processor time and memory that reading one file may take."""
FAULTS = ("traceback", "crash", "hang", "memory", "lost")
_LOOK_EVERY, _MOST_IDLE = 2.0, 30  # seconds; looks without progress after which a process hangs
_ADDRESS_SPACE = 6_000_000_000  # of the process: a fault must not take the memory of the machine


def damage(folder: Path, case: int, seed: int, work: Path) -> dict[str, Any]:
    """Write the files of a case, one of them damaged, into `work`.

    Returns:
        What reads it, the name of the valid file, the kind of damage, and the path to read.
    """
    files = json.loads((folder / "files.json").read_text())
    draw = np.random.default_rng([seed, case])
    reader, name = files[case % len(files)]
    other = folder / files[int(draw.integers(len(files)))][1]
    other = sorted(other.iterdir())[0] if other.is_dir() else other
    target = work / name
    if (folder / name).is_dir():
        shutil.copytree(folder / name, target)
        victim = sorted(target.iterdir())[int(draw.integers(len(list(target.iterdir()))))]
    else:
        shutil.copy(folder / name, target)
        victim = target
    kind, data = mutate(victim.read_bytes(), draw, other.read_bytes())
    victim.write_bytes(data)
    if reader == "weights":
        for beside in folder.glob("net.*"):
            if beside.name != name:
                shutil.copy(beside, work)
        if name == "net.safetensors" and draw.random() < 0.7:  # else the checksum refuses it
            record = json.loads((work / "net.json").read_text())
            record |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            (work / "net.json").write_text(json.dumps(record))
        target = work / "net.safetensors"
    return {"reader": reader, "file": name, "damage": kind, "path": target}


def read(reader: str, path: Path) -> dict[str, Any]:
    """Read a file as rotoline does; errors that are no `RotolineError` come through."""
    from rotoline.config import read_config
    from rotoline.errors import RotolineError
    from rotoline.io.masks import read_mask
    from rotoline.presets import FAST
    from rotoline.weights.files import read_weights

    try:
        if reader == "frames":
            return _read_frames(path)
        if reader == "mask":
            read_mask(path)
        elif reader == "settings":
            read_config(FAST, path, [])
        else:
            read_weights(path)
    except RotolineError as error:
        return {"outcome": "refused", "message": str(error)}
    return {"outcome": "read"}


def _read_frames(path: Path) -> dict[str, Any]:
    from rotoline.io.frames import open_frames

    source = open_frames(path)
    delivered = sum(1 for _ in source)
    for _ in source.backwards(delivered):
        pass
    counted = _count_in_container(path)
    if source.problem is None and delivered < counted:
        return {"outcome": "lost", "message": f"{delivered} frames of {counted}"}
    outcome = "read" if source.problem is None else "read with a warning"
    return {"outcome": outcome, "frames": delivered, "message": source.problem or ""}


def _count_in_container(path: Path) -> int:
    """Frames that a video file says it has, but for those that it says not to show; else 0."""
    import av

    if path.is_dir():
        return 0
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            stream = container.streams.video[0]
            hidden = sum(packet.is_discard for packet in container.demux(stream))
            return stream.frames - hidden
    except (av.FFmpegError, IndexError):
        return 0


def work_off() -> None:
    """Read the cases whose numbers come on standard input, one JSON line for each."""
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    _load()
    print("ready", flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        with tempfile.TemporaryDirectory(prefix="robust") as work:
            about = damage(Path(job["folder"]), job["case"], job["seed"], Path(work))
            _forget_peak()
            began = time.process_time()
            try:
                result = read(about["reader"], about["path"])
            except Exception:  # noqa: BLE001 (which is what is counted)
                result = {"outcome": "traceback", "message": traceback.format_exc()}
            seconds = time.process_time() - began
        if seconds > SECONDS:
            result |= {"outcome": "hang"}
        elif _peak() > BYTES:
            result |= {"outcome": "memory"}
        about["path"] = ""
        print(json.dumps({**about, **result, "seconds": seconds, "bytes": _peak()}), flush=True)


def _load() -> None:
    """Import what reads files, so that no case is charged for it."""
    import rotoline.config
    import rotoline.io.masks
    import rotoline.weights.files  # noqa: F401


def _forget_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """Most memory since `_forget_peak`, in bytes; 0 where the system does not say it."""
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    return 0


def _processor_time(process: int) -> float:
    """Seconds of processor time that a process has used; what else runs here does not count."""
    with suppress(OSError):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


class Worker:
    """A process that reads files, replaced when it has to be ended."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._job = {"folder": str(folder), "seed": seed}
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, case: int) -> dict[str, Any]:
        """Read one case."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({**self._job, "case": case}).encode() + b"\n")
        process.stdin.flush()
        begun = before = _processor_time(process.pid)
        idle = 0
        while not select.select([process.stdout], [], [], _LOOK_EVERY)[0]:
            now = _processor_time(process.pid)
            idle = idle + 1 if now == before else 0
            before = now
            if now - begun > SECONDS + 1 or idle > _MOST_IDLE:
                self.close()
                return {"outcome": "hang", "message": f"no answer, after {now - begun:.1f} s"}
        line = process.stdout.readline()
        if line:
            return dict(json.loads(line))
        code = process.wait()
        self.close()
        return {"outcome": "crash", "message": f"the process ended with code {code}"}

    def _start(self) -> "subprocess.Popen[bytes]":
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        return self._process

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def count(cases: range, seed: int) -> dict[str, Any]:
    """Read all cases; counts by outcome, and every fault."""
    outcomes: Counter[str] = Counter()
    by_file: dict[str, Counter[str]] = {}
    fewer: Counter[str] = Counter()
    faults = []
    slowest, largest, began = 0.0, 0, time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="valid") as name:
        folder = Path(name)
        files = make_files(folder)
        (folder / "files.json").write_text(json.dumps(files))
        worker = Worker(folder, seed)
        for case in cases:
            result = worker.run(case)
            outcome, file = result["outcome"], files[case % len(files)][1]
            outcomes[outcome] += 1
            by_file.setdefault(file, Counter())[outcome] += 1
            slowest = max(slowest, result.get("seconds", 0.0))
            largest = max(largest, result.get("bytes", 0))
            if outcome == "read" and result.get("frames", FRAMES) < frames_in(file):
                fewer[file] += 1
            if outcome in FAULTS:
                faults.append({"case": case, "file": file, **result})
                print(json.dumps(faults[-1]), file=sys.stderr, flush=True)
        worker.close()
    return {
        "count": len(cases),
        "seed": seed,
        "outcomes": {name: outcomes[name] for name in dict.fromkeys([*FAULTS, *outcomes])},
        "by_file": {name: dict(found) for name, found in by_file.items()},
        "fewer_frames_in_a_file_that_does_not_count_them": dict(fewer),
        "most_seconds": round(slowest, 2),
        "most_bytes": largest,
        "seconds": round(time.perf_counter() - began, 1),
        "faults": faults,
    }


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=5000, help="damaged files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="only this one")
    parser.add_argument("--tiny", action="store_true", help="a hundred, as the tests do")
    parser.add_argument("--label", help="also write benchmarks/results/LABEL.json")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work_off()
        return
    cases = range(100 if options.tiny else options.count)
    if options.case is not None:
        cases = range(options.case, options.case + 1)
    found = count(cases, options.seed)
    packages = ("av", "pillow", "numpy", "safetensors")
    found |= {
        "command": ["python", "benchmarks/robustness.py", *sys.argv[1:]],
        "commit": current_commit(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
    }
    print(json.dumps(found))
    if options.label:
        (RESULTS / f"{options.label}.json").write_text(json.dumps(found, indent=1) + "\n")
    if found["faults"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
