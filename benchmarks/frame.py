"""Time and memory of the default preset.

    python benchmarks/frame.py [--tiny] [--label NAME]

Every case runs in a process of its own, on the bundled clip at 854x480, played to and fro:

- the model loaded and the first mask, from the start of the process (reading the clip excluded),
  and how much of that `import torch` and fine-tuning take alone; also without fine-tuning
- seconds per frame with 1, 2, 5 and 10 objects, and the share of each stage
- seconds per frame in frames of 1080 and 2160 rows, with 1 and 3 objects
- the same with 1 and 10 objects and propagation in plain PyTorch (ROTOLINE_KERNELS=vectorised)
- peak memory after 100 and after 1,000 frames
- the same with freed memory returned to the system, which is what glibc does by default
- a pass of ResNet-101 at the same size, and the ratio of a frame with one object to it: a figure
  that can be compared between machines

After a case is timed, its propagation is checked against the kernel `vectorised`. Peak memory has
the pictures in it that are played to and fro: 60 of 480 rows (74 MB), 8 of larger frames (50 and
200 MB).
"""

import json
import os
import subprocess
import sys
import time

STARTED = time.perf_counter()

from _report import describe_machine, make_parser, report  # noqa: E402  after the clock started
from rotoline.runtime.threads import limit_spinning  # noqa: E402

VARIABLE = "ROTOLINE_KERNELS"
LARGE_SIZES = ((1080, 1920), (2160, 3840))
LARGE_FRAMES = 30
"""Frames that are timed of a large size."""
PICTURES, LARGE_PICTURES = 60, 8
"""Different pictures that are kept in memory; those of 2160 rows have 25 MB each."""


def measure(*, frames, objects, keep_memory, is_tiny, is_tuned=True, size=None):
    """Segment, and print what it took as one JSON line."""
    import resource

    import torch  # noqa: F401  its time is measured

    imported = time.perf_counter() - STARTED

    from rotoline import model as models
    from rotoline.config import read_config
    from rotoline.pipeline import segment
    from rotoline.runtime.timing import StageTimer

    if not keep_memory:
        models.keep_freed_memory = lambda: False
    model = models.load_model()
    loaded = time.perf_counter() - STARTED

    import _tracking as tracking

    timer, config = StageTimer(), model.config
    pictures = LARGE_PICTURES if size else PICTURES
    size = tuple(size or (tracking.TINY_SIZE if is_tiny else tracking.SIZE))
    if is_tiny:
        config = config.model_copy(update={"working_pixels": size[0] * size[1]})
    if not is_tuned:
        config = read_config(config, None, ["tuning.steps=0"])
    clip, annotation = tracking.read_clip(pictures, size), tracking.make_annotation(objects, size)
    called = time.perf_counter()
    tracker = model.tracker(config=config, timer=timer)
    results = segment(tracking.play(clip, frames), annotation, tracker)
    next(results)
    first = last = time.perf_counter()
    times = []
    for _ in results:
        now = time.perf_counter()
        times.append(now - last)
        last = now
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tuning = timer.seconds.pop("tune", 0.0)
    stages = {name: round(seconds / len(times), 5) for name, seconds in timer.seconds.items()}
    line = {
        "objects": objects,
        "frames": frames,
        "size": size,
        "keep_memory": keep_memory,
        "kernels": os.environ.get(VARIABLE, ""),
        "import_torch": round(imported, 3),
        "start_to_loaded": round(loaded, 3),
        "start_to_first_mask": round(loaded + first - called, 3),
        "tuning_steps": config.tuning.steps_for(objects),
        "seconds_tuning": round(tuning, 3),
        "seconds_per_frame_median": round(sorted(times)[len(times) // 2], 4),
        "seconds_per_frame_p90": round(sorted(times)[len(times) * 9 // 10], 4),
        "seconds_per_frame_mean": round(sum(times) / len(times), 4),
        "stages": stages,
        "shares": {name: round(value / sum(stages.values()), 3) for name, value in stages.items()},
        "peak_mb": round(peak / 1024, 1),
    }
    print(json.dumps(line | tracking.check_kernels(tracker, clip[0]) | describe_machine()))


def measure_resnet(*, passes, is_tiny):
    """Time passes of ResNet-101 at the size that frames are worked on with."""
    import resnet
    from rotoline.runtime.allocator import keep_freed_memory

    keep_freed_memory()
    print(json.dumps(resnet.measure(*((64, 96) if is_tiny else (480, 864)), passes)))


def run_case(kernels="", **case):
    """Run one case in a process of its own: its JSON line as a dict."""
    environment = os.environ | ({VARIABLE: kernels} if kernels else {})
    limit_spinning(environment)  # as the command does, before PyTorch is loaded
    command = [sys.executable, __file__, "--case", json.dumps(case)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def run_with_resnet(frames, *, is_tiny):
    """One object, then ResNet-101, close together since they are compared."""
    one = run_case(frames=frames, objects=1, keep_memory=True, is_tiny=is_tiny)
    yield one
    resnet = run_case(passes=max(frames // 10, 1), is_tiny=is_tiny)
    ratio = one["seconds_per_frame_median"] / resnet["resnet101_seconds"]
    yield resnet | {"frame_over_resnet101": round(ratio, 3)}


def run_all(few=100, many=1000):
    """Run all cases."""
    default = {"frames": few, "keep_memory": True, "is_tiny": False}
    yield from run_with_resnet(few, is_tiny=False)
    yield run_case(**default, objects=1, is_tuned=False)
    for objects in (2, 5, 10):
        yield run_case(**default, objects=objects)
    for objects in (1, 10):
        yield run_case(**default, objects=objects, kernels="vectorised")
    yield run_case(**default | {"keep_memory": False}, objects=1)
    yield run_case(**default | {"frames": many}, objects=1)
    for size in LARGE_SIZES:
        for objects in (1, 3):
            case = default | {"frames": LARGE_FRAMES, "size": size}
            yield run_case(**case, objects=objects, is_tuned=False)


def run_tiny():
    """Run everything that the cases are made of once, in four processes."""
    yield from run_with_resnet(4, is_tiny=True)
    yield run_case(frames=3, objects=5, keep_memory=False, is_tiny=True, kernels="vectorised")
    yield run_case(frames=3, objects=1, keep_memory=True, is_tiny=True, size=(80, 128))


def main():
    """Run all cases, or the one case named on the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--case", type=json.loads)
    options = parser.parse_args()
    if options.case:
        (measure_resnet if "passes" in options.case else measure)(**options.case)
    else:
        report(run_tiny() if options.tiny else run_all(), options.label)


if __name__ == "__main__":
    main()
