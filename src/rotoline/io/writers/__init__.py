"""Formats of results: one module each, and their registry.

`rotoline segment --format` and `rotoline export --to` write the same formats. To add one, write a
class with the methods of `MaskWriter` in a new module of this folder and add it to `WRITERS`:

* a format with one file per frame is easiest to write as a `FrameFileWriter` (`per_frame`), which
  also makes its files readable by `rotoline.io.results`;
* one that needs the pictures of the frames, or the frames in their order, as an `OrderedWriter`
  (`in_order`);
* any other one with the methods of `MaskWriter` itself.

No other module has to change.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from rotoline.errors import ConfigError

if TYPE_CHECKING:
    from rotoline.io.frames import FrameSource
    from rotoline.types import FrameResult

WRITERS: Mapping[str, str] = {
    "png": "rotoline.io.writers.png:PngWriter",
    "scores": "rotoline.io.writers.scores:ScoresWriter",
    "overlay": "rotoline.io.writers.overlay:OverlayWriter",
    "youtube-vis": "rotoline.io.writers.youtube_vis:YouTubeVisWriter",
    "coco": "rotoline.io.writers.coco:CocoWriter",
    "labelme": "rotoline.io.writers.labelme:LabelmeWriter",
    "cvat": "rotoline.io.writers.cvat:CvatWriter",
    "tracks": "rotoline.io.writers.tracks:TracksWriter",
    "mot": "rotoline.io.writers.mot:MotWriter",
    "mots": "rotoline.io.writers.mots:MotsWriter",
    "mattes": "rotoline.io.writers.mattes:MattesWriter",
    "prores": "rotoline.io.writers.movies:ProresWriter",
    "prores-luma": "rotoline.io.writers.movies:ProresLumaWriter",
    "ffv1": "rotoline.io.writers.movies:Ffv1Writer",
    "ffv1-luma": "rotoline.io.writers.movies:Ffv1LumaWriter",
    "cutout": "rotoline.io.writers.cutout:CutoutWriter",
    "cutout-video": "rotoline.io.writers.cutout:CutoutVideoWriter",
    "exr": "rotoline.io.writers.exr:ExrWriter",
    "tiff": "rotoline.io.writers.tiff:TiffWriter",
}
"""The formats by the name that `--format` takes: module and class, imported when it is used."""

MASK_FORMATS = ("png", "youtube-vis", "coco", "labelme", "cvat", "tracks", "mot", "mots")
"""The formats that need nothing but masks: those that `rotoline convert` writes."""

DEFAULT_FORMATS = ("png", "overlay")
"""The formats that are written if none is chosen."""


class MaskWriter(Protocol):
    """Writes the results of one run in one format.

    A writer is made when the first result is ready. It may be closed at any time: whatever is
    under a final name by then must be complete.

    The class may have two more attributes, which are looked up before anything is computed:

    * `check(frames)`, a class method that raises InputError or ConfigError where the format cannot
      hold the frames, or a package is missing (`rotoline.extras`);
    * `options`, the names of further keyword arguments of the class, such as `("background",)`,
      which the options of `rotoline export` set.
    """

    target: ClassVar[str]
    """Name of the file or folder that the writer writes, inside the output folder."""

    def __init__(self, output: Path, frames: "FrameSource") -> None:
        """Prepare to write into the folder `output`, which is created if it does not exist.

        Raises:
            OutputError: Nothing can be written there.
        """

    def write(self, result: "FrameResult") -> None:
        """Write one frame, or keep what is needed of it. Called in a thread, once per frame.

        Frames come in the order of their indices, except that `rotoline segment` begins with those
        before the first annotated frame, in descending order. Every result names all objects of
        the run (`result.object_ids`). When a run goes on that was stopped, the frames that were
        finished before come again, but to a `FrameFileWriter`: their label maps and confidences are
        the same, their scores and logits rounded. `rotoline export` has `scores` only if
        they were saved, and never `logits` at the working resolution.

        Raises:
            OutputError: The frame cannot be written.
        """

    def finish(self) -> Iterator[int]:
        """Write what needs all frames, after the last of them; yield the number of frames done.

        Raises:
            OutputError: Something cannot be written.
        """
        ...

    def close(self) -> None:
        """Release everything, whether the run is finished or not."""


def find_writer(name: str) -> type[MaskWriter]:
    """The class that writes a format; it may as well be an `OrderedWriter`.

    Raises:
        ConfigError: There is no such format.
    """
    if name not in WRITERS:
        raise ConfigError(f"there is no format {name!r}; choose among {', '.join(WRITERS)}")
    module, _, cls = WRITERS[name].partition(":")
    writer: type[MaskWriter] = getattr(import_module(module), cls)
    return writer
