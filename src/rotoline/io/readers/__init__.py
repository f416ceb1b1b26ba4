"""Files of annotations that other programs write: one module each, and which of them reads what.

| module        | what it reads                                                                    |
|---------------|----------------------------------------------------------------------------------|
| `coco`        | COCO: objects of pictures                                                        |
| `youtube_vis` | YouTube-VIS, which is COCO for video: tracks                                     |
| `labelme`     | labelme: a file for every picture                                                |
| `cvat`        | "CVAT for video 1.1": tracks of masks and polygons                               |
| `colours`     | pictures in which every colour is an object                                      |
| `label_file`  | what all of these but pictures are read into: regions of objects by frame        |
| `numbering`   | the ids of objects that have names or other numbers there                        |
| `paint`       | one label map from regions that may overlap                                      |
| `marks`       | the label maps of the frames that such a file marks                              |
"""

from pathlib import Path

from rotoline.errors import InputError
from rotoline.io.mask_files import Warn
from rotoline.io.paths import is_folder
from rotoline.io.pictures import list_files, list_pictures
from rotoline.io.readers.coco import read_coco
from rotoline.io.readers.cvat import read_cvat
from rotoline.io.readers.json_files import read_json
from rotoline.io.readers.label_file import LabelFile
from rotoline.io.readers.labelme import list_labelme, read_labelme
from rotoline.io.readers.youtube_vis import read_youtube_vis
from rotoline.io.run_record import FILE as RUN_RECORD

_NEEDED = "COCO, YouTube-VIS, labelme (.json) and CVAT for video (.xml) are read"


def is_label_file(path: Path, frames: Path | None = None) -> bool:
    """Whether a path is a file of annotations, or a folder of labelme: no pictures, but JSON.

    Args:
        path: What was given as masks.
        frames: The folder of the frames, in which labelme leaves its files: the pictures there are
            no masks.

    Raises:
        InputError: A folder holds both, or exports that are to be unpacked or named.
    """
    if not is_folder(path):
        return path.suffix.lower() in (".json", ".xml", ".zip")
    if (path / RUN_RECORD).exists():
        return False  # a run may hold exports beside its masks
    shapes, pictures = list_labelme(path), list_pictures(path)
    if pictures and shapes and frames is not None and path.resolve() == frames.resolve():
        return True
    if pictures and shapes:
        raise InputError(
            f"{path} can be read in two ways: {pictures[0].name} and other pictures are masks; or "
            f"{shapes[0].name} and other files of labelme mark objects; move one kind elsewhere"
        )
    exports = list_files(path, (".xml", ".zip"))
    if exports and not pictures:
        raise InputError(f"{path} holds {exports[0].name}; give that file itself, not its folder")
    return bool(shapes)


def read_label_file(
    path: Path,
    *,
    size: tuple[int, int] | None = None,
    sequence: str | None = None,
    clip: Path | None = None,
    fills: bool = False,
    warn: Warn,
) -> LabelFile:
    """Read the annotations of one clip, whatever their format.

    Args:
        path: A file, or a folder of labelme.
        size: Height and width of the frames, if they are known.
        sequence: Which video is meant, in a file of several.
        clip: The frames that are to be marked, if they are known.
        fills: Whether to return what a program filled in between marked frames, as well.
        warn: Called with what the user must know: which object became which, what is skipped.

    Raises:
        InputError: There is no such file, it is of another format, or it can be read in two ways.
        ConfigError: pycocotools is not installed.
    """
    if is_folder(path):
        return read_labelme(list_labelme(path), path, warn=warn)
    if path.suffix.lower() == ".zip":
        raise InputError(f"{path} is packed; unpack it, and give the .json or .xml file inside")
    if path.suffix.lower() == ".xml":
        return read_cvat(path, size=size, fills=fills, warn=warn)
    content = read_json(path)
    keys = set(content) if isinstance(content, dict) else set()
    if "shapes" in keys:
        return read_labelme([path], path, warn=warn)
    if {"images", "annotations"} <= keys:
        return read_coco(path, content, sequence=sequence, clip=clip, warn=warn)
    if {"videos", "annotations"} <= keys:
        return read_youtube_vis(path, content, sequence=sequence, clip=clip, warn=warn)
    raise InputError(f"{path} is none of the files of annotations that are read: {_NEEDED}")
