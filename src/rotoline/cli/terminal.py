"""What the commands show: messages, and progress as a bar or as plain lines."""

import time
from collections.abc import Iterable
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from rotoline.runtime.progress import Listener, Progress

SECONDS_BETWEEN_LINES = 5.0


class Unit(NamedTuple):
    """The unit in which amounts of progress are shown."""

    name: str
    """Name of the unit, such as MB."""
    size: float
    """Number of counted items in one unit, such as 1,000,000 bytes in a megabyte."""
    decimals: int
    """Number of decimals that are shown."""

    def format(self, amount: float) -> str:
        """Return an amount in this unit as text, without the name of the unit."""
        return f"{amount / self.size:.{self.decimals}f}"


FRAMES = Unit("frames", 1, 0)
MEGABYTES = Unit("MB", 1e6, 1)


def console(*, stderr: bool = False) -> Console:
    """Return the console that results are printed to, or the one for messages.

    It prints text as it is: `[v2]` and `:bug:` in a path are no markup and no emoji.
    """
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def print_error(message: str) -> None:
    """Print an error message on standard error."""
    _print_message("error:", "bold red", message)


def print_warning(message: str) -> None:
    """Print a warning on standard error."""
    _print_message("warning:", "bold yellow", message)


def _print_message(kind: str, style: str, message: str) -> None:
    # soft_wrap: paths in messages must stay copyable.
    text = Text.assemble((kind, style), " ", message)
    console(stderr=True).print(text, soft_wrap=True)


def report_learning() -> Listener:
    """Return a listener that prints the progress of learning and tuning every few seconds."""
    out = console(stderr=True)
    stage, began, last = "", 0.0, 0.0

    def report(progress: Progress) -> None:
        nonlocal stage, began, last
        now, total = time.perf_counter(), progress.total or 0
        if progress.stage != stage:
            stage, began, last = progress.stage, now, now
        if now - last > SECONDS_BETWEEN_LINES:
            last = now
            left = (now - began) * (total - progress.done) / max(1, progress.done - 1)
            out.print(f"{stage}: {progress.done}/{total} steps, at most {left:.0f} s left")

    return report


def show_progress(steps: Iterable[Progress], unit: Unit = FRAMES) -> Progress:
    """Run a command to its end and show its progress: a bar on a terminal, lines in a file.

    Args:
        steps: The steps of the command; each is shown as it comes, and its warning as a message.
        unit: Unit of the amounts in the steps.

    Returns:
        The last step.
    """
    out = console(stderr=True)
    return _show_bar(out, steps, unit) if out.is_terminal else _show_lines(out, steps, unit)


def _show_bar(out: Console, steps: Iterable[Progress], unit: Unit) -> Progress:
    columns = (
        TextColumn("{task.description:<18}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[amount]}", markup=False),
        TimeRemainingColumn(),
    )
    rate, last = _Rate(), Progress("reading")
    with Bar(*columns, console=out) as bar:
        task = bar.add_task(last.stage, total=None, amount="")
        for last in steps:
            if last.warning:
                print_warning(last.warning)
            amount = _describe(last, unit, rate.after(last))
            bar.update(
                task,
                description=last.stage,
                completed=last.done,
                total=last.total,
                amount=amount,
            )
    return last


def _show_lines(out: Console, steps: Iterable[Progress], unit: Unit) -> Progress:
    rate, stage, shown_at, last = _Rate(), "", 0.0, Progress("reading")
    for last in steps:
        if last.warning:
            print_warning(last.warning)
        speed, now = rate.after(last), time.perf_counter()
        if last.stage != stage or now - shown_at > SECONDS_BETWEEN_LINES:
            stage, shown_at = last.stage, now
            amount = _describe(last, unit, speed)
            line = f"{stage}: {amount}" if amount else stage
            if speed and last.total and last.total > last.done:
                line += f", {(last.total - last.done) / speed:.0f} s left"
            out.print(line)
    return last


def _describe(step: Progress, unit: Unit, speed: float | None) -> str:
    """How much is done and how fast, such as `12/132 frames, 9.8 frames/s`; empty if unknown."""
    if not step.done and step.total is None:
        return ""
    total = "?" if step.total is None else unit.format(step.total)
    text = f"{unit.format(step.done)}/{total} {unit.name}"
    return text + (f", {speed / unit.size:.1f} {unit.name}/s" if speed else "")


class _Rate:
    """Items per second since a stage began."""

    def __init__(self) -> None:
        self._stage = ""
        self._began = 0.0
        self._first = 0

    def after(self, step: Progress) -> float | None:
        """The rate up to a step; None if it is the first of its stage or nothing is done."""
        now = time.perf_counter()
        if step.stage != self._stage:
            self._stage, self._began, self._first = step.stage, now, step.done
            return None
        passed = now - self._began
        return (step.done - self._first) / passed if passed > 0 and step.done else None
