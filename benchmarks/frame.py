"""Time and memory of the default preset.

    python benchmarks/frame.py [--quick] [--label NAME]

Every case runs in a process of its own, on the bundled clip at 854x480, played to and fro:

- the model loaded and the first mask, from the start of the process (reading the clip excluded),
  and how much of that `import torch` takes alone
- seconds per frame with 1, 2, 5 and 10 objects, and the share of each stage
- the same with 1 and 10 objects and propagation in plain PyTorch (ROTOLINE_KERNELS=vectorised)
- peak memory after 100 and after 1,000 frames
- the same with freed memory going back to the system, which is what glibc does by itself
- a pass of ResNet-101 at the same size, and the ratio of a frame with one object to it: a figure
  that other machines can be expected to share

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
VARIABLE = "ROTOLINE_KERNELS"
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

    imported = time.perf_counter() - STARTED

    from rotoline import api
    from rotoline.runtime.timing import StageTimer

    if not keep_memory:
        api.keep_freed_memory = lambda: False
    model = api.load_model()
    timer = StageTimer()
    loaded = time.perf_counter() - STARTED
    clip, marks = read_clip(), make_marks(objects)
    called = time.perf_counter()
    results = model.segment(play(clip, frames), marks, timer=timer)
    next(results)
    first = time.perf_counter()
    times = []
    last = first
    for _ in results:
        now = time.perf_counter()
        times.append(now - last)
        last = now
    stages = {name: round(seconds / len(times), 5) for name, seconds in timer.seconds.items()}
    line = {
        "objects": objects,
        "frames": frames,
        "keep_memory": keep_memory,
        "kernels": os.environ.get(VARIABLE, ""),
        "import_torch": round(imported, 3),
        "start_to_loaded": round(loaded, 3),
        "start_to_first_mask": round(loaded + first - called, 3),
        "seconds_per_frame_median": round(sorted(times)[len(times) // 2], 4),
        "seconds_per_frame_p90": round(sorted(times)[len(times) * 9 // 10], 4),
        "seconds_per_frame_mean": round(sum(times) / len(times), 4),
        "stages": stages,
        "shares": {name: round(value / sum(stages.values()), 3) for name, value in stages.items()},
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": platform.machine(),
    }
    print(json.dumps(line))


def measure_resnet(passes):
    """Time passes of ResNet-101 at the size that frames are worked on with."""
    import torch

    from resnet import seconds_of_a_pass
    from rotoline.runtime.allocator import keep_freed_memory

    keep_freed_memory()
    seconds = seconds_of_a_pass(480, 864, passes)
    print(json.dumps({"resnet101_seconds": round(seconds, 4), "torch": torch.__version__}))


def run_case(*case, kernels=""):
    """One case in a process of its own: its JSON line as a dict."""
    environment = os.environ | ({VARIABLE: kernels} if kernels else {})
    done = subprocess.run(
        [sys.executable, __file__, "--case", *map(str, case)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def run_all(few, many):
    """All cases; what is compared runs close together."""
    one = run_case(few, 1, "yes")
    yield one
    resnet = run_case(max(few // 10, 1), "resnet")
    ratio = one["seconds_per_frame_median"] / resnet["resnet101_seconds"]
    yield resnet | {"frame_over_resnet101": round(ratio, 3)}
    for objects in (2, 5, 10):
        yield run_case(few, objects, "yes")
    for objects in (1, 10):
        yield run_case(few, objects, "yes", kernels="vectorised")
    yield run_case(few, 1, "no")
    yield run_case(many, 1, "yes")


def main():
    """Run all cases, or the one case named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few frames, to see that it runs")
    parser.add_argument("--label", help="also write benchmarks/results/LABEL.jsonl")
    parser.add_argument("--case", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        count, what, *keep = options.case
        if what == "resnet":
            measure_resnet(int(count))
        else:
            measure(int(count), int(what), keep_memory=keep == ["yes"])
        return
    lines = []
    for line in run_all(*((4, 6) if options.quick else (100, 1000))):
        lines.append(json.dumps(line))
        print(lines[-1], flush=True)
    if options.label:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{options.label}.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
