"""What all benchmark scripts share: options, the machine, checks and JSON lines.

A script prints one JSON line per case to standard output. With `--label NAME` it also writes them
to `benchmarks/results/NAME.jsonl`. With `--tiny` it runs in a few seconds on small inputs, which
shows that it works and measures nothing.
"""

import argparse
import functools
import json
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
TOLERANCE = 1e-4
"""Largest difference between two computations of the same float32 values, as a fraction of the
largest value."""


def make_parser(description: str) -> argparse.ArgumentParser:
    """Make a parser with the options that all scripts have."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="small inputs, to see that it runs")
    parser.add_argument("--label", help="also write benchmarks/results/LABEL.jsonl")
    return parser


def report(lines: Iterable[dict[str, Any]], label: str | None) -> list[dict[str, Any]]:
    """Print each line as soon as it is measured, and write all of them if there is a label."""
    printed = []
    for line in lines:
        print(json.dumps(line), flush=True)
        printed.append(line)
    if label:
        RESULTS.mkdir(exist_ok=True)
        text = "".join(json.dumps(line) + "\n" for line in printed)
        (RESULTS / f"{label}.jsonl").write_text(text)
    return printed


def describe_machine() -> dict[str, Any]:
    """Describe what a case ran on: processor, threads, PyTorch, and the commit of the source."""
    import torch  # imported late: some scripts measure how long that takes

    return {
        "machine": platform.machine(),
        "cpu": cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "commit": current_commit(),
    }


def cpu_name() -> str:
    """Name the processor, as Linux or the platform module says it."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


@functools.cache
def current_commit() -> str:
    """Name the commit of this checkout, with `+` for changes; empty without git."""
    command = ["git", "describe", "--always", "--dirty=+", "--abbrev=12"]
    try:
        answer = subprocess.run(
            command, cwd=RESULTS.parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.stdout.strip()


def check_equal(
    found: Any, expected: Any, reference: str, tolerance: float = TOLERANCE
) -> dict[str, Any]:
    """Refuse to report times of something that computes other values than its reference.

    Args:
        found: Tensor.
        expected: Tensor of the same shape, computed by the reference.
        reference: Name of the reference.
        tolerance: Largest difference, as a fraction of the largest expected value, or of 1 if that
            is smaller.

    Returns:
        For the JSON line: the name of the reference, and the difference found.
    """
    scale = max(float(expected.abs().max()), 1.0)
    difference = float((found - expected).abs().max()) / scale
    if not difference <= tolerance:
        raise SystemExit(
            f"the values differ from those of {reference} by {difference:.2g} of the largest one, "
            f"allowed is {tolerance:g}; run the tests before the benchmark"
        )
    return {"reference": reference, "difference": float(f"{difference:.2g}")}
