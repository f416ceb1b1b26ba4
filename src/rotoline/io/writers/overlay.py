"""The format `overlay`: one video of the frames with their objects drawn in."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from rotoline.io.atomic import make_folder, output_errors
from rotoline.io.frames import FrameSource
from rotoline.io.overlay import write_overlay
from rotoline.types import FrameResult, LabelMap


class OverlayWriter:
    """Writes `OUTPUT/overlay.mp4` once all frames are segmented; see `MaskWriter`.

    Frames may be segmented in another order than they are shown in, and an encoder that fails must
    not stop the masks. So the label maps wait in a temporary file, compressed, and the frames are
    read a second time.
    """

    target = "overlay.mp4"

    def __init__(self, output: Path, frames: FrameSource) -> None:
        make_folder(output)
        self._path, self._frames = output / self.target, frames
        with output_errors(self._path):
            self._file = TemporaryFile(dir=output)  # noqa: SIM115 (closed by `close`)
        self._places: dict[int, tuple[int, int]] = {}

    def write(self, result: FrameResult) -> None:
        """Keep the label map of one frame."""
        data = zlib.compress(result.labels.tobytes(), 1)
        with output_errors(self._path):
            self._places[result.index] = self._file.tell(), len(data)
            self._file.write(data)

    def finish(self) -> Iterator[int]:
        """Write the video; yield the number of frames written so far."""
        return write_overlay(
            self._path,
            self._frames,
            (self._read(index) for index in range(len(self._places))),
            frame_rate=self._frames.frame_rate,
            time=self._frames.time,
            pixel_shape=self._frames.pixel_shape,
        )

    def close(self) -> None:
        """Remove the temporary file."""
        self._file.close()

    def _read(self, index: int) -> LabelMap:
        position, length = self._places[index]
        self._file.seek(position)
        data = zlib.decompress(self._file.read(length))
        return np.frombuffer(data, np.uint8).reshape(self._frames.size)
