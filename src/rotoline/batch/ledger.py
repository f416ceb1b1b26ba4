"""Whether an item is done: its results are the ledger, and nothing else is.

An item is done when its `run.json` says `complete`, and its field `batch` holds the fingerprint of
the source, the masks, the settings and the weights that the item has now.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from rotoline.batch.jobs import HOME, Job, Outcome, Summary, config_hash
from rotoline.batch.storage import Place, marks_hash, place_of, video_hash
from rotoline.errors import ConfigError, InputError

RUN, REPORT = "run.json", "report.html"
FIELD = "batch"
"""The field of `run.json` with the fingerprint."""
WORST = 3
"""Number of frames of a clip that a batch remembers."""

Fingerprint = Mapping[str, str]


class Found(NamedTuple):
    """What is in the output of an item."""

    fingerprint: Fingerprint
    """What its results are to be made of."""
    record: Mapping[str, Any] | None
    """Its `run.json`; None if there is none."""
    is_done: bool
    """Whether these are its results, complete."""


def fingerprint(job: Job) -> Fingerprint:
    """What the results of an item depend on.

    Raises:
        InputError: The video or a mask is not there.
    """
    recipe = job.recipe
    return {
        "video": video_hash(job.item.video),
        "masks": marks_hash(job.item.masks),
        "settings": config_hash(job.config),
        "weights": recipe.weights_sha256,
        "formats": "+".join(recipe.formats),
        "colours": str(recipe.colours),
    }


def look_up(job: Job) -> Found:
    """Whether an item is done, and what there is.

    Raises:
        InputError: A source is not there, or its `run.json` is damaged.
    """
    wanted, output = fingerprint(job), place_of(job.item.output)
    record = read_json(output / RUN)
    is_done = (
        record is not None
        and record.get("status") == "complete"
        and record.get(FIELD) == wanted
        and (not job.recipe.reports or not output.is_local or (output / REPORT).exists())
    )
    return Found(wanted, record, is_done)


def is_known(job: Job) -> bool:
    """Whether an item has a `run.json`, or has failed: otherwise there is nothing to look up."""
    return (place_of(job.item.output) / RUN).exists() or _failure(job.root, job.item.id).exists()


def refuse_other(output: object, record: Mapping[str, Any] | None, wanted: Fingerprint) -> None:
    """Refuse results that were made of something else, and say of what.

    Args:
        output: Where they are, for the message.
        record: Their `run.json`, or what a run has kept of it; None if there are none.
        wanted: What they are to be made of.

    Raises:
        ConfigError: There are some.
    """
    if record is None or record.get(FIELD) == wanted:
        return
    old = record.get(FIELD)
    found = "the results of a single run, not of a batch"
    if isinstance(old, dict):
        names = [name for name in wanted if old.get(name) != wanted[name]]
        found = f"results that were not made of the same {' and '.join(names)}"
    raise ConfigError(f"{output} holds {found}; --overwrite replaces them, or give another output")


def read_json(place: Place) -> dict[str, Any] | None:
    """The content of a file of JSON; None if there is none.

    Raises:
        InputError: It is damaged.
    """
    data = place.read()
    if data is None:
        return None
    try:
        record = json.loads(data)
    except ValueError as error:
        raise InputError(
            f"{place} cannot be read ({error}); remove it to make the results anew"
        ) from error
    return record if isinstance(record, dict) else {}


def summarise(record: Mapping[str, Any]) -> Summary:
    """What a `run.json` says about the results, in short."""
    confidences = record.get("confidence", {})
    # An object that is not visible has the confidence 0.
    seen = [
        (frame, name, float(value))
        for frame, values in confidences.items()
        for name, value in values.items()
        if value > 0
    ]
    marked = set(record.get("annotated_frames", ()))
    guessed = [one for one in seen if one[0] not in marked]
    return Summary(
        frames=record.get("frames", 0),
        objects=len({name for values in confidences.values() for name in values}),
        seconds=record.get("seconds", 0.0),
        confidence=round(sum(one[2] for one in seen) / len(seen), 4) if seen else None,
        worst=tuple(sorted(guessed, key=lambda one: one[2])[:WORST]),
        warnings=tuple(record.get("warnings", ())),
    )


def _failure(root: str, item: str) -> Place:
    return place_of(root) / HOME / "failed" / f"{item}.json"


def note_failure(job: Job, outcome: Outcome, wanted: Fingerprint) -> None:
    """Remember that an item has failed for good, so that it is not tried again unasked."""
    text = json.dumps({"outcome": outcome.model_dump(), FIELD: wanted}, indent=2)
    _failure(job.root, job.item.id).write(text.encode())


def known_outcome(job: Job, found: Found, *, host: str = "") -> Outcome | None:
    """How an item ended before; None if it is still to be done.

    Args:
        job: The item.
        found: What is in its output.
        host: The machine that found it done.
    """
    if found.is_done and found.record is not None:
        summary = summarise(found.record)
        return Outcome(id=job.item.id, status="done", was_done=True, host=host, summary=summary)
    return _known_failure(job, found.fingerprint)


def _known_failure(job: Job, wanted: Fingerprint) -> Outcome | None:
    """How an item failed before; None if it did not, or its inputs are others now."""
    found = read_json(_failure(job.root, job.item.id))
    if found is None or found.get(FIELD) != wanted:
        return None
    return Outcome.model_validate(found["outcome"]).model_copy(update={"was_done": True})


def forget_failure(job: Job) -> None:
    """Let an item that has failed be tried again."""
    _failure(job.root, job.item.id).remove()
