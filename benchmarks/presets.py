"""Seconds of learning and per frame: the preset `paper` next to `fast`, same clip, one run.

    python benchmarks/presets.py [--weights FILE] [--pixels 414720] [--steps 6] [--frames 6]
                                 [--objects 1 5 20] [--pictures FOLDER] [--tiny] [--label NAME]

The first frames of the bundled clip at 854x480 with its own masks, one object and three. Without
--weights the networks have random weights, which takes the same time.

With --objects there are both presets with so many objects, the preset `paper` with its classifier
alone: what a GPU does per second. --pictures takes the frames from a folder of pictures, for
machines without PyAV.

The paper fine-tunes for 30,000 steps. Here some are measured, the first left out (it allocates),
and `schedule_hours` is their median times 30,000 times the number of networks, one per object and,
with several, one for the foreground: **extrapolated, never run**.

Prints one JSON line per case, then a Markdown table. After a case is timed, its propagation is
checked against the kernel `vectorised`.
"""

import itertools
import statistics
import time
from pathlib import Path

import torch

from _report import TOLERANCE, describe_machine, make_parser, report
from _tracking import SIZE, TINY_SIZE, check_kernels, make_annotation, read_clip
from rotoline.config import read_config
from rotoline.evaluation.tables import markdown_table
from rotoline.learning.schedule import STEPS
from rotoline.model import Model, load_model
from rotoline.pipeline import segment
from rotoline.presets import FAST, PAPER
from rotoline.runtime.device import choose_device
from rotoline.runtime.timing import StageTimer
from rotoline.systems.paper import PaperSystem
from rotoline.systems.paper.network import PaperNet
from rotoline.weights.files import WeightsRecord

BFLOAT16 = "precision=bfloat16"
PROBE = "learner.method=linear_probe"
CASES = (
    ("fast", 1, ()),
    ("fast", 3, ()),
    ("paper", 1, ("precision=float32",)),
    ("paper", 1, (BFLOAT16,)),
    ("paper", 3, (BFLOAT16,)),
    ("paper", 1, (PROBE, BFLOAT16)),
    ("paper", 3, (PROBE, BFLOAT16)),
)
"""Preset, objects, settings."""
TINY_CASES = (
    ("fast", 3, ()),
    ("paper", 2, ("precision=float32",)),
    ("paper", 1, (PROBE, "learner.views=1", "learner.max_iterations=1", "precision=float32")),
)
"""With `--tiny`. Without instructions for bfloat16 a processor takes a minute for a frame."""


def random_model(blocks):
    """Make the preset `paper` with random weights and so many blocks in each stage."""
    torch.manual_seed(0)
    net = PaperNet(blocks).eval().requires_grad_(requires_grad=False)
    words = dict.fromkeys(("sha256", "licence", "data", "command", "commit"), "")
    record = WeightsRecord(name="random", bytes=0, seed=0, steps=0, **words)
    return Model(PaperSystem(net, choose_device()), record, PAPER)


def measure(model, objects, settings, frames):
    """Segment once: what it took, as a JSON line."""
    timer, ticks = StageTimer(), [time.perf_counter()]

    def count_step(progress):
        if progress.stage == "learning":
            ticks.append(time.perf_counter())

    config = read_config(model.config, None, settings)
    tracker = model.tracker(config=config, timer=timer, report=count_step)
    results = segment(frames, make_annotation(objects, frames[0].shape[:2]), tracker)
    began = time.perf_counter()
    next(results)
    learning = time.perf_counter() - began
    next(results)  # the first tracked frame allocates
    timer.seconds.clear()
    times = []
    for _ in frames[2:]:
        began = time.perf_counter()
        next(results)
        times.append(time.perf_counter() - began)
    line = {
        "preset": config.preset,
        "objects": objects,
        "settings": list(settings),
        "seconds_learning": round(learning, 3),
        "seconds_per_frame_median": round(statistics.median(times), 4),
        "stages": {name: round(s / len(times), 4) for name, s in timer.seconds.items()},
        "device": str(model.system.device),
    }
    steps = [after - before for before, after in itertools.pairwise(ticks)]
    if len(steps) > 1:
        networks = objects + (objects > 1)
        each = statistics.median(steps[1:])
        line |= {"steps_measured": len(steps), "seconds_per_step": round(each, 4)}
        line["schedule_hours"] = round(each * STEPS * networks / 3600, 1)
    tolerance = 0.05 if BFLOAT16 in settings else TOLERANCE
    return line | check_kernels(tracker, frames[-1], tolerance) | describe_machine()


def make_table(lines):
    """Format the cases."""
    rows = []
    for line in lines:
        learning = f"{line['seconds_learning']:.1f} s"
        if "schedule_hours" in line:
            learning = f"{line['schedule_hours']:.1f} h (extrapolated)"
        own = " ".join(f"`{one}`" for one in line["settings"] if not one.startswith("working_"))
        frame = f"{line['seconds_per_frame_median']:.3f}"
        step = str(line.get("seconds_per_step", ""))
        rows.append((line["preset"], str(line["objects"]), own, learning, frame, step))
    head = ("preset", "objects", "settings", "learning", "s per frame", "s per step and network")
    return markdown_table(head, rows)


def main():
    """Measure every case, and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--pixels", type=int, default=FAST.working_pixels)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--objects", type=int, nargs="+")
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    cases, size, blocks = CASES, SIZE, (3, 4, 23, 3)
    if options.tiny:
        cases, size, blocks = TINY_CASES, TINY_SIZE, (1, 1, 1, 1)
        options.pixels, options.steps, options.frames = size[0] * size[1], 2, 1
    if options.objects:
        cases = [("fast", count, ()) for count in options.objects]
        cases += [("paper", count, (PROBE, BFLOAT16)) for count in options.objects]
    paper = load_model(options.weights, "paper") if options.weights else random_model(blocks)
    models = {"fast": load_model(), "paper": paper}
    frames = read_clip(options.frames + 2, size, options.pictures)

    def lines():
        for preset, objects, settings in cases:
            sizes = [f"working_pixels={options.pixels}"]
            if preset == "paper" and PROBE not in settings:
                sizes.append(f"learner.steps={options.steps}")
            yield measure(models[preset], objects, (*settings, *sizes), frames)

    print(make_table(report(lines(), options.label)))


if __name__ == "__main__":
    main()
