"""Seconds of learning and per frame: the preset `paper` beside `fast`, same clip, one run.

    python benchmarks/presets.py [--weights FILE] [--pixels 409600] [--steps 6] [--label NAME]

The first frames of the bundled clip at 854x480 with its own masks, one object and three. Without
--weights the networks are as drawn, which takes the same time.

The paper fine-tunes for 30,000 steps. Here some are measured, the first left out (it allocates,
or compiles), and `schedule_hours` is their median times 30,000 times the number of networks, one
per object and, with several, one for the foreground: **extrapolated, never run**.

One JSON line a case goes to standard output, and with --label to benchmarks/results/NAME.jsonl;
the table at the end is in docs/results.md.
"""

import argparse
import itertools
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import rotoline
from rotoline.model import Model, load_model
from rotoline.runtime.timing import StageTimer
from rotoline.config import read_config
from rotoline.demo import MASKS, VIDEO
from rotoline.io.run_record import device
from rotoline.weights.files import WeightsRecord
from rotoline.learning.schedule import STEPS
from rotoline.systems.paper.network import PaperNet
from rotoline.parts import paper
from rotoline.presets import FAST, PAPER

SIZE = (480, 854)
RESULTS = Path(__file__).parent / "results"
HALF = "adapt.precision=bfloat16"
CASES = (
    ("fast", 1, ()),
    ("fast", 3, ()),
    ("paper", 1, ("adapt.precision=float32",)),
    ("paper", 1, (HALF,)),
    ("paper", 3, (HALF,)),
    ("paper", 3, (HALF, "adapt.together=2")),
    ("paper", 1, (HALF, "adapt.whole=false")),
    ("paper", 3, (HALF, "adapt.whole=false")),
)
"""Preset, objects, settings."""


def read_clip(count):
    """The first frames of the bundled clip at 480p."""
    frames = zip(range(count), rotoline.open_frames(VIDEO), strict=False)
    return [np.asarray(Image.fromarray(frame).resize(SIZE[::-1])) for _, frame in frames]


def make_marks(objects):
    """The bundled mask of the first frame, with so many of its objects."""
    with Image.open(MASKS / "00000.png") as image:
        labels = np.array(image.resize(SIZE[::-1], Image.Resampling.NEAREST))
    return np.where(labels <= objects, labels, 0)


def drawn_model():
    """The preset `paper` with networks as drawn."""
    torch.manual_seed(0)
    words = dict.fromkeys(("sha256", "licence", "data", "command", "commit"), "")
    record = WeightsRecord(name="drawn", bytes=0, seed=0, steps=0, **words)
    return Model(PaperNet().requires_grad_(False).eval(), record, PAPER, paper.learn)


def measure(model, objects, settings, frames):
    """Segment once, and return what it took."""
    timer, ticks = StageTimer(), [time.perf_counter()]

    def report(done, total):
        del done, total
        ticks.append(time.perf_counter())

    config = read_config(model.config, None, settings)
    results = model.segment(frames, make_marks(objects), config=config, timer=timer, report=report)
    began = time.perf_counter()
    next(results)
    learning = time.perf_counter() - began
    times = []
    for at in range(len(frames) - 1):
        began = time.perf_counter()
        next(results)
        times.append(time.perf_counter() - began)
        if at == 0:  # the first one allocates
            times.clear()
            timer.seconds.clear()
    line = {
        "preset": config.preset,
        "objects": objects,
        "settings": list(settings),
        "seconds_learning": round(learning, 3),
        "seconds_per_frame_median": round(statistics.median(times), 4),
        "stages": {name: round(s / len(times), 4) for name, s in timer.seconds.items()},
        "torch": torch.__version__,
        **device(),
    }
    steps = [after - before for before, after in itertools.pairwise(ticks)]
    if len(steps) > 1:
        nets = objects + (objects > 1)
        each = statistics.median(steps[1:]) / config.adapt.together
        line |= {"steps_measured": len(steps), "seconds_per_step": round(each, 4)}
        line["schedule_hours"] = round(each * STEPS * nets / 3600, 1)
    return line


def print_table(lines):
    """The cases as Markdown."""
    print("\n| preset | objects | settings | learning | s per frame | s per step and network |"
          "\n|---|---|---|---|---|---|")  # fmt: skip
    for line in lines:
        learning = f"{line['seconds_learning']:.1f} s"
        if "schedule_hours" in line:
            learning = f"{line['schedule_hours']:.1f} h (extrapolated)"
        own = [
            s for s in line["settings"] if not s.startswith(("adapt.steps", "foreground.pixels"))
        ]
        cells = (line["preset"], line["objects"], " ".join(f"`{s}`" for s in own))
        step = line.get("seconds_per_step", "")
        print(f"| {' | '.join(map(str, cells))} | {learning} | "
              f"{line['seconds_per_frame_median']:.3f} | {step} |")  # fmt: skip


def main():
    """Measure every case, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--pixels", type=int, default=FAST.foreground.pixels)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--label")
    args = parser.parse_args()
    models = {
        "fast": load_model(),
        "paper": load_model(args.weights, "paper") if args.weights else drawn_model(),
    }
    frames = read_clip(args.frames + 2)
    sizes = [f"foreground.pixels={args.pixels}"]
    lines = []
    for preset, objects, settings in CASES:
        steps = [f"adapt.steps={args.steps}"] if preset == "paper" else []
        lines.append(measure(models[preset], objects, (*settings, *steps, *sizes), frames))
        print(json.dumps(lines[-1]), flush=True)
    if args.label:
        path = RESULTS / f"{args.label}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    print_table(lines)


if __name__ == "__main__":
    main()
