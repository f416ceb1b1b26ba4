"""Whether one version of rotoline is slower than another: both in one run, in turn.

    python benchmarks/compare_versions.py OLD_PYTHON NEW_PYTHON [--starts 7] [--frames 40]
                                          [--tiny] [--label NAME]

OLD_PYTHON and NEW_PYTHON are interpreters of two environments with rotoline installed. Only what
versions since 0.1 have in common is used: `rotoline.load_model().segment(frames, mask)`. The clip
is drawn, 854x480, with up to five moving discs.

Figures of a shared machine change by a quarter within minutes, so nothing is compared but pairs:

- seconds from the start of a process to its first mask: one process of each version after the
  other; versions from 0.2 on fine-tune first where there is one object, for about five seconds
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
WARM_UP = 2
"""Frames after the annotated one that are not counted: they allocate."""
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

    def frame(self):
        """Segment the next frame: the seconds it took, and a digest of the labels."""
        return self.ask("frame")

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
        if request == "versions":
            torch = sys.modules["torch"]  # loaded by rotoline
            versions = {"rotoline": rotoline.__version__, "torch": torch.__version__}
            print(json.dumps(versions | {"threads": torch.get_num_threads()}), flush=True)
            continue
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


def measure_starts(pythons, clip, count):
    """Start pairs of processes: the answers, and the last two processes."""
    pairs, workers = [], {}
    for pair in range(count):
        for worker in workers.values():
            worker.stop()
        answers = {}
        for version in in_turn(pair):
            workers[version] = Worker(pythons[version], clip)
            answers[version] = workers[version].first_mask()
        pairs.append([answers[version] for version in VERSIONS])
    return pairs, workers


def measure_frames(workers, objects, count, warm_up):
    """Segment a clip with both processes in turn: the answers for the frames that count."""
    for worker in workers.values():
        worker.ask("begin", objects)
    pairs = []
    for pair in range(warm_up + count):
        answers = {version: workers[version].frame() for version in in_turn(pair)}
        pairs.append([answers[version] for version in VERSIONS])
    return pairs[warm_up:]


def measure(pythons, clip, starts, frames, warm_up):
    """Run all pairs, and yield a JSON line per measurement."""
    pairs, workers = measure_starts(pythons, clip, starts)
    versions = {version: worker.ask("versions") for version, worker in workers.items()}
    if versions["old"]["torch"] != versions["new"]["torch"]:
        raise SystemExit(f"different versions of PyTorch are not compared: {versions}")
    yield compare(pairs, measurement="start to first mask", objects=OBJECTS[0]) | versions
    for objects in OBJECTS:
        pairs = measure_frames(workers, objects, frames, warm_up)
        yield compare(pairs, measurement="frame", objects=objects) | versions
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
    extent = (1, 1, 0) if options.tiny else (options.starts, options.frames, WARM_UP)
    pythons = {"old": options.old_python, "new": options.new_python}
    size = (64, 96) if options.tiny else (480, 854)
    with tempfile.TemporaryDirectory() as folder:
        clip = str(Path(folder) / "clip.npz")
        write_clip(clip, size)
        lines = (
            line | {"size": size, "cpu": cpu_name()} for line in measure(pythons, clip, *extent)
        )
        printed = report(lines, options.label)
    columns = ("measurement", "objects", "pairs", "old_seconds", "new_seconds")
    columns = (*columns, "ratio_min", "ratio_median", "ratio_max")
    head = ("measurement", "objects", "pairs", "old s", "new s", "new / old, min", "median", "max")
    rows = [[str(line[name]) for name in columns] for line in printed]
    print(markdown_table(head, rows))


if __name__ == "__main__":
    main()
