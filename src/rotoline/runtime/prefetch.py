"""Reading and writing in threads, while something else is computed."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


class _End:
    """Stands for the end of the items."""


_END = _End()


def prefetch(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the same items; each is made in a thread while the caller works on the previous one."""
    iterator: Iterator[Item | _End] = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as worker:
        coming = worker.submit(next, iterator, _END)
        while not isinstance(item := coming.result(), _End):
            coming = worker.submit(next, iterator, _END)
            yield item


def write_behind(items: Iterable[Item], finish: Callable[[Item], None]) -> Iterator[Item]:
    """Yield the same items, each after `finish` has processed it in a thread.

    `finish` runs while the next item is made. However the iteration ends, `finish` has returned for
    every item that was made. After it failed for one item it is not called again; its error is
    raised one item late.
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
