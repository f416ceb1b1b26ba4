"""All formats of one run together: each result goes to every writer."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rotoline.errors import ConfigError
from rotoline.io.frames import FrameSource
from rotoline.io.writers import WRITERS, MaskWriter, find_writer
from rotoline.io.writers.in_order import OrderedWriter
from rotoline.io.writers.kept_results import KeptResults
from rotoline.io.writers.per_frame import FrameFileWriter
from rotoline.types import Frame, FrameResult


def known_formats(formats: Sequence[str]) -> list[str]:
    """The formats of these names, each once.

    Raises:
        ConfigError: There is no such format, or none is named.
    """
    for name in formats:
        find_writer(name)
    if not formats:
        raise ConfigError(f"no format is named; choose among {', '.join(WRITERS)}")
    return list(dict.fromkeys(formats))


def check_formats(
    formats: Sequence[str], frames: FrameSource, options: Mapping[str, object] | None = None
) -> None:
    """Refuse formats and options that cannot be written, before anything is computed.

    Args:
        formats: Names of formats.
        frames: The frames of the results.
        options: What the user chose, by the name of the option.

    Raises:
        ConfigError: There is no such format, a package is missing, or an option has no effect.
        InputError: A format cannot hold the frames.
    """
    for name in formats:
        check = getattr(find_writer(name), "check", None)
        if check is not None:
            check(frames)
    for option in options or {}:
        if not any(option in _options(find_writer(name)) for name in formats):
            raise ConfigError(
                f"--{option} has no effect on {', '.join(formats)}; leave it out, or choose a "
                "format that has it"
            )


class Writers:
    """The writers of some formats.

    Args:
        formats: Names of formats.
        output: The folder to write into.
        frames: The frames of the results.
        options: Values for the writers that have an option of that name.

    Raises:
        OutputError: Nothing can be written there.
    """

    def __init__(
        self,
        formats: Sequence[str],
        output: Path,
        frames: FrameSource,
        options: Mapping[str, object] | None = None,
    ) -> None:
        self._output, self._frames = output, frames
        self._plain: list[MaskWriter] = []
        self._ordered: list[OrderedWriter] = []
        self._kept: KeptResults | None = None
        try:
            for name in formats:
                cls: type[Any] = find_writer(name)
                chosen = {k: v for k, v in (options or {}).items() if k in _options(cls)}
                writer = cls(output, frames, **chosen)
                (self._ordered if issubclass(cls, OrderedWriter) else self._plain).append(writer)
        except BaseException:
            self.close()
            raise

    def write(self, result: FrameResult) -> None:
        """Write a frame, in the order in which they are segmented.

        What needs another order is written by `finish`.
        """
        for writer in self._plain:
            writer.write(result)
        self._keep(result)

    def write_again(self, result: FrameResult) -> None:
        """Write a frame of which the masks and scores were written before, but perhaps no more."""
        for writer in self._plain:
            if not isinstance(writer, FrameFileWriter):
                writer.write(result)
        self._keep(result)

    def _keep(self, result: FrameResult) -> None:
        if self._ordered:
            if self._kept is None:
                self._kept = KeptResults(self._output, self._frames.size)
            self._kept.keep(result)

    def write_next(self, result: FrameResult, picture: Frame) -> None:
        """Write a frame with its picture, uint8 RGB `(H, W, 3)`, in ascending order of frames."""
        for writer in self._plain:
            writer.write(result)
        for ordered in self._ordered:
            ordered.write_next(result, picture)

    def finish(self) -> Iterator[int]:
        """Write what needs all frames; yield the number of frames done."""
        # Those that need no pictures come first: an encoder that fails must not stop them.
        for writer in self._plain:
            yield from writer.finish()
        if self._kept is not None:
            for index, picture in enumerate(self._frames):
                result = self._kept.get(index)
                if result is not None:
                    for ordered in self._ordered:
                        ordered.write_next(result, picture)
                yield index + 1
        for ordered in self._ordered:
            yield from ordered.finish()

    @property
    def problems(self) -> list[str]:
        """What the user must know about the results, once they are finished."""
        return [writer.problem for writer in self._ordered if writer.problem is not None]

    def close(self) -> None:
        """Close all writers, whether they are finished or not."""
        for writer in self._plain:
            writer.close()
        for ordered in self._ordered:
            ordered.close()
        if self._kept is not None:
            self._kept.close()


def _options(writer: type[MaskWriter]) -> Sequence[str]:
    return getattr(writer, "options", ())
