"""What two runs at once cost each other, by how long idle threads spin.

    python benchmarks/together.py [--tiny] [--label NAME] [--spins 0 1000 3000 10000 300000]

The threads of PyTorch (GNU OpenMP) spin for a while after each operation before they sleep, in case
there is more to do. Alone that saves the time of waking up; beside another program that needs the
processor they take it from that. `GOMP_SPINCOUNT` says for how many rounds they spin; 300,000 is
the library's own default where there are as many threads as cores.

Each case runs the preset fast on the bundled clip with one object, without fine-tuning, in one
process and in two at once, in turn for all cases, so that the noise of the machine is the same for
all. A JSON line per case: seconds a frame alone, the mean of both together, and the ratio.
"""

import json
import os
import statistics
import subprocess
import sys

import frame
from _report import describe_machine, make_parser, report

ROUNDS = 3


def start(spins, case):
    """Start a run of benchmarks/frame.py with a number of spins."""
    environment = os.environ | {"GOMP_SPINCOUNT": str(spins)}
    command = [sys.executable, frame.__file__, "--case", json.dumps(case)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def seconds_of(process):
    """Mean seconds a frame of a run, once it is done."""
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{frame.__file__} failed with {process.returncode}")
    return json.loads(output.splitlines()[-1])["seconds_per_frame_mean"]


def measure(spins, case, rounds):
    """All cases in turn, several times, as JSON lines."""
    alone, together = {s: [] for s in spins}, {s: [] for s in spins}
    for _ in range(rounds):
        for one in spins:
            alone[one].append(seconds_of(start(one, case)))
            pair = [start(one, case) for _ in range(2)]
            together[one] += [seconds_of(process) for process in pair]
    for one in spins:
        single, double = statistics.median(alone[one]), statistics.median(together[one])
        yield {
            "spins": one,
            "frames": case["frames"],
            "rounds": rounds,
            "seconds_alone": round(single, 4),
            "seconds_two_at_once": round(double, 4),
            "ratio": round(double / single, 2),
            "all_alone": alone[one],
            "all_two_at_once": together[one],
            **describe_machine(),
        }


def main():
    """Run all cases."""
    parser = make_parser(__doc__)
    parser.add_argument("--spins", type=int, nargs="+", default=[0, 1000, 3000, 10000, 300000])
    options = parser.parse_args()
    tiny = options.tiny
    case = {"frames": 4 if tiny else 50, "objects": 1, "keep_memory": True, "is_tiny": tiny}
    spins = options.spins[:1] if tiny else options.spins
    report(measure(spins, case | {"is_tuned": False}, 1 if tiny else ROUNDS), options.label)


if __name__ == "__main__":
    main()
