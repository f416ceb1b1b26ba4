"""What the commands show: messages, and progress as a bar or as plain lines."""

import time
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bar,
)

from rotoline.runtime.progress import Progress, Report

SECONDS_BETWEEN_LINES = 5.0


def console() -> Console:
    """Where results go."""
    return Console(highlight=False)


def print_error(message: str) -> None:
    """One red message on standard error."""
    # soft_wrap: paths in messages must stay copyable.
    Console(stderr=True, highlight=False).print(
        f"[bold red]error:[/] {escape(message)}", soft_wrap=True
    )


def print_warning(message: str) -> None:
    """One yellow message on standard error."""
    Console(stderr=True, highlight=False).print(
        f"[bold yellow]warning:[/] {escape(message)}", soft_wrap=True
    )


def report_learning() -> Report:
    """A report of the steps of learning: a line every few seconds."""
    out, began = Console(stderr=True, highlight=False), time.perf_counter()
    last = began

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.perf_counter()
        if now - last > SECONDS_BETWEEN_LINES:
            last = now
            left = (now - began) * (total - done) / done
            out.print(f"learning: {done}/{total} steps, at most {left:.0f} s left")

    return report


def show_progress(steps: Iterable[Progress]) -> Iterator[Progress]:
    """Show steps as they come, and hand them on; a bar on a terminal, lines elsewhere."""
    out = Console(stderr=True, highlight=False)
    yield from _show_bar(out, steps) if out.is_terminal else _show_lines(out, steps)


def _show_bar(out: Console, steps: Iterable[Progress]) -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    rate = _Rate()
    with Bar(*columns, console=out) as bar:
        task = bar.add_task("reading", total=None, speed="")
        for step in steps:
            if step.warning:
                print_warning(step.warning)
            speed = rate.after(step)
            bar.update(
                task,
                description=step.stage,
                completed=step.done,
                total=step.total,
                speed=f"{speed:.1f} frames/s" if speed else "",
            )
            yield step


def _show_lines(out: Console, steps: Iterable[Progress]) -> Iterator[Progress]:
    rate, stage, last = _Rate(), "", 0.0
    for step in steps:
        if step.warning:
            print_warning(step.warning)
        speed = rate.after(step)
        now = time.perf_counter()
        if step.stage != stage or now - last > SECONDS_BETWEEN_LINES:
            stage, last = step.stage, now
            total = "?" if step.total is None else step.total
            line = f"{stage}: {step.done}/{total} frames" if step.done else stage
            if speed and step.total and step.total > step.done:
                line += f", {speed:.1f} frames/s, {(step.total - step.done) / speed:.0f} s left"
            out.print(line)
        yield step


class _Rate:
    """Frames per second since a stage began."""

    def __init__(self) -> None:
        self._stage = ""
        self._began = 0.0
        self._first = 0

    def after(self, step: Progress) -> float | None:
        now = time.perf_counter()
        if step.stage != self._stage:
            self._stage, self._began, self._first = step.stage, now, step.done
            return None
        passed = now - self._began
        return (step.done - self._first) / passed if passed > 0 and step.done else None
