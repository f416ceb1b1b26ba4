"""J and F on the development split.

    python benchmarks/development.py DATA [--weights FILE] [--set regions.enabled=false]

Runs `rotoline segment` and `rotoline evaluate`, as a person would, on each of the six sequences
that weights for measuring were not fitted on, and on the multi-object clip where it is there.
Prints the Markdown table of docs/results.md.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from rotoline.training.clips import DEVELOPMENT_SPLIT


def rotoline(*arguments):
    """Run the command and return what it printed."""
    command = [sys.executable, "-m", "rotoline", *map(str, arguments)]
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ).stdout


def measure(frames, truth, output, more):
    """Segment from the first true mask and compare with all of them."""
    first = sorted(truth.glob("*.png"))[0]
    rotoline("segment", frames, "--masks", first, "--output", output, *more)
    return json.loads(rotoline("evaluate", output / "masks", "--truth", truth, "--json"))


def main():
    """Print one row per sequence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--output", type=Path, help="a new folder, to keep the masks in")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    output = options.output or Path(tempfile.mkdtemp(prefix="rotoline-development-"))
    more = ["--weights", options.weights] if options.weights else []
    for setting in options.set:
        more += ["--set", setting]
    davis = options.data / "davis-2016-train"
    rows = {}
    for name in DEVELOPMENT_SPLIT:
        frames = davis / "JPEGImages" / "480p" / name
        truth = davis / "Annotations" / "480p" / name
        rows[name] = measure(frames, truth, output / name, more)
        print(name, f"{rows[name]['J&F']:.3f}", file=sys.stderr)
    keys = ("J&F", "J", "F", "J_recall", "F_recall")
    print("| sequence | J&F | J | F | J recall | F recall |\n|---|---|---|---|---|---|")
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join(f"{row[key]:.3f}" for key in keys) + " |")
    means = [sum(row[key] for row in rows.values()) / len(rows) for key in keys]
    print("| **mean** | " + " | ".join(f"**{mean:.3f}**" for mean in means) + " |")
    girls = options.data / "davis-2017-schoolgirls"
    if girls.is_dir():
        row = measure(girls / "JPEGImages", girls / "Annotations", output / "schoolgirls", more)
        cells = " | ".join(f"{row[key]:.3f}" for key in keys)
        print(f"| schoolgirls (7 objects, not in the mean) | {cells} |")


if __name__ == "__main__":
    main()
