"""The JSON of COCO, of pictures and of video (YouTube-VIS), as its readers and writers share it.

Descriptions: https://cocodataset.org/#format-data and https://youtube-vos.org/dataset/vis/.
"""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator


class Rle(BaseModel):
    """A mask as run lengths; see `rotoline.io.rle`."""

    size: tuple[int, int]
    """Height and width."""
    counts: str | list[int]


Polygons = list[list[float]]
Segmentation = Rle | Polygons
"""A mask, or the outlines of its parts: x, y, x, y, ..."""


class Category(BaseModel):
    """A kind of object; in what rotoline writes, every object has one of its own."""

    id: int
    name: str


class Picture(BaseModel):
    """A frame."""

    id: int
    width: int
    height: int
    file_name: str
    video_id: int | None = None
    """In files of several videos."""


class PictureAnnotation(BaseModel):
    """An object in a frame."""

    id: int
    image_id: int
    category_id: int
    segmentation: Segmentation | None = None
    area: float | None = None
    bbox: tuple[float, float, float, float] | None = None
    iscrowd: int = 0
    track_id: int | None = None
    """The same in all frames of an object; an extension of COCO that several programs share."""
    attributes: dict[str, Any] | None = None
    """CVAT writes `track_id` here."""


class Video(BaseModel):
    """A clip."""

    id: int
    width: int
    height: int
    length: int | None = None
    file_names: list[str] = []
    name: str | None = None


class TrackAnnotation(BaseModel):
    """An object in all frames of a clip; None where it is not visible."""

    id: int
    video_id: int
    category_id: int
    iscrowd: int = 0
    height: int | None = None
    width: int | None = None
    segmentations: list[Segmentation | None]
    bboxes: list[tuple[float, float, float, float] | None] | None = None
    areas: list[float | None] | None = None


def _none_to_empty(value: Any) -> Any:
    return [] if value is None else value


class PictureFile(BaseModel):
    """A file of COCO."""

    images: list[Picture]
    annotations: list[PictureAnnotation]
    categories: list[Category] = []
    videos: Annotated[list[Video], BeforeValidator(_none_to_empty)] = []


class VideoFile(BaseModel):
    """A file of YouTube-VIS."""

    videos: list[Video]
    annotations: list[TrackAnnotation]
    categories: list[Category] = []
