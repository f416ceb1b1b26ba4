"""Whether one version of rotoline is slower than another: both in one run, in turn.

    python benchmarks/compare_versions.py OLD_PYTHON NEW_PYTHON [--starts 7] [--frames 40]
                                          [--tiny] [--label NAME]

OLD_PYTHON and NEW_PYTHON are interpreters of two environments with rotoline installed. Only what
versions since 0.1 have in common is used: `rotoline.load_model().segment(frames, mask)`. The clip
is drawn, 854x480, with up to five moving discs.

Figures of a shared machine change by a quarter within minutes, so nothing is compared but pairs:

- seconds from the start of a process to its first mask: one process of each version after the
  other
- seconds per frame with one and with five objects: a process of each version stays alive, and they
  segment the same frame one after the other, never at the same time

Which version comes first alternates from pair to pair. Every mask is compared: `equal_masks` is the
number of frames in which both versions return the same labels.

Prints one JSON line per measurement, with the smallest, the median and the largest ratio new/old of
the pairs, then a Markdown table.
"""

import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OBJECTS = (1, 5)
WARM_UP = 3
"""Frames of each clip that are not counted: the first is annotated, the next ones allocate."""
VERSIONS = ("old", "new")


class Worker:
    """A process with one version of rotoline, which segments a frame whenever it is asked to.

    Args:
        python: The interpreter.
        clip: A file that `write_clip` wrote.
    """

    def __init__(self, python, clip):
        self.python, self.began = python, time.perf_counter()
        self.process = subprocess.Popen(
            [python, __file__, "--worker", clip],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, *request):
        """Send a request and wait for the answer."""
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the process ended, so there is no answer either
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(
                f"{self.python} ended without an answer; install rotoline in its environment, and "
                "read the error above"
            )
        return json.loads(answer)

    def first_mask(self):
        """Segment the first frame: the answer, with the seconds since the process was started."""
        answer = self.ask("begin", OBJECTS[0])
        return answer | {"seconds": time.perf_counter() - self.began}

    def stop(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def work(file):
    """Answer the requests of a `Worker`, until standard input ends."""
    import numpy as np

    import rotoline

    model, results = None, None
    with np.load(file) as archive:
        clip = dict(archive)
    for line in sys.stdin:
        request, *arguments = json.loads(line)
        if request == "begin":
            model = model or rotoline.load_model()
            # Nobody asks for more frames than this generator has.
            frames = (clip["frames"][index] for _ in range(10**6) for index in clip["order"])
            results = model.segment(frames, clip[f"mask{arguments[0]}"])
        began = time.perf_counter()
        labels = next(results).labels
        seconds = time.perf_counter() - began
        digest = hashlib.sha256(labels.tobytes()).hexdigest()
        print(json.dumps({"seconds": seconds, "labels": digest}), flush=True)


def describe(python):
    """Ask an interpreter for its version of rotoline, its version of PyTorch and its threads."""
    code = (
        "import json, torch, rotoline; print(json.dumps({'rotoline': rotoline.__version__, "
        "'torch': torch.__version__, 'threads': torch.get_num_threads()}))"
    )
    done = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{python} cannot import rotoline; install it in that environment")
    return json.loads(done.stdout)


def write_clip(file, size):
    """Draw 12 frames with five discs, and masks of the first frame with one and five of them."""
    import numpy as np

    height, width = size
    generator = np.random.default_rng(0)
    coarse = generator.integers(70, 130, (height // 8, width // 8 + 1, 3), dtype=np.uint8)
    background = coarse.repeat(8, axis=0).repeat(8, axis=1)[:, :width]
    rows, cols = np.mgrid[:height, :width]
    frames, labels = np.stack([background] * 12), np.zeros((12, height, width), np.uint8)
    for index in range(len(frames)):
        for one in range(max(OBJECTS)):
            row, col = height * (0.2 + 0.15 * one), width * (0.15 + 0.16 * one + 0.006 * index)
            disc = (rows - row) ** 2 + (cols - col) ** 2 < (0.11 * height) ** 2
            frames[index, disc] = (40 * one + 60, 240 - 45 * one, (90 * one) % 256)
            labels[index, disc] = one + 1
    order = [*range(12), *range(10, 0, -1)]  # forwards and backwards, without a jump
    masks = {f"mask{k}": np.where(labels[0] <= k, labels[0], 0).astype(np.uint8) for k in OBJECTS}
    np.savez(file, frames=frames, order=np.array(order), **masks)


def in_turn(pair):
    """Yield both versions, the new one first in every other pair."""
    yield from VERSIONS if pair % 2 == 0 else VERSIONS[::-1]


def compare(pairs, **case):
    """Summarise the answers of some pairs as a JSON line."""
    ratios = sorted(new["seconds"] / old["seconds"] for old, new in pairs)
    old, new = (
        statistics.median(one["seconds"] for one in found) for found in zip(*pairs, strict=True)
    )
    return case | {
        "pairs": len(pairs),
        "old_seconds": round(old, 4),
        "new_seconds": round(new, 4),
        "ratio_min": round(ratios[0], 4),
        "ratio_median": round(statistics.median(ratios), 4),
        "ratio_max": round(ratios[-1], 4),
        "reference": "old",
        "equal_masks": sum(old["labels"] == new["labels"] for old, new in pairs),
    }


def measure(pythons, clip, starts, frames):
    """Run all pairs, and yield a JSON line per measurement."""
    pairs = []
    for pair in range(starts):
        workers, answers = {}, {}
        for version in in_turn(pair):
            workers[version] = Worker(pythons[version], clip)
            answers[version] = workers[version].first_mask()
            workers[version].stop()
        pairs.append([answers[version] for version in VERSIONS])
    yield compare(pairs, measurement="start to first mask", objects=OBJECTS[0])

    workers = {version: Worker(pythons[version], clip) for version in VERSIONS}
    for objects in OBJECTS:
        pairs = []
        for worker in workers.values():
            worker.ask("begin", objects)
        for pair in range(WARM_UP - 1 + frames):
            answers = {version: workers[version].ask("frame") for version in in_turn(pair)}
            pairs.append([answers[version] for version in VERSIONS])
        counted = pairs[WARM_UP - 1 :]
        yield compare(counted, measurement="frame", objects=objects)
    for worker in workers.values():
        worker.stop()


def main():
    """Compare both versions, or be one of the workers."""
    if sys.argv[1:2] == ["--worker"]:  # before anything that the old environment may lack
        work(sys.argv[2])
        return

    from _report import cpu_name, make_parser, report
    from rotoline.evaluation.tables import markdown_table

    parser = make_parser(__doc__)
    parser.add_argument("old_python", help="interpreter of the environment with the old version")
    parser.add_argument("new_python", help="interpreter of the environment with the new version")
    parser.add_argument("--starts", type=int, default=7, help="pairs of processes")
    parser.add_argument("--frames", type=int, default=40, help="pairs of frames")
    options = parser.parse_args()
    if options.tiny:
        options.starts, options.frames = 1, 1
    pythons = {"old": options.old_python, "new": options.new_python}
    versions = {version: describe(python) for version, python in pythons.items()}
    if versions["old"]["torch"] != versions["new"]["torch"]:
        raise SystemExit(f"different versions of PyTorch are not compared: {versions}")
    size = (64, 96) if options.tiny else (480, 854)
    with tempfile.TemporaryDirectory() as folder:
        clip = str(Path(folder) / "clip.npz")
        write_clip(clip, size)
        lines = (
            line | {"size": size, "cpu": cpu_name(), **versions}
            for line in measure(pythons, clip, options.starts, options.frames)
        )
        printed = report(lines, options.label)
    columns = ("measurement", "objects", "pairs", "old_seconds", "new_seconds")
    columns = (*columns, "ratio_min", "ratio_median", "ratio_max")
    head = ("measurement", "objects", "pairs", "old s", "new s", "new / old, min", "median", "max")
    rows = [[str(line[name]) for name in columns] for line in printed]
    print(markdown_table(head, rows))


if __name__ == "__main__":
    main()
