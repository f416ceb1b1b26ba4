"""Report on the results of a run: `rotoline report` without its output on the terminal."""

from collections.abc import Generator, Sequence
from pathlib import Path

from rotoline.errors import InputError
from rotoline.export import reopen, with_pictures
from rotoline.io.atomic import write_text
from rotoline.io.frames import FrameSource
from rotoline.io.output_folder import added_to
from rotoline.io.run_results import RunResults
from rotoline.review.findings import find_all
from rotoline.review.measures import Measures, Measuring
from rotoline.review.page import Review, make_page, make_thumbnail
from rotoline.review.ranking import ListedFrame, rank_frames
from rotoline.review.table import as_csv
from rotoline.runtime.prefetch import prefetch
from rotoline.runtime.progress import Progress

PAGE, TABLE = "report.html", "report.csv"
"""Names of the files that are written."""


def report_run(
    run: Path, *, output: Path | None = None, video: Path | None = None
) -> Generator[Progress, None, None]:
    """Write a page and a table with the frames of a run that are worth correcting first.

    The frames are read twice, first to measure all of them, then for the pictures of those that
    are listed.

    Args:
        run: The output folder of `rotoline segment`.
        output: The folder for the two files, or None for `run` itself.
        video: Where the frames are now, if they moved since.

    Yields:
        Progress, at least once a frame; in the last step, `done` is the number of listed frames.

    Raises:
        RotolineError: Something is wrong with the results, the video, or the output.
    """
    yield Progress("reading")
    results = RunResults(run)
    source = reopen(results, video)
    warnings = list(results.warnings)
    count = len(results.names)
    with added_to(run if output is None else output, [PAGE, TABLE]) as folder:
        marked = results.record.get("annotated_frames")
        names = [str(name) for name in marked] if isinstance(marked, list) else []
        measuring = Measuring(results.object_ids, results.size, names)
        for done, (result, picture) in enumerate(prefetch(with_pictures(results, source)), start=1):
            name = source.name(result.index)
            measuring.add(name, result.index, result.labels, result.confidence, picture)
            yield Progress("measuring", done, count)
        if source.problem:
            warnings.append(source.problem)
        for warning in warnings:
            yield Progress("measuring", count, count, warning=warning)
        measures = measuring.finish()
        findings = find_all(measures)
        listed = rank_frames(findings, count)
        thumbnails: dict[int, bytes] = {}
        for position, thumbnail in _make_thumbnails(results, source, measures, listed):
            thumbnails[position] = thumbnail
            yield Progress("drawing", len(thumbnails), 3 * len(listed))
        review = Review(
            run=run,
            video=source.path,
            record=results.record,
            warnings=warnings,
            measures=measures,
            findings=findings,
            listed=listed,
            thumbnails=thumbnails,
            object_names=results.object_names,
            mask_files=[results.mask_file(measures.names[one.frame]) for one in listed],
        )
        write_text(folder / PAGE, make_page(review))
        write_text(folder / TABLE, as_csv(measures, listed))
    yield Progress("done", len(listed), len(listed))


def _make_thumbnails(
    results: RunResults, source: FrameSource, measures: Measures, listed: Sequence[ListedFrame]
) -> Generator[tuple[int, bytes], None, None]:
    """Yield position and JPEG file of the listed frames and of their neighbours."""
    last = len(measures.names) - 1
    positions = {min(max(one.frame + by, 0), last) for one in listed for by in (-1, 0, 1)}
    wanted = {int(measures.indices[position]): position for position in positions}
    # One pass, in which each frame is reduced at once: to read all of them needs much memory.
    for index, picture in enumerate(source):
        if not wanted:
            return
        position = wanted.pop(index, None)
        if position is not None:
            labels = results.read(measures.names[position], index).labels
            yield position, make_thumbnail(picture, labels)
    if wanted:
        raise InputError(
            f"{source.path} has lost frames since it was read; check the disk, and run it again"
        )
