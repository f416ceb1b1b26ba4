"""Whether a long video takes more memory, or more time for each frame, than a short one.

    python benchmarks/length.py --label 2026-11-26-length

A drawn video of each length is segmented into a folder by a process of its own, with all default
formats, at a small working size. Prints a JSON line for each and a table; with more than 5 % more
memory, or 10 % more processor time a frame, than the shortest, the exit code is 1. Time by the
clock is printed as well, and says something where nothing else runs.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from _report import describe_machine, make_parser, report

LENGTHS, TINY_LENGTHS = (100, 1_000, 10_000), (10, 20, 30)
SIZE = (96, 160)
"""Height and width of the frames."""
WORKING_PIXELS = 64 * 96
MORE_MEMORY, MORE_TIME = 1.05, 1.10
"""How much more than the shortest video a longer one may take."""
OBJECTS = (1, 2)


def draw(index: int) -> tuple[np.ndarray, np.ndarray]:
    """A frame with two discs that move to and fro, and its label map."""
    rows, cols = np.mgrid[: SIZE[0], : SIZE[1]]
    picture = np.stack([(rows * k + cols * 2) % 128 for k in (2, 3, 5)], axis=-1)
    labels = np.zeros(SIZE, np.uint8)
    for one in OBJECTS:
        row, col = 30 * one, 80 + 40 * np.sin(index / 25 + one)
        disc = (rows - row) ** 2 + (cols - col) ** 2 < 14**2
        picture[disc] = (230, 60 * one, 40)
        labels[disc] = one
    return picture.astype(np.uint8), labels


def write_clip(folder: Path, frames: int) -> tuple[Path, Path]:
    """Write the video and the mask of its first frame."""
    from rotoline.io.masks import write_mask

    video, mask = folder / "clip.mp4", folder / "first.png"
    with av.open(str(video), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.height, stream.width = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(draw(index)[0], format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    write_mask(mask, draw(0)[1])
    return video, mask


def measure_here(folder: Path, frames: int) -> None:
    """Segment in this process, and print the numbers as JSON."""
    import torch

    from rotoline.presets import FAST
    from rotoline.run import segment_to_folder
    from rotoline.systems.fast import FastConfig

    torch.set_num_threads(1)
    config = FastConfig.model_validate(
        {**FAST.model_dump(), "working_pixels": WORKING_PIXELS, "tuning": {"steps": 0}}
    )
    steps = segment_to_folder(
        folder / "clip.mp4",
        folder / "first.png",
        folder / "out",
        weights=None,
        config=config,
        command=["benchmarks/length.py"],
    )
    first = 0.0
    for step in steps:
        if step.stage == "segmenting" and not first:
            first = time.process_time()
    used = time.process_time() - first
    record = json.loads((folder / "out" / "run.json").read_text())
    if record["frames"] != frames:
        raise SystemExit(f"{record['frames']} frames were segmented instead of {frames}")
    after_first = record["seconds"] - record["seconds_to_first_mask"]
    numbers = {
        "frames": frames,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "seconds": record["seconds"],
        "milliseconds_per_frame": round(1000 * after_first / (frames - 1), 2),
        "processor_milliseconds_per_frame": round(1000 * used / (frames - 1), 2),
    }
    print(json.dumps(numbers))


def measure(lengths: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Segment a video of each length, each in a process of its own."""
    for frames in lengths:
        with tempfile.TemporaryDirectory(prefix="length") as name:
            write_clip(Path(name), frames)
            done = subprocess.run(
                [sys.executable, __file__, "--folder", name, "--frames", str(frames)],
                stdout=subprocess.PIPE,
                check=True,
                env=os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"},
            )
        yield {**json.loads(done.stdout), "size": SIZE, **describe_machine()}


def main() -> None:
    """Run what the command line says."""
    parser = make_parser(__doc__)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--frames", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        measure_here(options.folder, options.frames)
        return
    lines = report(measure(TINY_LENGTHS if options.tiny else LENGTHS), options.label)
    print("| frames | peak memory | processor ms a frame | ms a frame |\n|---|---|---|---|")
    for line in lines:
        print(
            f"| {line['frames']:,} | {line['peak_mb']} MB | "
            f"{line['processor_milliseconds_per_frame']} | {line['milliseconds_per_frame']} |"
        )
    first = lines[0]
    for line in lines[1:]:
        memory = line["peak_mb"] / first["peak_mb"]
        used = "processor_milliseconds_per_frame"
        seconds = line[used] / first[used]
        if not options.tiny and (memory > MORE_MEMORY or seconds > MORE_TIME):
            raise SystemExit(
                f"{line['frames']} frames take {memory:.2f} times the memory and {seconds:.2f} "
                f"times the time a frame of {first['frames']} frames"
            )


if __name__ == "__main__":
    main()
