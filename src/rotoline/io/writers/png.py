"""The format `png`: a mask per frame, with the palette of DAVIS."""

from pathlib import Path

from rotoline.io import masks
from rotoline.io.pictures import list_pictures
from rotoline.io.writers.per_frame import FrameFileWriter
from rotoline.types import FrameResult, LabelMap


class PngWriter(FrameFileWriter):
    """Writes `OUTPUT/masks/<frame>.png`: object ids as palette indices, 0 for background."""

    target = "masks"
    suffix = ".png"

    @classmethod
    def list_files(cls, folder: Path) -> list[Path]:
        """The pictures in `folder`: masks may come from other programs, in other formats."""
        return list_pictures(folder)

    def write_file(self, path: Path, result: FrameResult) -> None:
        """Write one mask."""
        masks.write_mask(path, result.labels)

    @staticmethod
    def read_labels(path: Path) -> LabelMap:
        """Read one mask, of this writer or of another program; 255 where it is void."""
        return masks.read_labels(path)
