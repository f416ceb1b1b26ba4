"""What keeping freed memory saves: one pass of the encoder of `fast` at 480x864.

    python benchmarks/allocator.py [--tiny] [--label NAME]

Processes with and without take turns, so that a machine that changes its speed favours neither.
Prints one JSON line per process, and one with the median ratio of the pairs. Both must compute the
same embedding.
"""

import json
import math
import statistics
import subprocess
import sys
import time

from _report import TOLERANCE, describe_machine, make_parser, report


def measure(*, keep, passes, size):
    """Time the passes in this process, and print the JSON line."""
    import resource

    import torch

    from rotoline import model

    if not keep:
        model.keep_freed_memory = lambda: False
    encoder = model.load_model().system.net.encoder
    frame = torch.full((1, 3, *size), 100.0).contiguous(memory_format=torch.channels_last)
    times = []
    with torch.inference_mode():
        for _ in range(5):
            encoder(frame)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(passes):
            began = time.perf_counter()
            features = encoder(frame)
            times.append(time.perf_counter() - began)
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    line = {
        "keep_memory": keep,
        "seconds": round(statistics.median(times), 5),
        "page_faults": faults // passes,
        "embedding_sum": float(features.embedding.double().sum()),
    }
    print(json.dumps(line | describe_machine()))


def run_pairs(pairs, passes, size):
    """Run both cases in turn, each in a process of its own: their JSON lines, then the summary."""
    ratios, differences = [], []
    for _ in range(pairs):
        lines = {}
        for keep in (True, False):
            case = json.dumps({"keep": keep, "passes": passes, "size": size})
            command = [sys.executable, __file__, "--case", case]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            lines[keep] = json.loads(done.stdout)
            yield lines[keep]
        sums = [lines[keep]["embedding_sum"] for keep in (True, False)]
        if not math.isclose(*sums, rel_tol=TOLERANCE):
            raise SystemExit(f"the sums of the embedding are {sums}; run the tests first")
        differences.append(abs(sums[0] - sums[1]) / abs(sums[1]))
        ratios.append(lines[False]["seconds"] / lines[True]["seconds"])
    yield {
        "ratio": round(statistics.median(ratios), 2),
        "pairs": pairs,
        "reference": "freed memory returned",
        "difference": max(differences),
    }


def main():
    """Run the pairs, or the one case named on the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--case", type=json.loads)
    options = parser.parse_args()
    if options.case:
        measure(**options.case)
    else:
        case = (1, 2, (64, 96)) if options.tiny else (5, 40, (480, 864))
        report(run_pairs(*case), options.label)


if __name__ == "__main__":
    main()
