"""Time and memory of the default preset.

    python benchmarks/frame.py [--quick] [--label NAME]

Every case runs in a process of its own, on the bundled clip at 854x480, played to and fro:

- the model loaded and the first mask, from the start of the process (reading the clip excluded)
- seconds per frame with 1, 2, 5 and 10 objects, and the share of each stage
- peak memory after 100 and after 1,000 frames
- the same with freed memory going back to the system, which is what glibc does by itself

One JSON line per case goes to standard output, and with --label to benchmarks/results/NAME.jsonl.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

STARTED = time.perf_counter()
SIZE = (480, 854)
RESULTS = Path(__file__).parent / "results"


def read_clip():
    """The first 60 frames of the bundled clip at 480p."""
    import numpy as np
    from PIL import Image

    import rotoline
    from rotoline.demo import VIDEO

    frames = zip(range(60), rotoline.open_frames(VIDEO), strict=False)
    return [np.asarray(Image.fromarray(frame).resize(SIZE[::-1])) for _, frame in frames]


def play(clip, count):
    """`count` frames of a clip, to and fro."""
    for index in range(count):
        turn = index % (2 * len(clip) - 2)
        yield clip[turn if turn < len(clip) else 2 * len(clip) - 2 - turn]


def make_marks(count):
    """The bundled first mask for up to three objects, and discs for the others."""
    import numpy as np
    from PIL import Image

    from rotoline.demo import MASKS

    with Image.open(MASKS / "00000.png") as image:
        labels = np.array(image.resize(SIZE[::-1], Image.Resampling.NEAREST))
    labels[labels > count] = 0
    rows, cols = np.mgrid[: SIZE[0], : SIZE[1]]
    for extra in range(3, count):
        centre = (60 + 360 * ((extra - 3) % 2), 400 + 110 * ((extra - 3) // 2))
        disc = (rows - centre[0]) ** 2 + (cols - centre[1]) ** 2 < 35**2
        labels[disc & (labels == 0)] = extra + 1
    return labels


def measure(frames, objects, *, keep_memory):
    """Segment, and print what it took as one JSON line."""
    import torch

    from rotoline import api
    from rotoline.clock import Clock

    if not keep_memory:
        api.keep_freed_memory = lambda: False
    model = api.load_model()
    clock = Clock()
    loaded = time.perf_counter() - STARTED
    clip, marks = read_clip(), make_marks(objects)
    called = time.perf_counter()
    results = model.segment(play(clip, frames), marks, clock=clock)
    next(results)
    first = time.perf_counter()
    times = []
    last = first
    for _ in results:
        now = time.perf_counter()
        times.append(now - last)
        last = now
    stages = {name: round(seconds / len(times), 5) for name, seconds in clock.seconds.items()}
    line = {
        "objects": objects,
        "frames": frames,
        "keep_memory": keep_memory,
        "start_to_loaded": round(loaded, 3),
        "start_to_first_mask": round(loaded + first - called, 3),
        "seconds_per_frame_median": round(sorted(times)[len(times) // 2], 4),
        "seconds_per_frame_p90": round(sorted(times)[len(times) * 9 // 10], 4),
        "seconds_per_frame_mean": round(sum(times) / len(times), 4),
        "stages": stages,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": platform.machine(),
    }
    print(json.dumps(line))


def main():
    """Run all cases, or the one case named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few frames, to see that it runs")
    parser.add_argument("--label", help="also write benchmarks/results/LABEL.jsonl")
    parser.add_argument("--case", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        frames, objects, keep = options.case
        measure(int(frames), int(objects), keep_memory=keep == "yes")
        return
    few, many = (4, 6) if options.quick else (100, 1000)
    cases = [(few, objects, "yes") for objects in (1, 2, 5, 10)]
    cases += [(few, 1, "no"), (many, 1, "yes")]
    lines = []
    for case in cases:
        command = [sys.executable, __file__, "--case", *map(str, case)]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, env=os.environ, check=True
        )
        lines.append(done.stdout.splitlines()[-1])
        print(lines[-1], flush=True)
    if options.label:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{options.label}.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
