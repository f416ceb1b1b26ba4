"""Work in threads: frames read and masks written beside the computation, objects side by side."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import torch

Item = TypeVar("Item")


def one_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The same items, each fetched while the caller is busy with the one before."""
    iterator, end = iter(items), object()
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as worker:
        coming = worker.submit(next, iterator, end)
        while (item := coming.result()) is not end:
            coming = worker.submit(next, iterator, end)
            yield item


def one_behind(items: Iterable[Item], finish: Callable[[Item], None]) -> Iterator[Item]:
    """The same items, each after `finish` has dealt with it while the next one was made.

    However the iteration ends, `finish` has returned for every item that was made. After it failed
    for one item it is not called again; its error is raised one item late.
    """

    def finish_after(before: Future[None] | None, item: Item) -> None:
        if before is not None:
            before.result()
        finish(item)

    with ThreadPoolExecutor(1, thread_name_prefix="behind") as worker:
        last: tuple[Future[None], Item] | None = None
        for item in items:
            future = worker.submit(finish_after, last and last[0], item)
            before, last = last, (future, item)
            if before is not None:
                before[0].result()
                yield before[1]
        if last is not None:
            last[0].result()
            yield last[1]


class Crew:
    """Threads that work on objects side by side, each with its share of the cores.

    Convolutions on small maps use two cores badly: the threads of one convolution spend much of
    their time waiting for each other. Two objects at once, a core each, wait for nobody.
    """

    def __init__(self, most: int):
        """Start `most` threads or as many as PyTorch may use; they end with the crew."""
        cores = torch.get_num_threads()
        count = min(most, cores)
        self._pool: ThreadPoolExecutor | None = None
        if count > 1:
            self._pool = ThreadPoolExecutor(
                count, "crew", initializer=_use_cores, initargs=(cores // count,)
            )
            all_here = threading.Barrier(count)
            list(self._pool.map(lambda _: all_here.wait(), range(count)))
            torch.set_num_threads(cores)  # what they set would also hold for threads yet to come

    def map(self, function: Callable[..., Item], *columns: Iterable[Any]) -> list[Item]:
        """Call `function` on the items of all columns, without gradients; results in order."""

        def call(*items: Any) -> Item:
            with torch.inference_mode():
                return function(*items)

        return list((self._pool.map if self._pool else map)(call, *columns))


def _use_cores(count: int) -> None:
    torch.get_num_threads()  # or else the first operation of a thread takes the global setting
    torch.set_num_threads(count)
