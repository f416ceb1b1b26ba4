"""Reading and writing in threads, beside the computation."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def prefetch(items: Iterable[Item]) -> Iterator[Item]:
    """The same items, each fetched while the caller is busy with the one before."""
    iterator, end = iter(items), object()
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as worker:
        coming = worker.submit(next, iterator, end)
        while (item := coming.result()) is not end:
            coming = worker.submit(next, iterator, end)
            yield item


def write_behind(items: Iterable[Item], finish: Callable[[Item], None]) -> Iterator[Item]:
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
