"""Read label maps back: the results of a run in any format, or a folder of masks."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from rotoline.errors import InputError
from rotoline.io.frame_names import FrameNames
from rotoline.io.masks import drop_void
from rotoline.io.pictures import by_stem, describe_contents, list_pictures, shorten
from rotoline.io.run_record import FILE as RUN_RECORD
from rotoline.io.writers import WRITERS, find_writer
from rotoline.io.writers.per_frame import FrameFileWriter
from rotoline.types import LabelMap


class LabelMaps(Mapping[str, LabelMap]):
    """Label maps by the name of their frame, uint8 `(H, W)`; each file is read on access.

    Void pixels are background.

    Iteration gives the names, in natural order: 2 before 10.
    """

    def __init__(self, files: list[Path], writer: type[FrameFileWriter]) -> None:
        self.files = by_stem(files)
        """The file of each label map, by the name of its frame."""
        self._names = list(self.files)
        self._frame_names = FrameNames(self._names)
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

    def find_named(self, name: str) -> str | None:
        """The name of the label map with this name, numbers compared as numbers: `1` is `00001`.

        Raises:
            InputError: Two label maps have such a name, and none has exactly this one.
        """
        index = self._frame_names.find_named(name)
        return None if index is None else self._names[index]


def read_label_maps(folder: Path) -> LabelMaps:
    """Open the label maps in a folder.

    Args:
        folder: The output folder of a run, the folder of one format inside it, or any folder of
            masks, one picture per frame. If there are several formats, the first in `WRITERS` is
            read.

    Raises:
        InputError: There is no such folder, it holds no label maps, two for one frame, or masks
            both in itself and in a folder of a run's output.
    """
    if not folder.is_dir():
        found = f"{folder} is a file" if folder.exists() else f"there is no folder {folder}"
        raise InputError(f"{found}; give the folder that holds the masks")
    writers = [
        writer for writer in map(find_writer, WRITERS) if issubclass(writer, FrameFileWriter)
    ]
    for place in (*(writer.target for writer in writers), ""):
        for writer in writers:
            files = writer.list_files(folder / place) if (folder / place).is_dir() else []
            if files:
                _refuse_masks_beside(folder, place)
                return LabelMaps(files, writer)
    raise InputError(
        f"{folder} holds no masks: {describe_contents(folder)}; give a folder with one mask "
        "picture per frame, or the output folder of rotoline segment"
    )


def _refuse_masks_beside(folder: Path, place: str) -> None:
    """Refuse pictures beside a folder of masks, unless a run wrote the folder: it has a sheet."""
    if not place or (folder / RUN_RECORD).exists():
        return
    beside = list_pictures(folder)
    if beside:
        raise InputError(
            f"{folder} holds pictures ({shorten([path.name for path in beside], 3)}) and a folder "
            f"{place}, so either may be meant; give {folder / place}, or move the pictures into a "
            "folder of their own and give that"
        )
