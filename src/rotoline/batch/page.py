"""The page of a batch: what failed, the worst confidences over all clips, and every clip.

Each clip links to its own report. The page loads nothing and has no script.
"""

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rotoline.batch.ledger import REPORT
from rotoline.batch.storage import is_address
from rotoline.review.document import as_html, make_document

if TYPE_CHECKING:
    from rotoline.batch.driver import Batch

MOST = 1_000
"""Rows of a table; `batch.json` has all."""
_WORST = 100


def make_page(record: Mapping[str, Any], batch: "Batch") -> str:
    """The page as HTML.

    Args:
        record: The content of `batch.json`.
        batch: What was done.
    """
    items: Mapping[str, Mapping[str, Any]] = record["items"]
    done = {name: one["summary"] for name, one in items.items() if one.get("summary")}
    failed = {name: one for name, one in items.items() if one["status"] == "failed"}
    links = {one.id: _link(one.output, batch) for one in batch.items}
    template = Template(files("rotoline.batch").joinpath("page.html").read_text(encoding="utf-8"))
    main = template.substitute(
        failed=_failed(failed), worst=_worst(done, links), clips=_clips(done, links)
    )
    return make_document(f"Batch {batch.manifest.name}", _header(record, done), main)


def _header(
    record: Mapping[str, Any], done: Mapping[str, Mapping[str, Any]]
) -> Iterable[tuple[str, object]]:
    counts = record["counts"]
    frames = sum(one.get("frames", 0) for one in done.values())
    seconds = sum(one.get("seconds", 0.0) for one in done.values())
    yield "command", shlex.join(record["command"])
    yield "status", record["status"]
    if record["shard"]:
        yield "shard", "{} of {}".format(*record["shard"])
    yield (
        "clips",
        f"{counts['items']}: {counts['done']} done ({counts['done before']} before), "
        f"{counts['failed']} failed, "
        f"{counts['items'] - counts['done'] - counts['failed']} left",
    )
    yield "frames", f"{frames:,}, in {seconds:,.0f} seconds of all workers together"
    yield "time", f"{record['seconds']:,.0f} seconds, from {record['started']}"
    yield "version", f"rotoline {record['version']}"


def _failed(failed: Mapping[str, Mapping[str, Any]]) -> str:
    if not failed:
        return "<p>None.</p>"
    rows = []
    for name, one in list(failed.items())[:MOST]:
        log = "\n".join(one.get("log", ()))
        shown = f"<details><summary>log</summary><pre>{_text_lines(log)}</pre></details>"
        times = one.get("attempts", 1)
        rows.append(
            f'<tr><th scope="row">{as_html(name)}</th><td>{as_html(one.get("kind", ""))}</td>'
            f"<td>{times}</td><td>{as_html(one.get('error', ''))}{shown if log else ''}</td></tr>"
        )
    advice = (
        "<p>Correct the files, and run the command again; --retry-failed tries all of them.</p>"
    )
    return advice + _table(("clip", "kind", "attempts", "what happened"), rows, len(failed))


def _worst(done: Mapping[str, Mapping[str, Any]], links: Mapping[str, str]) -> str:
    found = [
        (float(value), name, str(frame), str(item))
        for name, one in done.items()
        for frame, item, value in one.get("worst", ())
    ]
    rows = [
        f'<tr><td>{value:.2f}</td><th scope="row">{_linked(name, links)}</th>'
        f"<td>{as_html(frame)}</td><td>{as_html(item)}</td></tr>"
        for value, name, frame, item in sorted(found)[:_WORST]
    ]
    words = (
        "<p>The lowest confidences of visible objects over all clips, at most three of a clip: the "
        "overlap with the truth that is to be expected, 1 for certain.</p>"
    )
    return words + _table(("confidence", "clip", "frame", "object"), rows, len(rows))


def _clips(done: Mapping[str, Mapping[str, Any]], links: Mapping[str, str]) -> str:
    def confidence(name: str) -> float:
        value = done[name].get("confidence")
        return 0.0 if value is None else float(value)

    rows = []
    for name in sorted(done, key=confidence)[:MOST]:
        one = done[name]
        notes = "<br>".join(as_html(warning) for warning in one.get("warnings", ()))
        rows.append(
            f'<tr><th scope="row">{_linked(name, links)}</th><td>{confidence(name):.2f}</td>'
            f"<td>{one.get('frames', 0)}</td><td>{one.get('objects', 0)}</td>"
            f"<td>{one.get('seconds', 0.0):.1f}</td><td>{notes}</td></tr>"
        )
    names = ("clip", "mean confidence", "frames", "objects", "seconds", "warnings")
    return _table(names, rows, len(done))


def _table(names: Sequence[str], rows: Sequence[str], count: int) -> str:
    if not rows:
        return "<p>None yet.</p>"
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    more = f"<p>{count - len(rows)} more are in batch.json.</p>" if count > len(rows) else ""
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>{more}"


def _link(output: str, batch: "Batch") -> str:
    """The address of a clip's report, seen from the page; empty if it has none."""
    if not batch.recipe.reports:
        return ""
    if output.startswith(f"{batch.root}/"):
        return quote(f"{output[len(batch.root) + 1 :]}/{REPORT}")
    if is_address(output):
        return f"{quote(output, safe=':/')}/{REPORT}"
    return f"file://{quote(os.path.abspath(output))}/{REPORT}"  # noqa: PTH100 (text, not a file)


def _linked(name: str, links: Mapping[str, str]) -> str:
    link = links.get(name)
    return f'<a href="{escape(link)}">{as_html(name)}</a>' if link else as_html(name)


def _text_lines(text: str) -> str:
    return "\n".join(as_html(line) for line in text.splitlines())
