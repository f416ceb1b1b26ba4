"""Learning and tuning that say how far they are, and that can be cancelled."""

from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Event

from rotoline.annotations import Annotations
from rotoline.pipeline import Step
from rotoline.runtime.progress import Progress
from rotoline.tracker import Tracker
from rotoline.types import Frame


def learn(
    tracker: Tracker, frames: Mapping[int, Frame], annotations: Annotations
) -> Generator[Step, None, None]:
    """Fit a tracker and tune it, as the settings say, and yield the progress.

    Tuning runs in a thread, so that a caller which closes this generator does not wait for more
    than one step of it.

    Args:
        tracker: A new one.
        frames: The frames with masks, by index.
        annotations: The masks.
    """
    yield Step(progress=Progress("learning"))
    tracker.fit(frames, annotations)
    said: SimpleQueue[Progress | None] = SimpleQueue()
    is_cancelled = Event()
    with ThreadPoolExecutor(1, thread_name_prefix="tuning") as worker:
        tuned = worker.submit(tracker.tune, report=said.put, is_cancelled=is_cancelled.is_set)
        tuned.add_done_callback(lambda _: said.put(None))
        try:
            while (progress := said.get()) is not None:
                yield Step(progress=progress)
        finally:
            is_cancelled.set()
    tracker.use(tuned.result())
