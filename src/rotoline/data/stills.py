"""Stills with masks: which sets can be used, what their labels mean, and how one is read.

    DATA/SET/images/NAME.jpg (or .jpeg, .png, .webp)
    DATA/SET/masks/NAME.png (clothing-co-parsing: labels/NAME.png)

A mask holds one label per pixel: 0 for background, 255 where it is not known what is there (crowds,
borders, void), any other for an object or a part of one, by the kind of the set.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import ndimage

from rotoline.data.video_sequence import read_labels_with_void
from rotoline.errors import InputError
from rotoline.io.pictures import list_files, list_pictures, opened_picture
from rotoline.types import VOID, Frame, LabelMap

UNKNOWN = VOID
"""The label of pixels of which it is not known what they show; they count in no loss."""

LabelKind = Literal["instances", "classes", "garments"]
"""What a label is: an object; a class, whose connected regions are objects; or a garment of the one
person in the picture, who is all garments together."""

Group = Literal["video", "things", "animals", "people", "clothing"]
"""What clips show."""

MIN_OBJECT_AREA = 0.005
"""Smallest area of an object of a still that may be chosen, as a fraction of the picture: about
1,000 pixels, as most pictures have 480 pixels along their longer side."""

BLACK = 24
"""A pixel is black if no channel has more than this value."""
MAX_BRIGHT = 0.05
"""A row or column belongs to a black bar if at most this share of it is not black."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StillSet:
    """What there is to know about a set of stills."""

    group: Group
    """What the stills show."""
    share: float
    """How often a still of the set is sampled, of 20 times in all if all sets and the videos are
    there."""
    kind: LabelKind = "instances"
    """What the labels are."""
    label_folder: str = "masks"
    """Name of the folder of label maps."""
    has_black_bars: bool = False
    """Whether there are black bars at the edges of the pictures, which are cropped."""


STILL_SETS: Mapping[str, StillSet] = {
    "davis-2017-first-frames": StillSet(share=0.5, group="things"),
    "coco-instances": StillSet(share=2.5, group="things"),
    "sod-bsds": StillSet(share=1.0, group="things"),
    "voc-animals-instances": StillSet(share=0.7, group="animals"),
    "voc-animals-classes": StillSet(share=0.8, group="animals", kind="classes"),
    "feral-cats": StillSet(share=0.4, group="animals"),
    "oxford-pets": StillSet(share=0.5, group="animals"),
    "wild-animals": StillSet(share=0.6, group="animals"),
    "coco-person": StillSet(share=1.0, group="people"),
    "penn-fudan": StillSet(share=0.6, group="people"),
    "teacher-occlusion": StillSet(share=0.4, group="people", has_black_bars=True),
    "clothing-co-parsing": StillSet(
        share=2.0, group="clothing", kind="garments", label_folder="labels"
    ),
}
"""The sets by the name of their folder. Each may be missing."""


@dataclass(frozen=True, slots=True)
class Still:
    """A picture with its labels."""

    name: str
    """SET/NAME."""
    picture: Frame
    """uint8 `(H, W, 3)`, RGB."""
    labels: LabelMap
    """uint8 `(H, W)`: 0 for background, 255 for unknown, others for objects or garments."""


def read_stills(folder: Path) -> Iterator[tuple[StillSet, Still]]:
    """Read the stills of all sets below a data folder that show an object large enough.

    Args:
        folder: The data folder.

    Raises:
        InputError: A picture or its mask is missing, damaged, or they differ in size.
    """
    for name, still_set in STILL_SETS.items():
        if not (folder / name / "images").is_dir():
            continue
        pictures = list_pictures(folder / name / "images")
        masks = folder / name / still_set.label_folder
        _check_complete(masks, {path.stem for path in pictures})
        for path in pictures:
            still = _read_still(f"{name}/{path.stem}", path, masks / f"{path.stem}.png", still_set)
            if shows_object(still.labels, still_set.kind):
                yield still_set, still


def shows_object(labels: LabelMap, kind: LabelKind) -> bool:
    """Return whether an object covers at least `MIN_OBJECT_AREA` of a picture."""
    areas = np.bincount(labels.ravel(), minlength=UNKNOWN + 1)[1:UNKNOWN]
    largest = areas.sum() if kind == "garments" else areas.max()
    return bool(largest > MIN_OBJECT_AREA * labels.size)


def _check_complete(masks: Path, names: set[str]) -> None:
    """Refuse a set with a mask that belongs to no picture: the picture is missing then."""
    stray = sorted({path.stem for path in list_files(masks, {".png"})} - names)
    if stray:
        raise InputError(
            f"{masks / stray[0]}.png belongs to no picture in {masks.parent / 'images'}; "
            "a mask is named like its picture, so copy the set again or remove the mask"
        )


def _read_still(name: str, picture: Path, mask: Path, still_set: StillSet) -> Still:
    """Read a picture and its label map, as the set needs it."""
    frame, labels = read_raw_still(picture, mask)
    if still_set.has_black_bars:
        inside = inside_black_bars(frame)
        frame, labels = frame[inside], labels[inside]
    if still_set.kind == "classes":
        labels = regions_as_objects(labels)
    return Still(name, frame, labels)


def read_raw_still(picture: Path, mask: Path) -> tuple[Frame, LabelMap]:
    """Read a picture, uint8 `(H, W, 3)`, and its label map, uint8 `(H, W)`, as they are.

    Raises:
        InputError: One of them is missing or damaged, or they differ in size.
    """
    # Label maps do not follow an orientation tag, so the picture is not rotated either.
    with opened_picture(picture) as image:
        frame = np.array(image.convert("RGB"))
    labels = read_labels_with_void(mask)
    if labels.shape != frame.shape[:2]:
        raise InputError(
            f"{mask} is {labels.shape[0]} x {labels.shape[1]}, but {picture} is "
            f"{frame.shape[0]} x {frame.shape[1]} (height x width); replace one of them"
        )
    return frame, labels


def inside_black_bars(picture: Frame) -> tuple[slice, slice]:
    """Return the rows and columns of a picture without the black bars at its edges.

    Args:
        picture: uint8 `(H, W, 3)`; one that is all black is kept as it is.
    """
    bright = picture.max(2) > BLACK
    inside = []
    for axis in (1, 0):
        kept = np.flatnonzero(bright.mean(axis) > MAX_BRIGHT)
        first, last = (kept[0], kept[-1]) if len(kept) else (0, bright.shape[1 - axis] - 1)
        inside.append(slice(int(first), int(last) + 1))
    return inside[0], inside[1]


def regions_as_objects(labels: LabelMap) -> LabelMap:
    """Return labels in which every 8-connected region of a class is an object.

    Regions that are too small to be chosen are unknown: they may be parts of a larger one that is
    partly covered.

    Args:
        labels: uint8 `(H, W)`: classes, 0 for background, 255 for unknown.

    Returns:
        uint8 `(H, W)`: objects 1, 2 and so on, 0 for background, 255 for unknown.
    """
    objects = np.where(labels == UNKNOWN, UNKNOWN, 0).astype(np.uint8)
    count = 0
    for one in np.unique(labels):
        if one in (0, UNKNOWN):
            continue
        regions, found = ndimage.label(labels == one, structure=np.ones((3, 3), int))
        areas = np.bincount(regions.ravel(), minlength=found + 1)
        for region in range(1, found + 1):
            large = areas[region] > MIN_OBJECT_AREA * labels.size
            count += large
            objects[regions == region] = count if large else UNKNOWN
    return objects
