"""One item, from its claim to its results: what a worker of any engine does."""

import platform
import time
from collections.abc import Callable
from typing import Any

import rotoline
from rotoline.batch.claims import Claim, Held, claim
from rotoline.batch.jobs import Job, Outcome, Status, failure
from rotoline.batch.ledger import (
    FIELD,
    RUN,
    Fingerprint,
    Found,
    known_outcome,
    look_up,
    read_json,
    refuse_other,
    summarise,
)
from rotoline.batch.scratch import Workplace, workplace
from rotoline.batch.storage import place_of
from rotoline.batch.worker import Answer, Check, Worker, limits_check
from rotoline.errors import ConfigError

SECONDS_BETWEEN_SIZES = 5.0


def run_job(job: Job, worker: Worker, is_stopped: Callable[[], bool] = lambda: False) -> Outcome:
    """Segment an item, unless it is done, has failed, or somebody else does.

    Args:
        job: The item.
        worker: The process that segments.
        is_stopped: Whether to stop; asked several times a second.

    Returns:
        How it ended; no error of an item is raised.
    """
    try:
        return _run(job, worker, is_stopped)
    except Exception as error:  # noqa: BLE001 (one item must not end the others)
        return _ended(job, "failed", **failure(error))


def _run(job: Job, worker: Worker, is_stopped: Callable[[], bool]) -> Outcome:
    if job.version != rotoline.__version__:
        raise ConfigError(
            f"{platform.node()} has rotoline {rotoline.__version__}, and the driver {job.version}; "
            "install the same on all machines"
        )
    known = known_outcome(job, look_up(job), host=platform.node())
    if known is not None:
        return known
    got = claim(job.root, job.item.id, job.means.beat, job.stale)
    if isinstance(got, Held):
        return _ended(job, "claimed")
    with got:
        found = look_up(job)  # somebody may just have finished it
        outcome = known_outcome(job, found, host=platform.node())
        outcome = outcome or _segment(job, found, got, worker, is_stopped)
        got.is_done = outcome.status == "done"
    return outcome


class _NotDoneError(Exception):
    """Leaves the workplace without clearing it up: the next attempt goes on from there."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.error)
        self.answer = answer


def _refuse_unfinished(answer: Answer) -> None:
    if answer.kind:
        raise _NotDoneError(answer)


def _segment(
    job: Job, found: Found, mine: Claim, worker: Worker, is_stopped: Callable[[], bool]
) -> Outcome:
    if not job.recipe.overwrite:
        refuse_other(job.item.output, found.record, found.fingerprint)
    means = job.means
    try:
        with workplace(job, found.fingerprint) as place:
            more = _check(place, mine, is_stopped)
            check = limits_check(worker, means.time_limit, means.memory_limit, more)
            answer = worker.ask(request_of(job, found.fingerprint, place), check, mine.note)
            _refuse_unfinished(answer)
            record = read_json(place_of(str(place.output / RUN))) or {}
            place.finish()
    except _NotDoneError as error:
        if mine.is_lost:
            return _ended(job, "claimed")
        if is_stopped():
            return _ended(job, "stopped")
        return _ended(job, "failed", **error.answer._asdict())
    return _ended(job, "done", summary=summarise(record))


def _check(place: Workplace, mine: Claim, is_stopped: Callable[[], bool]) -> Check:
    """A check that the item is still this worker's, and of the bound of its copies."""
    sized_at = time.monotonic()

    def check() -> str:
        nonlocal sized_at
        if mine.is_lost:
            return "another driver has taken it over"
        if is_stopped():
            return "the driver was stopped"
        if time.monotonic() - sized_at < SECONDS_BETWEEN_SIZES:
            return ""
        sized_at = time.monotonic()
        return place.check()

    return check


def request_of(job: Job, wanted: Fingerprint, place: Workplace) -> dict[str, Any]:
    """What the process that segments is asked."""
    item, recipe = job.item, job.recipe
    given = {"video": item.video, "masks": list(item.masks)}
    return {
        "video": str(place.video),
        "masks": str(place.masks),
        "output": str(place.output),
        "preset": recipe.preset,
        "weights": None if recipe.weights is None else str(recipe.weights),
        "config": dict(job.config),
        "command": list(job.command),
        "formats": list(recipe.formats),
        "strict": recipe.strict,
        "colours": recipe.colours,
        "sandbox": recipe.sandbox,
        "reports": recipe.reports,
        "overwrite": recipe.overwrite,
        "threads": job.means.threads,
        "record": {FIELD: dict(wanted), "source": given},
    }


def _ended(job: Job, status: Status, **facts: Any) -> Outcome:
    return Outcome(id=job.item.id, status=status, host=platform.node(), **facts)
