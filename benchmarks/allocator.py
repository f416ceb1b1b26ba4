"""What it brings to keep freed memory: one pass of the embedding at 480x864.

    python benchmarks/allocator.py

Processes with and without take turns, so that a machine that changes its speed favours neither.
Prints one JSON line per process, and the median ratio of the pairs.
"""

import json
import resource
import statistics
import subprocess
import sys
import time

PAIRS = 5
PASSES = 40


def measure(*, keep):
    """Time the passes in this process."""
    import torch

    from rotoline import api

    if not keep:
        api.keep_freed_memory = lambda: False
    embedding = api.load_model().net.embedding
    frame = torch.full((1, 3, 480, 864), 100.0).contiguous(memory_format=torch.channels_last)
    times = []
    with torch.inference_mode():
        for _ in range(5):
            embedding(frame)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(PASSES):
            began = time.perf_counter()
            embedding(frame)
            times.append(time.perf_counter() - began)
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    median = round(statistics.median(times), 4)
    print(json.dumps({"keep": keep, "seconds": median, "page_faults": faults // PASSES}))


def main():
    """Run the pairs."""
    if len(sys.argv) > 1:
        measure(keep=sys.argv[1] == "yes")
        return
    ratios = []
    for _ in range(PAIRS):
        seconds = {}
        for keep in ("yes", "no"):
            done = subprocess.run(
                [sys.executable, __file__, keep], check=True, stdout=subprocess.PIPE, text=True
            )
            print(done.stdout, end="", flush=True)
            seconds[keep] = json.loads(done.stdout)["seconds"]
        ratios.append(seconds["no"] / seconds["yes"])
    print(json.dumps({"ratio": round(statistics.median(ratios), 2), "pairs": PAIRS}))


if __name__ == "__main__":
    main()
