"""One annotated video of a data set: a folder of frames and a folder of label maps.

`rotoline.data.davis` and `rotoline.data.youtube_vos` find the folders;
`rotoline.data.datasets.read_dataset` finds out which of the two layouts a data set has.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import ImageOps

from rotoline.errors import InputError
from rotoline.io.frames import ImageFolder
from rotoline.io.masks import read_labels
from rotoline.io.pictures import by_stem, list_pictures, opened_picture
from rotoline.types import Frame, LabelMap, without_void


@dataclass(frozen=True, kw_only=True)
class VideoSequence:
    """The frames of a video, some or all of them with a label map. Files are read when needed."""

    name: str
    """Name of the sequence: the name of its two folders."""
    frame_names: tuple[str, ...]
    """File names of all frames without the extension, in order."""
    annotated: tuple[int, ...]
    """Indices of the frames with a label map, in ascending order; at least one."""
    frame_folder: Path
    """Folder with one picture per frame."""
    label_files: Mapping[int, Path]
    """The file of each label map, by frame index."""

    @cached_property
    def frames(self) -> ImageFolder:
        """All frames, in the form that `rotoline.segment` accepts.

        Raises:
            InputError: Frames differ in size, or a file is not a picture.
        """
        return ImageFolder(self.frame_folder)

    def read_frame(self, index: int) -> Frame:
        """Read frame `index`, uint8 `(H, W, 3)`.

        Raises:
            InputError: The file cannot be read.
        """
        return self.frames.read([index])[index]

    def read_labels(self, index: int, *, keep_void: bool = False) -> LabelMap:
        """Read the label map of frame `index`, uint8 `(H, W)`: object ids, 0 is background.

        Void pixels (255) are 0, as in the official evaluation of DAVIS-2017 for semi-supervised
        methods. In a black-and-white mask, as in DAVIS-2016, white is object 1, not void.

        Args:
            index: Index of the frame.
            keep_void: Whether void pixels stay 255.

        Raises:
            InputError: The frame has no label map, or the file cannot be used.
        """
        if index not in self.label_files:
            raise InputError(
                f"frame {index} of {self.name} has no label map; frames with one are "
                f"{', '.join(map(str, self.annotated[:8]))}"
                f"{' ...' if len(self.annotated) > 8 else ''}; choose one of them"
            )
        path = self.label_files[index]
        labels = read_labels(path)
        if labels.shape != self.frames.size:
            raise InputError(
                f"{path} is {labels.shape[0]} x {labels.shape[1]}, but the frames of "
                f"{self.frame_folder} are {self.frames.size[0]} x {self.frames.size[1]} "
                "(height x width); a label map needs the size of its frame, so take frames and "
                "annotations of the same resolution"
            )
        return labels if keep_void else without_void(labels)


def read_labels_with_void(path: Path) -> LabelMap:
    """Read a label map whose pixels of label 255 are void, also where there is no other label.

    In a mask of one bit per pixel, white is object 1.

    Returns:
        uint8 `(H, W)`: object ids, 0 for background, 255 for void.

    Raises:
        InputError: The file is missing, is no mask, or is in colour.
    """
    with opened_picture(path) as image:
        # `read_labels` takes a grey mask of nothing but 0 and 255 as black and white.
        if image.mode == "L" and image.format == "PNG":
            return np.array(ImageOps.exif_transpose(image))
    return read_labels(path)


def find_sequence(name: str, frame_folder: Path, label_folder: Path) -> VideoSequence:
    """Match the frames of a video with its label maps by file name; read neither.

    Args:
        name: Name of the sequence, for messages and results.
        frame_folder: Holds one picture per frame.
        label_folder: Holds label maps of some or all frames, each named like its frame.

    Raises:
        InputError: A folder is missing or empty, a label map belongs to no frame, or two files have
            one name.
    """
    for folder, content in ((frame_folder, "frames"), (label_folder, "annotations")):
        if not folder.is_dir():
            raise InputError(
                f"{folder} does not exist; sequence {name} needs its {content} there, "
                "so copy the data set again or remove the sequence from the list"
            )
    # Hidden files and files that are no pictures are ignored, as everywhere in rotoline.io.
    names = tuple(by_stem(list_pictures(frame_folder)))
    files = by_stem(list_pictures(label_folder))
    for found, folder, content in ((names, frame_folder, "frames"), (files, label_folder, "masks")):
        if not found:
            raise InputError(
                f"{folder} holds no {content}; it must hold a picture per frame of {name}, "
                "so copy the data set again"
            )
    stray = sorted(files.keys() - set(names))
    if stray:
        raise InputError(
            f"{files[stray[0]]} belongs to no frame of {frame_folder}; a mask is named like its "
            "frame, so rename or remove it"
        )
    label_files = {index: files[stem] for index, stem in enumerate(names) if stem in files}
    return VideoSequence(
        name=name,
        frame_names=names,
        annotated=tuple(label_files),
        frame_folder=frame_folder,
        label_files=label_files,
    )
