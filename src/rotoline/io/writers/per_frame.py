"""What all formats with one file per frame share."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from rotoline.io.atomic import make_folder
from rotoline.io.frames import FrameSource
from rotoline.io.pictures import list_files
from rotoline.types import FrameResult, LabelMap


class FrameFileWriter(ABC):
    """Writes `OUTPUT/<target>/<name of the frame><suffix>` for every frame; see `MaskWriter`."""

    target: ClassVar[str]
    """Name of the folder for the files, inside the output folder."""
    suffix: ClassVar[str]
    """Suffix of the file names, in lower case and with the dot."""

    def __init__(self, output: Path, frames: FrameSource) -> None:
        self._folder, self._frames = output / self.target, frames
        make_folder(self._folder)

    def write(self, result: FrameResult) -> None:
        """Write one frame, complete or not at all."""
        self.write_file(self._folder / f"{self._frames.name(result.index)}{self.suffix}", result)

    def finish(self) -> Iterator[int]:
        """Do nothing: every file is complete already."""
        return iter(())

    def close(self) -> None:  # noqa: B027 (there is nothing that a format must do)
        """Do nothing: no file is open."""

    @classmethod
    def list_files(cls, folder: Path) -> list[Path]:
        """The files in `folder` that `read_labels` can read, in natural order of their names.

        Raises:
            InputError: The folder cannot be listed.
        """
        return list_files(folder, (cls.suffix,))

    @abstractmethod
    def write_file(self, path: Path, result: FrameResult) -> None:
        """Write one frame to `path`, complete or not at all (`rotoline.io.atomic.replacing`).

        Raises:
            OutputError: The file cannot be written.
        """

    @staticmethod
    @abstractmethod
    def read_labels(path: Path) -> LabelMap:
        """Read the label map of a frame from a file of this format, uint8 `(H, W)`.

        Raises:
            InputError: The file is missing, damaged or of another format.
        """
