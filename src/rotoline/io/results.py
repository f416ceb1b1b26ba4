"""Read label maps back: the results of a run in any format, or a folder of masks."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from rotoline.errors import InputError
from rotoline.io.masks import drop_void
from rotoline.io.pictures import describe_contents
from rotoline.io.writers import WRITERS, find_writer
from rotoline.io.writers.per_frame import FrameFileWriter
from rotoline.types import LabelMap


class LabelMaps(Mapping[str, LabelMap]):
    """Label maps by the name of their frame, uint8 `(H, W)`; each file is read on access.

    Void pixels are background.

    Iteration gives the names, in natural order: 2 before 10.
    """

    def __init__(self, files: list[Path], writer: type[FrameFileWriter]) -> None:
        self.files = {path.stem: path for path in files}
        """The file of each label map, by the name of its frame."""
        self._writer = writer

    def __getitem__(self, name: str) -> LabelMap:
        return drop_void(self.files[name], self.with_void(name))

    def with_void(self, name: str) -> LabelMap:
        """A label map with 255 where it is void, as true masks may be."""
        return self._writer.read_labels(self.files[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


def read_label_maps(folder: Path) -> LabelMaps:
    """Open the label maps in a folder.

    Args:
        folder: The output folder of a run, the folder of one format inside it, or any folder of
            masks, one picture per frame. If there are several formats, the first in `WRITERS` is
            read.

    Raises:
        InputError: There is no such folder, or it holds no label maps.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give the folder that holds the masks")
    writers = [
        writer for writer in map(find_writer, WRITERS) if issubclass(writer, FrameFileWriter)
    ]
    for place in (*(writer.target for writer in writers), ""):
        for writer in writers:
            files = writer.list_files(folder / place) if (folder / place).is_dir() else []
            if files:
                return LabelMaps(files, writer)
    raise InputError(
        f"{folder} holds no masks: {describe_contents(folder)}; give a folder with one mask "
        "picture per frame, or the output folder of rotoline segment"
    )
