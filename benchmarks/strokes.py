"""How long a person waits for the mask after a stroke.

    python benchmarks/strokes.py [--tiny] [--label NAME]

The bundled clip at 480 and at 1080 rows, with one object and with three. In each frame the robot of
`rotoline experiment interactive` draws strokes for one object after the other, five times; after
each, the mask of that object is found from all strokes so far. Median and 95th percentile of the
seconds of

- first: the first stroke in a frame that was not looked at before
- prepared: the first stroke in a frame that `Session.look` has prepared
- further: all later strokes

Drawing by the robot is not counted. The aims are .3 s at 480 rows and .6 s at 1080 (two cores).
"""

import time

import numpy as np

from _report import describe_machine, make_parser, report
from _tracking import TINY_SIZE, make_annotation, read_clip
from rotoline.evaluation.interactive import next_strokes
from rotoline.interact import Session
from rotoline.model import load_model

SIZES = ((480, 854), (1080, 1920))
ROUNDS = 5


def measure(model, size, objects, frames):
    """Seconds of every `solve`, by what it was."""
    truth, seconds = make_annotation(objects, size), {"first": [], "prepared": [], "further": []}
    config = model.config
    if size == TINY_SIZE:
        config = config.model_copy(update={"working_pixels": size[0] * size[1]})
    session, ids = Session(model, size, config=config), list(range(1, objects + 1))
    for index, frame in enumerate(read_clip(frames, size)):
        if index % 2:
            session.look(index, frame)
        strokes, labels = {one: [] for one in ids}, np.zeros(size, np.uint8)
        kind = "prepared" if index % 2 else "first"
        for _ in range(ROUNDS):
            drawn = next_strokes(strokes, truth, labels)
            for one in ids:
                strokes[one] = drawn[one]
                began = time.perf_counter()
                labels = session.solve(index, frame, strokes, current=labels, changing={one})
                seconds[kind].append(time.perf_counter() - began)
                kind = "further"
    return seconds


def run_all(sizes=SIZES, frames=8):
    """One line for each size and number of objects."""
    model = load_model()
    measure(model, TINY_SIZE, 1, 1)  # what is loaded on first use
    for size in sizes:
        for objects in (1, 3):
            line = {"size": size, "objects": objects, "frames": frames, "rounds": ROUNDS}
            for kind, values in measure(model, size, objects, frames).items():
                line[f"seconds_{kind}_p50"] = round(float(np.percentile(values, 50)), 3)
                line[f"seconds_{kind}_p95"] = round(float(np.percentile(values, 95)), 3)
            yield line | describe_machine()


def main():
    """Run all cases."""
    options = make_parser(__doc__).parse_args()
    lines = run_all((TINY_SIZE,), frames=2) if options.tiny else run_all()
    report(lines, options.label)


if __name__ == "__main__":
    main()
