"""Time and memory of Cutie beside those of the default preset, on this machine.

    pip install --no-deps rf-cutie hydra-core omegaconf antlr4-python3-runtime einops
    python benchmarks/peer_cutie.py [--tiny] [--label NAME]

Cutie has random weights here, in place of those that it downloads: its masks are worthless, and
time and memory are those of the same operations. Settings are those of its script for videos:
480 rows, a frame in ten remembered, long-term memory on. Both programs take the frames of
`frame.py`, on the processor, in float32, each case in a process of its own; nothing is fine-tuned.
On a machine that does other things, processor seconds say more than seconds. What helps rotoline
outside of its networks, memory that is kept by the process, is set for Cutie, too; subnormal
numbers, which random weights may produce, are flushed.
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from unittest import mock

from _report import describe_machine, make_parser, report

FULL, TINY = (480, 854), (96, 160)
"""Heights and widths of frames. Cutie needs 30 places in its memory: smaller ones are refused."""


def make_cutie(kind):
    """Build Cutie with random weights, and a function that takes a frame and maybe a mask."""
    import torch

    if find_spec("cutie") is None:
        sys.exit("Cutie is not installed; the first lines of this script say how to install it")
    from cutie.inference.inference_core import InferenceCore
    from cutie.model import big_modules
    from cutie.model.cutie import CUTIE
    from hydra import compose, initialize_config_module

    from rotoline.runtime.allocator import keep_freed_memory

    keep_freed_memory()
    torch.set_flush_denormal(True)

    with initialize_config_module("cutie.config", version_base="1.3.2"):
        config = compose("video_config", overrides=[f"model={kind}"])
    torch.manual_seed(0)
    # Both backbones would be downloaded to begin with.
    bare = {name: getattr(big_modules.resnet, name) for name in ("resnet18", "resnet50")}
    with mock.patch.multiple(
        big_modules.resnet, **{k: without_weights(f) for k, f in bare.items()}
    ):
        network = CUTIE(config).eval()
    core = InferenceCore(network, config)

    def step(frame, labels):
        image = torch.from_numpy(frame).permute(2, 0, 1).float() / 255
        if labels is None:
            return core.output_prob_to_mask(core.step(image))
        objects = [int(label) for label in range(1, int(labels.max()) + 1)]
        mask = torch.from_numpy(labels)
        return core.output_prob_to_mask(core.step(image, mask, objects=objects))

    return step


def without_weights(function):
    """Return the same function of Cutie, called so that it downloads nothing."""
    return lambda *arguments, **named: function(*arguments, **named | {"pretrained": False})


def make_rotoline():
    """Return the default preset as such a function."""
    import rotoline

    model = rotoline.load_model()
    tracker = model.tracker()

    return lambda frame, labels: tracker.step(frame, annotation=labels)


def measure(*, program, frames, objects, size):
    """Segment, and print what it took as one JSON line."""
    import torch

    import _tracking as tracking

    clip, labels = tracking.read_clip(60, size), tracking.make_annotation(objects, size)
    name, _, kind = program.partition("-")
    step = make_cutie(kind) if name == "cutie" else make_rotoline()
    times, work = [], []
    with torch.inference_mode():
        for index, frame in enumerate(tracking.play(clip, frames)):
            began, worked = time.perf_counter(), time.process_time()
            step(frame, labels if index == 0 else None)
            times.append(time.perf_counter() - began)
            work.append(time.process_time() - worked)
    line = {
        "program": program,
        "objects": objects,
        "frames": frames,
        "size": size,
        "seconds_per_frame_median": round(statistics.median(times[1:]), 4),
        "processor_seconds_per_frame_median": round(statistics.median(work[1:]), 4),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    print(json.dumps(line | describe_machine()))


def run_case(**case):
    """Run one case in a process of its own: its JSON line as a dict."""
    command = [sys.executable, "-W", "ignore", __file__, "--case", json.dumps(case)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def run_all(cases):
    """Run every program on every case, those to be compared one after the other."""
    for size, objects, frames in cases:
        for program in ("rotoline", "cutie-small", "cutie-base"):
            yield run_case(program=program, frames=frames, objects=objects, size=size)


def main():
    """Run all cases, or the one case named on the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--case", type=json.loads)
    options = parser.parse_args()
    if options.case:
        measure(**options.case)
    else:
        all_cases = [(FULL, 1, 12), (FULL, 5, 8)]
        report(run_all([(TINY, 1, 4)] if options.tiny else all_cases), options.label)


if __name__ == "__main__":
    main()
