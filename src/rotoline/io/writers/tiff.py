"""The format `tiff`: all label maps in one file, for ImageJ, Fiji and napari."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from rotoline.errors import InputError
from rotoline.extras import import_extra
from rotoline.io.atomic import output_errors, temporary_path
from rotoline.io.frames import FrameSource
from rotoline.io.writers.in_order import OrderedWriter
from rotoline.types import Frame, FrameResult

_LARGEST = 2**32 - 2**25
"""Bytes of pixels that fit into one file: positions in it have 32 bits."""


class TiffWriter(OrderedWriter):
    """Writes `OUTPUT/labels.tif`: object ids, uint8, axes TYX, one page per frame.

    Pages are not compressed, as ImageJ needs it.
    """

    target = "labels.tif"

    @classmethod
    def check(cls, frames: FrameSource) -> None:
        """Refuse to begin without tifffile, or with more pixels than a file holds."""
        import_extra("tifffile", "the format tiff")
        if frames.size[1] == 1:
            raise InputError(
                "a TIFF for ImageJ holds no frames that are one pixel wide; export png instead"
            )
        _check_pages(frames, frames.count or 0)

    def __init__(self, output: Path, frames: FrameSource) -> None:
        super().__init__(output, frames)
        self._library = import_extra("tifffile", "the format tiff")
        self._path = output / self.target
        self._temporary = temporary_path(self._path)
        self._file: Any = None
        self._pages = 0

    def write_next(self, result: FrameResult, picture: Frame) -> None:
        """Add one page."""
        del picture
        self._pages += 1
        _check_pages(self._frames, self._pages)
        with output_errors(self._path):
            if self._file is None:
                self._file = self._library.TiffWriter(self._temporary, imagej=True)
            # One slice and one channel, so that what the pages differ in is time.
            self._file.write(
                result.labels[None, None],
                contiguous=True,
                photometric="minisblack",
                metadata={"fps": float(self._frames.frame_rate)},
            )

    def finish(self) -> Iterator[int]:
        """Complete the file."""
        if self._file is not None:
            with output_errors(self._path):
                self._file.close()
                self._file = None
                self._temporary.replace(self._path)
        return iter(())

    def close(self) -> None:
        """Close the file; one that is not finished is removed."""
        if self._file is not None:
            with suppress(OSError):  # why it cannot be written was reported
                self._file.close()
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)


def _check_pages(frames: FrameSource, pages: int) -> None:
    height, width = frames.size
    if pages * height * width > _LARGEST:
        raise InputError(
            f"{pages} label maps of {height} x {width} (height x width) are more than the 4 GB "
            "that a TIFF file for ImageJ holds; export png, or a part of the clip"
        )
