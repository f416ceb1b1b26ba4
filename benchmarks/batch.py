"""How many clips a minute `rotoline batch` does with one worker and two, locally and on Ray.

    python benchmarks/batch.py --label 2026-11-27-batch

Drawn clips are segmented by the engines of `rotoline batch`, and once in this process without it;
all must give the same masks. Prints a JSON line for each case and a table. Clips a minute are
counted from the end of the first clip of each worker, so starting is not in them; the time until
that end is a column of its own. The overhead of an item is what a clip takes longer with one worker
and one thread than in this process.
"""

import itertools
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from _report import describe_machine, make_parser, report
from rotoline.batch.cluster import RayEngine
from rotoline.batch.driver import Batch, Driver
from rotoline.batch.engine import Engine
from rotoline.batch.jobs import Item, Means
from rotoline.batch.local import LocalEngine
from rotoline.batch.prepare import configs_of, recipe_of
from rotoline.config import read_config
from rotoline.io.masks import write_mask
from rotoline.model import load_model
from rotoline.presets import FAST
from rotoline.run import segment_to_folder

CASES = (
    ("local", 1, 1),
    ("local", 2, 1),
    ("local", 1, 2),
    ("ray", 1, 1),
    ("ray", 2, 1),
)
"""Engine, workers, threads of each."""
TINY_CASES = (("local", 1, 1), ("local", 2, 1), ("ray", 2, 1))
TASKS, TINY_TASKS = 300, 20
"""Empty tasks, to see what Ray takes for one."""
FORMATS = ["png"]


def write_clips(folder: Path, count: int, frames: int, size: tuple[int, int]) -> list[Item]:
    """Draw clips of one object."""
    rows, cols = np.mgrid[: size[0], : size[1]]
    items = []
    for k in range(count):
        (folder / f"clip{k}").mkdir(parents=True)
        coarse = np.random.default_rng(k).integers(70, 130, (12, 20, 3), dtype=np.uint8)
        background = np.asarray(Image.fromarray(coarse).resize(size[::-1]))
        for t in range(frames):
            disc = (rows - size[0] / 2) ** 2 + (cols - size[1] / 4 - 3 * t) ** 2 < size[0] ** 2 / 20
            picture = np.where(disc[..., None], np.uint8((235, 80, 40)), background)
            Image.fromarray(picture).save(folder / f"clip{k}" / f"{t:05d}.jpg", quality=95)
            if t == 0:
                write_mask(folder / f"clip{k}.png", disc.astype(np.uint8))
        video, masks = str(folder / f"clip{k}"), (str(folder / f"clip{k}.png"),)
        items.append(Item(id=f"clip{k}", video=video, masks=masks, output=""))
    return items


def make_batch(items: list[Item], root: Path, threads: int, working_pixels: int) -> Batch:
    """A batch of the clips, without tuning and reports."""
    settings = ["tuning.steps=0", f"working_pixels={working_pixels}"]
    config = read_config(FAST, None, settings)
    items = [one.model_copy(update={"output": str(root / one.id)}) for one in items]
    recipe = recipe_of(config, None, FORMATS, reports=False)
    configs = configs_of(items, config, Path("clips"))
    return Batch(Path("clips"), str(root), items, configs, recipe, Means(threads=threads))


def run_here(batch: Batch, root: Path) -> float:
    """Segment the clips one after the other in this process; seconds of a clip."""
    torch.set_num_threads(1)
    model = load_model()
    config = type(FAST).model_validate(batch.configs[""])
    seconds = []
    for item in batch.items:
        began = time.perf_counter()
        steps = segment_to_folder(
            Path(item.video),
            Path(item.masks[0]),
            root / item.id,
            weights=None,
            config=config,
            command=[],
            formats=FORMATS,
            model=model,
        )
        for _ in steps:
            pass
        seconds.append(time.perf_counter() - began)
    return sum(seconds[1:]) / len(seconds[1:])


def run_batch(batch: Batch, start: Callable[[], Engine], workers: int) -> dict[str, Any]:
    """Run the batch; when the clips ended, and how long a second run takes for a clip."""
    began, ends = time.perf_counter(), list[float]()
    for state in Driver(batch, start).run():
        ends += [time.perf_counter() - began] * len(state.news)
    if state.failed:
        raise SystemExit("a clip has failed; run the tests before the benchmark")
    counted = ends[workers:]
    pace = (counted[-1] - ends[workers - 1]) / len(counted)
    again = time.perf_counter()
    list(Driver(batch, start).run())
    return {
        "seconds_to_first": round(ends[0], 2),
        "seconds_a_clip": round(pace, 4),
        "clips_a_minute": round(60 / pace, 1),
        "seconds_a_clip_done": round((time.perf_counter() - again) / len(batch.items), 4),
    }


def check_masks(batch: Batch, reference: Path) -> None:
    """Refuse masks that differ from those made without a batch."""
    for item in batch.items:
        for path in sorted((reference / item.id / "masks").iterdir()):
            if path.read_bytes() != (Path(item.output) / "masks" / path.name).read_bytes():
                raise SystemExit(f"{path.name} of {item.id} differs from that of a single run")


def time_tasks(count: int) -> float:
    """Seconds that Ray takes for an empty task, with one worker."""
    import ray

    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    task = ray.remote(lambda number: number)
    ray.get(task.remote(0))
    began = time.perf_counter()
    ray.get([task.remote(number) for number in range(count)])
    seconds = time.perf_counter() - began
    ray.shutdown()
    return seconds / count


def measure(folder: Path, *, tiny: bool) -> Iterator[dict[str, Any]]:
    """Yield a line for each case, and one for empty tasks."""
    count, frames, size = (4, 2, (64, 96)) if tiny else (6, 8, (480, 854))
    pixels = 9216 if tiny else FAST.working_pixels
    items = write_clips(folder / "clips", count, frames, size)
    machine = describe_machine()
    single = folder / "single"
    alone = run_here(make_batch(items, single, 1, pixels), single)
    for engine, workers, threads in TINY_CASES if tiny else CASES:
        root = folder / f"{engine}-{workers}-{threads}"
        batch = make_batch(items, root, threads, pixels)

        def start(engine: str = engine, batch: Batch = batch, workers: int = workers) -> Engine:
            if engine == "ray":
                return RayEngine("local", batch.means, workers)
            return LocalEngine(workers, batch.means.threads)

        found = run_batch(batch, start, workers)
        if threads == 1:  # sums are rounded otherwise with more
            check_masks(batch, single)
        yield {
            "case": engine,
            "workers": workers,
            "threads_each": threads,
            "clips": count,
            "frames": frames,
            "rows": size[0],
            **found,
            "frames_a_second": round(frames / found["seconds_a_clip"], 2),
            "seconds_a_clip_alone": round(alone, 4),
            "overhead": round(found["seconds_a_clip"] - alone, 4) if workers == threads else None,
            "peak_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
            if engine == "local"
            else None,
            **machine,
        }
        shutil.rmtree(root)
    tasks = TINY_TASKS if tiny else TASKS
    yield {"case": "empty task of ray", "tasks": tasks, "seconds": round(time_tasks(tasks), 5)}


def make_table(lines: list[dict[str, Any]]) -> str:
    """The cases as a table."""
    rows = ["| engine | workers | threads | clips a minute | frames a second | to the first, s |"]
    rows.append("|---|---|---|---|---|---|")
    names = ("case", "workers", "threads_each", "clips_a_minute", "frames_a_second")
    for line in itertools.takewhile(lambda line: "workers" in line, lines):
        cells = [*(line[name] for name in names), line["seconds_to_first"]]
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


def main() -> None:
    """Measure and print."""
    options = make_parser(__doc__ or "").parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = report(measure(Path(folder), tiny=options.tiny), options.label)
    print(make_table(lines))


if __name__ == "__main__":
    main()
