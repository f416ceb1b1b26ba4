"""The format `overlay`: one video of the frames with their objects drawn in."""

from collections.abc import Iterator
from pathlib import Path

from rotoline.io.frames import FrameSource
from rotoline.io.movie import Movie, check_size, h264
from rotoline.io.overlay import draw_overlay
from rotoline.io.writers.in_order import OrderedWriter
from rotoline.types import Frame, FrameResult


class OverlayWriter(OrderedWriter):
    """Writes `OUTPUT/overlay.mp4`; see `OrderedWriter`."""

    target = "overlay.mp4"

    @classmethod
    def check(cls, frames: FrameSource) -> None:
        """Refuse frames that are too long for the encoder."""
        check_size(frames.size, h264(), cls.target)

    def __init__(self, output: Path, frames: FrameSource) -> None:
        super().__init__(output, frames)
        self._movie: Movie | None = None

    def write_next(self, result: FrameResult, picture: Frame) -> None:
        """Draw the objects into the picture."""
        if self._movie is None:
            self._movie = Movie(self._output / self.target, h264(), self._frames)
        self._movie.write_picture(result.index, draw_overlay(picture, result.labels))

    def finish(self) -> Iterator[int]:
        """Write the end of the video."""
        if self._movie is not None:
            self._movie.finish()
        return iter(())

    def close(self) -> None:
        """Close the video; one that is not finished is removed."""
        if self._movie is not None:
            self._movie.close()
