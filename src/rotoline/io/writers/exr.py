"""The format `exr`: a picture per frame with a layer for each object, for compositing."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rotoline.errors import OutputError
from rotoline.extras import import_extra
from rotoline.io.atomic import make_folder, replacing
from rotoline.io.frames import FrameSource
from rotoline.io.writers.alpha import alpha_of
from rotoline.types import FrameResult


class ExrWriter:
    """Writes `OUTPUT/exr/<frame>.exr`; see `MaskWriter`.

    Each object is a layer of its own with one channel, `object_<id>.A`, 16-bit floating-point
    numbers: 1 where the object is and 0 elsewhere, or its scores if it is to be soft. Compression
    is ZIPS, without loss.
    """

    target = "exr"
    options = ("soft",)

    @classmethod
    def check(cls, frames: FrameSource) -> None:
        """Refuse to begin without OpenEXR."""
        del frames
        import_extra("OpenEXR", "the format exr")

    def __init__(self, output: Path, frames: FrameSource, *, soft: bool = False) -> None:
        self._folder, self._frames, self._soft = output / self.target, frames, soft
        self._library = import_extra("OpenEXR", "the format exr")
        make_folder(self._folder)

    def write(self, result: FrameResult) -> None:
        """Write one picture, complete or not at all."""
        library = self._library
        header = {
            "compression": library.ZIPS_COMPRESSION,
            "type": library.scanlineimage,
            "pixelAspectRatio": float(self._frames.pixel_shape),
        }
        channels = {
            f"object_{object_id}.A": self._values(result, object_id)
            for object_id in result.object_ids
        }
        path = self._folder / f"{self._frames.name(result.index)}.exr"
        with replacing(path) as temporary:
            try:
                with library.File(header, channels) as file:
                    file.write(str(temporary))
            except RuntimeError as error:  # which OpenEXR raises where a file cannot be written
                raise OutputError(
                    f"cannot write {path}: {error}; check that there is room on the disk"
                ) from error

    def _values(self, result: FrameResult, object_id: int) -> np.ndarray[tuple[int, int]]:
        if self._soft:
            scores = result.scores[result.object_ids.index(object_id)]
            return np.ascontiguousarray(scores, np.float16)
        return (alpha_of(result, object_id, soft=False) > 0).astype(np.float16)

    def finish(self) -> Iterator[int]:
        """Do nothing: every file is complete already."""
        return iter(())

    def close(self) -> None:
        """Do nothing: no file is open."""
