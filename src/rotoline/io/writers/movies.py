"""Formats with one video per object, for editors and compositing: ProRes and FFV1.

The times of the frames and the sound are those of the source. `prores` and `ffv1` show the picture
of the source, and the object is in their alpha channel, straight (not premultiplied). The formats
that end in `-luma` show the object in white on black, for programs that read no alpha.
"""

import os
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
from av.video.reformatter import (
    ColorPrimaries,
    ColorRange,
    Colorspace,
    ColorTrc,
)
from numpy.typing import NDArray

from rotoline.io.atomic import make_folder
from rotoline.io.frames import FrameSource
from rotoline.io.movie import Encoding, Movie, check_size
from rotoline.io.writers.alpha import alpha_of, to_bits, to_bytes
from rotoline.io.writers.in_order import OrderedWriter
from rotoline.types import Frame, FrameResult, ObjectId

_BLACK, _WHITE, _NO_COLOUR = 64, 940, 512  # of 10 bits in the range of video


class ObjectMovies(OrderedWriter):
    """Writes `OUTPUT/<target>/<object id><suffix>`, one video per object."""

    options = ("soft",)
    suffix: ClassVar[str]
    """Suffix of the file names, with the dot."""

    @classmethod
    @abstractmethod
    def encoding(cls, *, soft: bool) -> Encoding:
        """How the videos are coded."""

    @classmethod
    def check(cls, frames: FrameSource) -> None:
        """Refuse frames that are too long for the encoder."""
        check_size(frames.size, cls.encoding(soft=False), cls.target)

    def __init__(self, output: Path, frames: FrameSource, *, soft: bool = False) -> None:
        super().__init__(output, frames)
        self._soft = soft
        self._movies: dict[ObjectId, Movie] = {}

    def write_next(self, result: FrameResult, picture: Frame) -> None:
        """Add the frame to the video of every object."""
        if not self._movies:
            self._begin(result.object_ids)
        fill = self.convert(picture)
        for object_id, movie in self._movies.items():
            alpha = alpha_of(result, object_id, soft=self._soft)
            movie.write(result.index, self.draw(fill, alpha))

    def convert(self, picture: Frame) -> Any:
        """Convert the picture for `draw`, once for all objects."""
        return picture

    @abstractmethod
    def draw(self, fill: Any, alpha: NDArray[np.uint16]) -> av.VideoFrame:
        """The frame of one object.

        Args:
            fill: What `convert` returned.
            alpha: Of the object, uint16 `(H, W)` from 0 to 65535.
        """

    def finish(self) -> Iterator[int]:
        """Write the ends of the videos."""
        for movie in self._movies.values():
            movie.finish()
        self.problem = next((movie.problem for movie in self._movies.values()), None)
        return iter(())

    def close(self) -> None:
        """Close the videos; those that are not finished are removed."""
        for movie in self._movies.values():
            movie.close()

    def _begin(self, object_ids: list[ObjectId]) -> None:
        folder = self._output / self.target
        make_folder(folder)
        threads = max(1, (os.cpu_count() or 1) // len(object_ids))
        for object_id in object_ids:
            self._movies[object_id] = Movie(
                folder / f"{object_id}{self.suffix}",
                self.encoding(soft=self._soft),
                self._frames,
                with_sound=True,
                threads=threads,
            )


class ProresWriter(ObjectMovies):
    """Writes `OUTPUT/prores/<object id>.mov`: ProRes 4444, with an alpha channel of 10 bits.

    Alpha is exact; the picture is compressed, without visible loss.
    """

    target, suffix = "prores", ".mov"

    @classmethod
    def encoding(cls, *, soft: bool) -> Encoding:
        """ProRes 4444 in QuickTime."""
        del soft
        return _prores("4444", "yuva444p10le")

    def convert(self, picture: Frame) -> av.VideoFrame:
        """The picture in the colours of high definition."""
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        return frame.reformat(
            format="yuv444p10le",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )

    def draw(self, fill: av.VideoFrame, alpha: NDArray[np.uint16]) -> av.VideoFrame:
        """The picture with the alpha of an object."""
        frame = _named_colours(av.VideoFrame(fill.width, fill.height, "yuva444p10le"))
        for source, target in zip(fill.planes, frame.planes, strict=False):
            values = np.frombuffer(memoryview(source), "<u2").reshape(source.height, -1)
            _fill_plane(target, values[:, : source.width])
        # FFmpeg would widen 255 to 1020, not quite opaque.
        _fill_plane(frame.planes[3], to_bits(alpha, 10))
        return frame


class ProresLumaWriter(ObjectMovies):
    """Writes `OUTPUT/prores-luma/<object id>.mov`: ProRes 422 HQ, white on black."""

    target, suffix = "prores-luma", ".mov"

    @classmethod
    def encoding(cls, *, soft: bool) -> Encoding:
        """ProRes 422 HQ in QuickTime."""
        del soft
        # More bits than usual, of which a matte needs few: hard edges stay exact to a grey level.
        return _prores("hq", "yuv422p10le", bits_per_mb="8000")

    def draw(self, fill: Frame, alpha: NDArray[np.uint16]) -> av.VideoFrame:
        """The alpha of an object as a picture."""
        del fill
        height, width = alpha.shape
        frame = _named_colours(av.VideoFrame(width, height, "yuv422p10le"))
        share = alpha.astype(np.float32) / 65_535
        _fill_plane(frame.planes[0], (_BLACK + share * (_WHITE - _BLACK)).round())
        for plane in frame.planes[1:]:
            _fill_plane(plane, np.full((plane.height, plane.width), _NO_COLOUR))
        return frame


class Ffv1Writer(ObjectMovies):
    """Writes `OUTPUT/ffv1/<object id>.mkv`: lossless, with an alpha channel of 8 bits."""

    target, suffix = "ffv1", ".mkv"

    @classmethod
    def encoding(cls, *, soft: bool) -> Encoding:
        """FFV1 in Matroska, RGB."""
        del soft
        return _ffv1("bgra")

    def draw(self, fill: Frame, alpha: NDArray[np.uint16]) -> av.VideoFrame:
        """The picture with the alpha of an object."""
        return av.VideoFrame.from_ndarray(np.dstack([fill, to_bytes(alpha)]), format="rgba")


class Ffv1LumaWriter(ObjectMovies):
    """Writes `OUTPUT/ffv1-luma/<object id>.mkv`: lossless, white on black.

    Grey of 8 bits; of 16 bits where it is to be soft.
    """

    target, suffix = "ffv1-luma", ".mkv"

    @classmethod
    def encoding(cls, *, soft: bool) -> Encoding:
        """FFV1 in Matroska, grey."""
        return _ffv1("gray16le" if soft else "gray")

    def draw(self, fill: Frame, alpha: NDArray[np.uint16]) -> av.VideoFrame:
        """The alpha of an object as a picture."""
        del fill
        if self._soft:
            frame = av.VideoFrame.from_ndarray(alpha, format="gray16le")
        else:
            frame = av.VideoFrame.from_ndarray(to_bytes(alpha), format="gray")
        frame.color_range = ColorRange.JPEG  # white is the largest value
        return frame


def _prores(profile: str, pixels: str, **options: str) -> Encoding:
    # The vendor is Apple's: some programs read no other.
    return Encoding(
        container="mov",
        encoder="prores_ks",
        pixels=pixels,
        options={"profile": profile, "vendor": "apl0", **options},
    )


def _ffv1(pixels: str) -> Encoding:
    return Encoding(
        container="matroska",
        encoder="ffv1",
        pixels=pixels,
        options={"level": "3", "slicecrc": "1"},
    )


def _named_colours(frame: av.VideoFrame) -> av.VideoFrame:
    """Say in a frame that its colours are those of high definition."""
    frame.colorspace, frame.color_range = Colorspace.ITU709, ColorRange.MPEG
    frame.color_primaries, frame.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    return frame


def _fill_plane(plane: av.video.plane.VideoPlane, values: NDArray[Any]) -> None:
    """Write values of 16 bits into a plane, whose rows may be longer than the picture."""
    rows = np.zeros((plane.height, plane.line_size // 2), "<u2")
    rows[:, : values.shape[1]] = values
    plane.update(rows.tobytes())
