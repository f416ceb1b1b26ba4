"""The propagation operation: is it right, how fast, how near to the memory's bandwidth?

    python benchmarks/propagation.py [--tiny | --quick] [--label NAME] [--device cuda]

Every case is checked against `vectorised` before it is timed. On the CPU `native` is compared with
`vectorised` by the ratio of their medians in the same process; on a GPU (--device cuda), `gpu`.

GB/s counts each byte that must be moved once (map, gates, result), however often it really is, so
that cases with much arithmetic a byte stay low. `copy_gb_s` is what `Tensor.copy_` reaches here, in
the same run and with the same threads, reads and writes counted. --quick takes the cases that
show most, and .1 s for each in place of .4.

One JSON line per case goes to standard output, and with --label to benchmarks/results/NAME.jsonl.

    python benchmarks/propagation.py --table benchmarks/results/NAME.jsonl

prints such a file as the table of docs/kernels.md.
"""

import itertools
import json
import os
import statistics
import time
from pathlib import Path

import torch

from _report import check_equal, describe_machine, make_parser, report
from rotoline.evaluation.tables import markdown_table
from rotoline.kernels.dispatch import VARIABLE
from rotoline.kernels.propagation import propagate, softmax_gates
from rotoline.runtime.allocator import keep_freed_memory


def list_cases(*, tiny, quick, device):
    """(batch, channels, height, width, gates, layout) of all cases."""
    if tiny:
        return [
            (1, 1, 12, 21, "shared", "plain"),
            (2, 3, 12, 21, "own", "plain"),
            (2, 8, 12, 21, "shared", "last"),
        ]
    if quick:
        return [
            *((batch, 8, 120, 216, "shared", "last") for batch in (1, 5, 20)),
            (1, 1, 480, 854, "shared", "plain"),
            (1, 32, 512, 512, "shared", "plain"),
            (1, 32, 512, 512, "own", "plain"),
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
    """Compare all results with those of `vectorised`, and return the largest difference."""
    pairs = zip(run(fast, x, gates, task), run("vectorised", x, gates, task), strict=True)
    checked = [check_equal(found, expected, "vectorised") for found, expected in pairs]
    return max(checked, key=lambda one: one["difference"])


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


def copy_bandwidth(device, budget):
    """GB/s of copying 256 MB."""
    source = torch.ones(64 * 2**20, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    return 8 * len(source) / median_seconds(lambda: target.copy_(source), device, budget) / 1e9


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
    bandwidth = copy_bandwidth(device, budget)
    for task in ("forward", "merged", "backward"):
        checked = check(fast, x, gates, task)
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
            "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
            **checked,
            **describe_machine(),
        }


def make_table(path):
    """Results as a Markdown table: a row per case and threads, tasks side by side."""
    rows = {}
    for line in map(json.loads, path.read_text().splitlines()):
        batch, channels, height, width = line["shape"]
        gates = "channels last" if line["layout"] == "last" else line["gates"]
        case = f"{batch}x{channels}x{height}x{width}", gates, str(line["threads"])
        cell = f"{line['milliseconds']:.2f} ms, {line['ratio']:.0f}x, {line['share_of_copy']:.0%}"
        rows.setdefault(case, {})[line["task"]] = cell
    tasks = ("forward", "merged", "backward")
    return markdown_table(
        ("map", "gates", "threads", *tasks),
        ((*case, *(cells[task] for task in tasks)) for case, cells in rows.items()),
    )


def main():
    """Run all cases, or print the results of a run."""
    parser = make_parser(__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--table", type=Path, help="only print these results as a table")
    options = parser.parse_args()
    if options.table:
        print(make_table(options.table))
        return
    keep_freed_memory()
    budget = 0.0 if options.tiny else 0.1 if options.quick else 0.4
    cases = itertools.product(
        list_cases(tiny=options.tiny, quick=options.quick, device=options.device),
        (1,) if options.device == "cuda" else (1, 2),
    )
    lines = (
        line for case, threads in cases for line in measure(case, threads, options.device, budget)
    )
    report(lines, options.label)


if __name__ == "__main__":
    main()
