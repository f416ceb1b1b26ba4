"""What a file of annotations says, whatever its format: which object is where in which frame."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from rotoline.errors import InputError
from rotoline.types import ObjectId


class Region(NamedTuple):
    """A part of an object in a frame, or all of it."""

    object_id: ObjectId
    counts: str
    """The mask as text of COCO; see `rotoline.io.rle`."""
    layer: int = 0
    """Higher ones lie in front; in one layer, the later ones of the file do."""


@dataclass
class LabelledFrame:
    """The objects in one frame."""

    name: str
    """What the file calls the frame: the name of a picture, or the number of the frame."""
    size: tuple[int, int]
    """Height and width."""
    regions: list[Region] = field(default_factory=list)
    """In the order of the file."""
    hidden: set[ObjectId] = field(default_factory=set)
    """The objects of which the file says that they are not visible here."""


@dataclass(frozen=True)
class LabelFile:
    """The annotations of one clip."""

    path: Path
    names: dict[ObjectId, str]
    """Every object, and its name."""
    frames: list[LabelledFrame]
    """In the order of the clip."""
    is_counted: bool = False
    """Whether the names of the frames are their numbers, counted from 0."""
    is_whole: bool = False
    """Whether every frame of the clip is among them."""


def check_size(path: Path, size: tuple[int, int]) -> tuple[int, int]:
    """Return the size of a frame that a file states.

    Raises:
        InputError: It is no size, or one of more pixels than a picture may have.
    """
    height, width = size
    limit = 2 * (Image.MAX_IMAGE_PIXELS or 2**27)  # where Pillow refuses a picture
    if min(size) < 1 or height * width > limit:
        raise InputError(
            f"{path} states frames of {width}x{height}, and sizes from 1x1 to {limit} pixels are "
            "possible; correct width and height in it"
        )
    return size
