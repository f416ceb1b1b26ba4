"""How a batch stands: `batch.json` for programs, and `batch.html` for people."""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import rotoline
from rotoline.batch.jobs import Outcome
from rotoline.batch.page import make_page
from rotoline.batch.storage import place_of
from rotoline.io.run_record import now

if TYPE_CHECKING:
    from rotoline.batch.driver import Batch

SECONDS_BETWEEN = 5.0
SHARE = 50
"""The files are written again after so many times the seconds that it took: 2 % of the time."""


class BatchRecord:
    """Writes the two files.

    Args:
        batch: The batch.
        ended: How its items ended; grows as it goes.
    """

    def __init__(self, batch: "Batch", ended: Mapping[str, Outcome]) -> None:
        self._batch, self._ended = batch, ended
        self._began, self._started = time.perf_counter(), now()
        self._written_at = self._cost = 0.0
        part = "" if batch.shard is None else "-{}-of-{}".format(*batch.shard)
        root = place_of(batch.root)
        self._record, self._page = root / f"batch{part}.json", root / f"batch{part}.html"

    def write_when_due(self) -> None:
        """Write the files if it was not done just now; if that fails, the next time may go well."""
        passed = time.perf_counter() - self._written_at
        if passed > max(SECONDS_BETWEEN, SHARE * self._cost):
            self._written_at = time.perf_counter()
            with suppress(Exception):
                self.write("running")

    def write(self, status: str) -> None:
        """Write the files.

        Raises:
            OutputError: They cannot be written.
        """
        before = time.perf_counter()
        record = self._content(status)
        self._record.write(json.dumps(record, indent=1).encode())
        self._page.write(make_page(record, self._batch).encode())
        self._written_at = time.perf_counter()
        self._cost = self._written_at - before

    def _content(self, status: str) -> dict[str, Any]:
        batch, ended = self._batch, list(self._ended.values())
        counts = {
            "items": len(batch.items),
            "done": sum(one.status == "done" for one in ended),
            "done before": sum(one.status == "done" and one.was_done for one in ended),
            "failed": sum(one.status == "failed" for one in ended),
        }
        return {
            "status": status,
            "command": list(batch.command),
            "manifest": str(batch.manifest),
            "shard": None if batch.shard is None else list(batch.shard),
            "version": rotoline.__version__,
            "started": self._started,
            "updated": now(),
            "seconds": round(time.perf_counter() - self._began, 1),
            "counts": counts,
            "items": {one.id: _shown(one) for one in ended},
        }


def _shown(outcome: Outcome) -> dict[str, Any]:
    return outcome.model_dump(exclude={"id"}, exclude_defaults=True, mode="json") | {
        "status": outcome.status
    }
