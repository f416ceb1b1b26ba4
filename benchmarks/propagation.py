"""The propagation operation: is it right, how fast, how near to the memory's bandwidth?

    python benchmarks/propagation.py [--quick] [--label NAME] [--device cuda]

Every case is checked against `vectorised` before it is timed. On the CPU `native` is compared with
`vectorised` by the ratio of their medians in the same process; on a GPU (--device cuda), `gpu`.

GB/s counts each byte that must be moved once (map, gates, result), however often it really is, so
that cases with much arithmetic a byte stay low. `copy_gb_s` is what `Tensor.copy_` reaches here, in
the same run and with the same threads, reads and writes counted.

One JSON line per case goes to standard output, and with --label to benchmarks/results/NAME.jsonl.

    python benchmarks/propagation.py --table benchmarks/results/NAME.jsonl

prints such a file as the table of docs/kernels.md.
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import time
from pathlib import Path

import torch

from rotoline.runtime.allocator import keep_freed_memory
from rotoline.kernels.dispatch import VARIABLE
from rotoline.kernels.propagation import propagate, softmax_gates

RESULTS = Path(__file__).parent / "results"
TOLERANCE = 1e-4


def list_cases(*, quick, device):
    """(batch, channels, height, width, gates, layout) of all cases."""
    if quick:
        return [
            (1, 1, 12, 21, "shared", "plain"),
            (2, 3, 12, 21, "own", "plain"),
            (2, 8, 12, 21, "shared", "last"),
        ]
    sizes = [(120, 216), (240, 427)] + ([(512, 512)] if device == "cuda" else [])
    cases = []
    for (height, width), batch, channels in itertools.product(sizes, (1, 5, 10), (1, 32)):
        for gates in ("shared", "own") if channels > 1 else ("shared",):
            cases.append((batch, channels, height, width, gates, "plain"))
    # What the default preset asks for: eight channels, as its convolutions leave them.
    return cases + [(batch, 8, 120, 216, "shared", "last") for batch in (1, 5, 10)]


def make(case, device):
    """A random map and gates, which the whole batch shares."""
    batch, channels, height, width, gates, layout = case
    generator = torch.Generator().manual_seed(0)
    x = torch.rand((batch, channels, height, width), generator=generator)
    if layout == "last":
        x = x.contiguous(memory_format=torch.channels_last)
    sets = channels if gates == "own" else 1
    logits = torch.randn((1, 4, 4, sets, height, width), generator=generator)
    return x.to(device), softmax_gates(logits).contiguous().to(device)


def run(implementation, x, gates, task):
    """One call, as users make it: forward unmerged or merged, or forward and backward."""
    os.environ[VARIABLE] = implementation
    if task == "backward":
        x, gates = x.detach().requires_grad_(), gates.detach().requires_grad_()
        propagate(x, gates, "none").sum().backward()
        return x.grad, gates.grad
    with torch.no_grad():
        return (propagate(x, gates, "none" if task == "forward" else "max"),)


def check(fast, x, gates, task):
    """Refuse to time what is wrong."""
    for found, expected in zip(
        run(fast, x, gates, task), run("vectorised", x, gates, task), strict=True
    ):
        scale = expected.abs().max().clamp(min=1)
        error = float((found - expected).abs().max() / scale)
        if not error < TOLERANCE:
            raise SystemExit(f"{fast} differs from vectorised by {error:.2g} of the largest value")


def median_seconds(call, device, budget):
    """Median over as many calls as fit into the budget: 3 at least, 100 at most."""
    times = []
    while len(times) < 3 or (sum(times) < budget and len(times) < 100):
        if device == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def copy_bandwidth(device):
    """GB/s of copying 256 MB."""
    source = torch.ones(64 * 2**20, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    return 8 * len(source) / median_seconds(lambda: target.copy_(source), device, 0.5) / 1e9


def compulsory_bytes(x, gates, task):
    """Bytes that must be moved at least once; going back moves the maps twice and two gradients."""
    forward = 4 * x.numel() if task != "merged" else x.numel()
    moved = x.numel() + gates.numel() + forward
    if task == "backward":  # again x, gates and h, and the gradient; out go dx and dg
        moved += 2 * x.numel() + 2 * gates.numel() + 2 * forward
    return moved * x.element_size()


def measure(case, threads, device, budget):
    """Check and time one case, as JSON lines."""
    fast = "gpu" if device == "cuda" else "native"
    torch.set_num_threads(threads)
    x, gates = make(case, device)
    bandwidth = copy_bandwidth(device)
    for task in ("forward", "merged", "backward"):
        check(fast, x, gates, task)
        slow_seconds = median_seconds(
            lambda task=task: run("vectorised", x, gates, task), device, budget
        )
        seconds = median_seconds(lambda task=task: run(fast, x, gates, task), device, budget)
        moved = compulsory_bytes(x, gates, task) / 1e9 / seconds
        yield {
            "shape": list(case[:4]),
            "gates": case[4],
            "layout": case[5],
            "task": task,
            "threads": threads,
            "implementation": fast,
            "milliseconds": round(1e3 * seconds, 4),
            "vectorised_milliseconds": round(1e3 * slow_seconds, 4),
            "ratio": round(slow_seconds / seconds, 1),
            "gb_s": round(moved, 2),
            "copy_gb_s": round(bandwidth, 2),
            "share_of_copy": round(moved / bandwidth, 3),
            "device": torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
            "torch": torch.__version__,
        }


def make_table(path):
    """Results as a Markdown table: a row per case and threads, tasks side by side."""
    rows = {}
    for line in map(json.loads, path.read_text().splitlines()):
        batch, channels, height, width = line["shape"]
        gates = "channels last" if line["layout"] == "last" else line["gates"]
        case = f"{batch}x{channels}x{height}x{width} | {gates} | {line['threads']}"
        cell = f"{line['milliseconds']:.2f} ms, {line['ratio']:.0f}x, {line['share_of_copy']:.0%}"
        rows.setdefault(case, {})[line["task"]] = cell
    tasks = ("forward", "merged", "backward")
    head = ["map | gates | threads", *tasks]
    lines = [head, ["---|---|---", *("---" for _ in tasks)]]
    lines += [[case, *(cells[task] for task in tasks)] for case, cells in rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main():
    """Run all cases, or print the results of a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny maps, to see that it runs")
    parser.add_argument("--label", help="also write benchmarks/results/LABEL.jsonl")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--table", type=Path, help="only print these results as a table")
    options = parser.parse_args()
    if options.table:
        print(make_table(options.table))
        return
    keep_freed_memory()
    budget = 0.0 if options.quick else 0.4
    lines = []
    for case in list_cases(quick=options.quick, device=options.device):
        for threads in (1,) if options.device == "cuda" else (1, 2):
            for line in measure(case, threads, options.device, budget):
                lines.append(json.dumps(line))
                print(lines[-1], flush=True)
    if options.label:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{options.label}.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
