"""`rotoline report`."""

import typer

from rotoline.cli.export import Output, Run, Video
from rotoline.wording import counted


def report(run: Run, output: Output = None, video: Video = None) -> None:
    """Show which frames of finished results are worth correcting first.

    Writes report.html, a page with pictures, the reasons, every object over time and the commands
    to go on, and report.csv with the same frames and reasons. Nothing is written over other files.
    """
    from rotoline.cli.terminal import console, print_warning, show_progress
    from rotoline.review.report import PAGE, TABLE, report_run

    progress = report_run(run, output=output, video=video)
    try:
        last = show_progress(progress)
    except KeyboardInterrupt:
        progress.close()
        print_warning("stopped; nothing was written")
        raise typer.Exit(130) from None
    folder = run if output is None else output
    console().print(
        f"{counted(last.done, 'frame')} to look at; {folder} holds {PAGE} and {TABLE}",
        soft_wrap=True,
    )
