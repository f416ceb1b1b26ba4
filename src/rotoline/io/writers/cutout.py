"""The formats `cutout` and `cutout-video`: the objects in front of something else."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from rotoline.errors import ConfigError
from rotoline.io.atomic import make_folder, replacing
from rotoline.io.frames import FrameSource
from rotoline.io.movie import Movie, check_size, h264
from rotoline.io.writers.alpha import alpha_of_all, to_bytes
from rotoline.io.writers.in_order import OrderedWriter
from rotoline.types import Frame, FrameResult

_BLUR = 1 / 40
"""Standard deviation of the blur, as a part of the longer side of the frame."""


def cut_out(frame: Frame, alpha: NDArray[np.uint8]) -> Image.Image:
    """A frame, uint8 RGB `(H, W, 3)`, with an alpha `(H, W)`; black where that is 0."""
    return Image.fromarray(np.dstack([np.where(alpha[..., None] > 0, frame, 0), alpha]))


def blurred(frame: Image.Image) -> Image.Image:
    """The frame that stands behind the objects."""
    return frame.filter(ImageFilter.GaussianBlur(_BLUR * max(frame.size)))


class CutoutWriter(OrderedWriter):
    """Writes `OUTPUT/cutout/<frame>.png`: all objects, on nothing.

    RGB with straight alpha. Pixels outside all objects are black and transparent, so that the
    files hold nothing of the background.
    """

    target = "cutout"
    options = ("soft",)

    def __init__(self, output: Path, frames: FrameSource, *, soft: bool = False) -> None:
        super().__init__(output, frames)
        self._soft = soft

    def write_next(self, result: FrameResult, picture: Frame) -> None:
        """Write one picture, complete or not at all."""
        alpha = to_bytes(alpha_of_all(result, soft=self._soft))
        folder = self._output / self.target
        make_folder(folder)
        with replacing(folder / f"{self._frames.name(result.index)}.png") as temporary:
            cut_out(picture, alpha).save(temporary, format="PNG", compress_level=1)

    def close(self) -> None:
        """Do nothing: no file is open."""


class CutoutVideoWriter(OrderedWriter):
    """Writes `OUTPUT/cutout.mp4`: all objects, on a colour or on the blurred frame.

    Args:
        output: The folder to write into.
        frames: The frames of the results.
        soft: Whether the edges of objects are as soft as their scores.
        background: `blur`, or a colour such as `#00ff00`.

    Raises:
        ConfigError: The background is neither.
    """

    target = "cutout.mp4"
    options = ("soft", "background")

    @classmethod
    def check(cls, frames: FrameSource) -> None:
        """Refuse frames that are too long for the encoder."""
        check_size(frames.size, h264(), cls.target)

    def __init__(
        self, output: Path, frames: FrameSource, *, soft: bool = False, background: str = "blur"
    ) -> None:
        super().__init__(output, frames)
        self._soft = soft
        self._movie: Movie | None = None
        self._colour: str | None = None if background == "blur" else background
        if self._colour is not None and not re.fullmatch("#[0-9a-fA-F]{6}", self._colour):
            raise ConfigError(
                f"there is no background {background!r}; give blur, or a colour such as "
                "'#00ff00', which is green"
            )

    def write_next(self, result: FrameResult, picture: Frame) -> None:
        """Add one picture."""
        if self._movie is None:
            path = self._output / self.target
            self._movie = Movie(path, h264(), self._frames, with_sound=True)
        frame = Image.fromarray(picture)
        if self._colour is None:
            behind = blurred(frame)
        else:
            behind = Image.new("RGB", frame.size, self._colour)
        alpha = Image.fromarray(to_bytes(alpha_of_all(result, soft=self._soft)))
        self._movie.write_picture(result.index, np.array(Image.composite(frame, behind, alpha)))

    def finish(self) -> Iterator[int]:
        """Write the end of the video."""
        if self._movie is not None:
            self._movie.finish()
            self.problem = self._movie.problem
        return iter(())

    def close(self) -> None:
        """Close the video; one that is not finished is removed."""
        if self._movie is not None:
            self._movie.close()
