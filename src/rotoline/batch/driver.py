"""The one loop of a batch: which items are left, what became of each, and what is tried again."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import rotoline
from rotoline.batch.batch_record import BatchRecord
from rotoline.batch.claims import MISSED, Held, who_has
from rotoline.batch.engine import Engine
from rotoline.batch.jobs import Item, Job, Means, Outcome, Recipe
from rotoline.batch.ledger import (
    fingerprint,
    forget_failure,
    is_known,
    known_outcome,
    look_up,
    note_failure,
)

_THREADS = 16
"""Number of files that are looked at together: waiting for a store takes longer than work."""
_LOOKED_AT = 64
"""Number of claims that are looked at together: an object store counts every look."""
_TICK = 0.5
"""Seconds after which the loop looks up, at the latest."""


@dataclass(frozen=True)
class Batch:
    """What is to be done."""

    manifest: Path
    """The manifest, for the record."""
    root: str
    """Path or address of the root of the outputs."""
    items: Sequence[Item]
    """The items, of the shard only if there is one."""
    configs: Mapping[str, Mapping[str, Any]]
    """The settings of items by their id; those of the others under the empty name."""
    recipe: Recipe
    """How they are segmented."""
    means: Means
    """By which means."""
    command: Sequence[str] = ()
    """The command line."""
    shard: tuple[int, int] | None = None
    """Which shard of how many."""
    retries: int = 1
    """How often an item is tried again that might not fail again."""
    retry_failed: bool = False
    """Whether items are tried that have failed for good in an earlier batch."""

    def job(self, item: Item, stale: str | None = None) -> Job:
        """The job of an item."""
        return Job(
            root=self.root,
            item=item,
            config=self.configs.get(item.id, self.configs[""]),
            recipe=self.recipe,
            means=self.means,
            command=tuple(self.command),
            version=rotoline.__version__,
            stale=stale,
        )


class State(NamedTuple):
    """How a batch stands."""

    total: int
    """Number of items."""
    done: int
    """Number of those that are done."""
    failed: int
    """Number of those that have failed for good."""
    elsewhere: int
    """Number of those that other drivers work on."""
    running: Mapping[str, Mapping[str, Any]]
    """What the claims of the running items say, by id: `stage`, `done`, `total`. Of many items,
    only of those that were begun first."""
    news: Sequence[Outcome]
    """What has ended since the last state; failures that are tried again, too."""


@dataclass
class _Elsewhere:
    """An item of another driver."""

    held: Held
    since: float = field(default_factory=time.monotonic)


class Driver:
    """Runs a batch: iterate over `run`.

    Args:
        batch: What is to be done.
        start: Makes the engine; called if there is something to do.
    """

    def __init__(self, batch: Batch, start: Callable[[], Engine]) -> None:
        self._batch, self._start = batch, start
        self._items = {one.id: one for one in batch.items}
        self._waiting: deque[tuple[str, str | None]] = deque()
        self._running: dict[str, Mapping[str, Any]] = {}
        self._elsewhere: dict[str, _Elsewhere] = {}
        self._attempts: dict[str, int] = {}
        self._looked_at = time.monotonic()
        self.ended: dict[str, Outcome] = {}
        """How the items ended that did."""
        self._news: list[Outcome] = []
        self._failed = 0

    def run(self) -> Generator[State, None, None]:
        """Run all items that are left; results, failures and `batch.json` are written as it goes.

        Raises:
            ConfigError: The engine cannot be started.
            OutputError: Nothing can be written into the root.
        """
        record = BatchRecord(self._batch, self.ended)
        record.write("running")
        engine: Engine | None = None
        status = "interrupted"
        try:
            yield from self._check_all()
            if self._waiting:
                engine = self._start()
            while self._waiting or self._running or self._elsewhere:
                assert engine is not None
                self._step(engine)
                record.write_when_due()
                yield self._state()
            status = "failed" if self._failed else "complete"
        finally:
            if engine is not None:
                engine.close()
            record.write(status)

    def _check_all(self) -> Iterator[State]:
        """See which items are done or have failed already."""
        with ThreadPoolExecutor(_THREADS) as threads:
            found = threads.map(self._check, self._items.values())
            for name, known in zip(self._items, found, strict=True):
                if known is None:
                    self._waiting.append((name, None))
                else:
                    self._end(known)
                yield self._state()

    def _check(self, item: Item) -> Outcome | None:
        """How an item ended before; None if it is to be tried."""
        job = self._batch.job(item)
        try:
            # What was refused because of other results may now replace them.
            if self._batch.retry_failed or job.recipe.overwrite:
                forget_failure(job)
            if not is_known(job):  # which spares to read its source
                return None
            found = look_up(job)
        except Exception:  # noqa: BLE001 (each store has errors of its own; the worker will say so)
            return None
        return known_outcome(job, found)

    def _step(self, engine: Engine) -> None:
        while self._waiting and len(self._running) < engine.most:
            name, stale = self._waiting.popleft()
            self._running[name] = {}
            engine.submit(self._batch.job(self._items[name], stale))
        if self._running:
            for outcome in engine.wait(_TICK):
                self._take(outcome)
        else:
            time.sleep(min(_TICK, self._batch.means.beat))
        if time.monotonic() - self._looked_at > self._batch.means.beat:
            self._looked_at = time.monotonic()
            self._look_at_claims()

    def _take(self, outcome: Outcome) -> None:
        """Decide what becomes of an item whose job has ended."""
        name = outcome.id
        self._running.pop(name)
        if outcome.status == "claimed":
            self._elsewhere[name] = _Elsewhere(Held(""))
        elif outcome.status == "stopped":
            self._waiting.append((name, None))
        elif outcome.status == "done" or outcome.was_done:
            self._end(outcome)
        else:
            attempts = self._attempts[name] = self._attempts.get(name, 0) + 1
            outcome = outcome.model_copy(update={"attempts": attempts})
            if outcome.is_final or attempts > self._batch.retries:
                self._note_failure(outcome)
                self._end(outcome)
            else:
                self._news.append(outcome.model_copy(update={"is_retried": True}))
                self._waiting.append((name, None))

    def _note_failure(self, outcome: Outcome) -> None:
        """Remember a failure, unless that fails, too, as without the source; it is tried again."""
        job = self._batch.job(self._items[outcome.id])
        with suppress(Exception):
            note_failure(job, outcome, fingerprint(job))

    def _end(self, outcome: Outcome) -> None:
        self.ended[outcome.id] = outcome
        self._failed += outcome.status == "failed"
        self._news.append(outcome)

    def _look_at_claims(self) -> None:
        """See how far items are, and which of those of others are free or have been left."""
        names = [*islice(self._running, _LOOKED_AT), *islice(self._elsewhere, _LOOKED_AT)]
        with ThreadPoolExecutor(_THREADS) as threads:
            found = dict(zip(names, threads.map(self._claim_on, names), strict=True))
        for name in self._running.keys() & found.keys():
            held = found[name]
            self._running[name] = {} if held is None else held.facts
        for name in self._elsewhere.keys() & found.keys():
            held, known = found[name], self._elsewhere[name]
            if held is None:
                del self._elsewhere[name]
                self._waiting.appendleft((name, None))
            elif held != known.held:
                self._elsewhere[name] = _Elsewhere(held)
            elif time.monotonic() - known.since > MISSED * self._batch.means.beat:
                del self._elsewhere[name]
                self._waiting.appendleft((name, held.text))

    def _claim_on(self, name: str) -> Held | None:
        """The claim on an item; an empty one if it cannot be read now."""
        try:
            return who_has(self._batch.root, name)
        except Exception:  # noqa: BLE001 (each store has errors of its own; the next look may go well)
            return Held(f"unknown since {time.monotonic()}")

    def _state(self) -> State:
        news, self._news = self._news, []
        return State(
            total=len(self._items),
            done=len(self.ended) - self._failed,
            failed=self._failed,
            elsewhere=len(self._elsewhere),
            running={name: facts for name, facts in self._running.items() if facts},
            news=news,
        )
