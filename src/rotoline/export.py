"""Export the results of a run to other programs: `rotoline export` without its terminal output.

One pass over the frames feeds all formats, in constant memory. What is exported appears when all
of it is complete.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path

from rotoline.errors import InputError
from rotoline.io.frames import FrameSource, open_frames, recorded_reading
from rotoline.io.output_folder import added_to
from rotoline.io.pictures import shorten
from rotoline.io.run_results import RunResults
from rotoline.io.writers import find_writer
from rotoline.io.writers.together import Writers, check_formats, known_formats
from rotoline.runtime.prefetch import prefetch
from rotoline.runtime.progress import Progress
from rotoline.types import Frame, FrameResult


def export_run(
    run: Path,
    formats: Sequence[str],
    *,
    output: Path | None = None,
    video: Path | None = None,
    options: Mapping[str, object] | None = None,
) -> Generator[Progress, None, None]:
    """Write the results in the folder `run` in further formats.

    Args:
        run: The output folder of `rotoline segment`.
        formats: Names of formats, from `rotoline.io.writers.WRITERS`.
        output: The folder for the files, or None for `run` itself.
        video: Where the frames are now, if they moved since.
        options: Values for the options of formats; see `MaskWriter`.

    Yields:
        Progress, at least once a frame.

    Raises:
        RotolineError: Something is wrong with the results, the video, or the output.
    """
    yield Progress("reading")
    formats = known_formats(formats)
    targets = [find_writer(name).target for name in formats]
    results = RunResults(run)
    source = reopen(results, video)
    check_formats(formats, source, options)
    if (options or {}).get("soft") and not results.has_scores:
        raise InputError(
            f"{run} holds no scores, which soft edges are made of; segment the clip with "
            "--format png --format scores, or leave --soft out"
        )
    for warning in results.warnings:
        yield Progress("reading", warning=warning)
    count = len(results.names)
    with added_to(run if output is None else output, targets) as folder:
        writers = Writers(formats, folder, source, options)
        try:
            pairs = prefetch(with_pictures(results, source))
            for done, (result, picture) in enumerate(pairs, start=1):
                writers.write_next(result, picture)
                yield Progress("exporting", done, count)
            for done in writers.finish():
                yield Progress("finishing", done, count)
        finally:
            writers.close()
    for problem in (source.problem, *writers.problems):
        if problem:
            yield Progress("finishing", count, count, warning=problem)
    yield Progress("done", count, count)


def reopen(results: RunResults, video: Path | None) -> FrameSource:
    """Open the frames that the results belong to.

    Args:
        results: The results of a run.
        video: Where the frames are now, if they moved since.

    Raises:
        InputError: They are not there, or are other frames.
    """
    recorded = results.record["input"]
    path = Path(recorded["video"]) if video is None else video
    if not path.exists():
        where = f" (in {Path.cwd()})" if video is None and not path.is_absolute() else ""
        raise InputError(
            f"there is no {path}{where}, of which {results.folder} holds the masks; if it was "
            "moved, say where it is now, with --video"
        )
    source = open_frames(path, **recorded_reading(recorded))
    if source.size != results.size:
        raise InputError(
            f"{path} is {source.size[0]} x {source.size[1]} and {results.folder} was made of "
            f"frames of {results.size[0]} x {results.size[1]} (height x width), so it is another "
            "video; give the one that was segmented, with --video"
        )
    return source


def with_pictures(results: RunResults, source: FrameSource) -> Iterator[tuple[FrameResult, Frame]]:
    """Yield every result with its picture, uint8 RGB `(H, W, 3)`, in the order of the frames.

    Raises:
        InputError: The frames are not those of the results, or a file is damaged.
    """
    left, extra = set(results.names), []
    for index, picture in enumerate(source):
        name = source.name(index)
        if name in left:
            left.remove(name)
            yield results.read(name, index), picture
        elif name not in results.record["confidence"]:
            extra.append(name)
    advice = "so it is another video, or was cut; give the one that was segmented, with --video"
    if left:
        names = [name for name in results.names if name in left]
        raise InputError(
            f"{source.path} has no frames {shorten(names)}, of which {results.folder} holds masks, "
            f"{advice}"
        )
    if extra and results.record["status"] == "complete":
        raise InputError(
            f"{source.path} has the frames {shorten(extra)}, which the complete run in "
            f"{results.folder} does not know, {advice}"
        )
