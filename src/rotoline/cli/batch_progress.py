"""How a batch stands: one bar over all clips with those that are running, or plain lines."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from rotoline.batch.driver import State
from rotoline.batch.jobs import Outcome
from rotoline.cli.terminal import console

SECONDS_BETWEEN_LINES = 30.0
_SHOWN = 12
"""Number of running clips that are shown."""

NONE = State(0, 0, 0, 0, {}, ())


def show_states(states: Iterable[State]) -> State:
    """Run a batch to its end and show how it stands.

    Returns:
        The last state.
    """
    out = console(stderr=True)
    return _show_bar(out, states) if out.is_terminal else _show_lines(out, states)


def _show_bar(out: Console, states: Iterable[State]) -> State:
    columns = (
        TextColumn("clips"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[more]}", markup=False),
        TimeRemainingColumn(),
    )
    bar, last = Bar(*columns, console=out), NONE
    task = bar.add_task("clips", total=None, more="")
    with Live(bar, console=out, refresh_per_second=4) as live:
        for last in states:
            for one in last.news:
                if line := describe(one):
                    live.console.print(line, soft_wrap=True)
            ended = last.done + last.failed
            bar.update(task, completed=ended, total=last.total, more=_counts(last))
            live.update(Group(bar, *map(Text, _running(last.running))))
        live.update(bar)
    return last


def _show_lines(out: Console, states: Iterable[State]) -> State:
    last, shown_at = NONE, time.perf_counter()
    for last in states:
        for one in last.news:
            if line := describe(one):
                out.print(f"{last.done + last.failed}/{last.total} {line}", soft_wrap=True)
        if time.perf_counter() - shown_at > SECONDS_BETWEEN_LINES:
            shown_at = time.perf_counter()
            running = ", ".join(_running(last.running))
            out.print(
                f"{last.done + last.failed}/{last.total} clips {_counts(last)}: {running}",
                soft_wrap=True,
            )
    return last


def describe(outcome: Outcome) -> str:
    """An outcome in a line; empty for what was done before."""
    if outcome.status == "done":
        if outcome.was_done:
            return ""
        found = outcome.summary
        return f"{outcome.id}: {found.frames} frames, {found.seconds:.1f} s" if found else ""
    what = "failed before" if outcome.was_done else "failed"
    if outcome.is_retried:
        what = "will be tried again, as it failed"
    return f"{outcome.id}: {what}: {outcome.error}"


def _counts(state: State) -> str:
    parts = [
        f"{count} {word}"
        for count, word in (
            (len(state.running), "running"),
            (state.failed, "failed"),
            (state.elsewhere, "with other drivers"),
        )
        if count
    ]
    return ", ".join(parts)


def _running(running: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = []
    for name, facts in list(running.items())[:_SHOWN]:
        total = facts.get("total")
        amount = f" {facts['done']}/{total}" if total else ""
        lines.append(f"{name} {facts['stage']}{amount}" if "stage" in facts else name)
    if len(running) > _SHOWN:
        lines.append(f"and {len(running) - _SHOWN} more")
    return lines
