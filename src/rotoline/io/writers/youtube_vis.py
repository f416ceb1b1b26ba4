"""The format `youtube-vis`: the tracks of a clip as the JSON of YouTube-VIS, or COCO for video."""

from typing import TextIO

from rotoline.io.coco import Category, Rle, TrackAnnotation, Video, VideoFile
from rotoline.io.writers.clip_file import ClipFileWriter, FileNames, ObjectMask
from rotoline.types import ObjectId


class YouTubeVisWriter(ClipFileWriter):
    """Writes `OUTPUT/youtube-vis.json`: one video, a track and a category for every object.

    The id of the object is the id of both. Masks are run lengths as pycocotools packs them, null
    where an object is not visible. Confidence is not in it.
    """

    target = "youtube-vis.json"

    def write_clip(self, file: TextIO) -> None:
        """Write the clip."""
        frames, files = self._frames, FileNames(self._frames)
        height, width = frames.size
        video = Video(
            id=1,
            width=width,
            height=height,
            length=len(self._kept),
            file_names=[f"{frames.path.stem}/{files.of(index)}" for index in self._kept],
        )
        clip = VideoFile(
            videos=[video],
            annotations=[self._track(object_id) for object_id in self._names],
            categories=[Category(id=one, name=name) for one, name in self._names.items()],
        )
        file.write(clip.model_dump_json(exclude={"videos": {"__all__": {"name"}}}) + "\n")

    def _track(self, object_id: ObjectId) -> TrackAnnotation:
        masks = [_find(masks, object_id) for masks in self._kept.values()]
        height, width = size = self._frames.size
        return TrackAnnotation(
            id=object_id,
            video_id=1,
            category_id=object_id,
            height=height,
            width=width,
            segmentations=[Rle(size=size, counts=one.counts) if one else None for one in masks],
            bboxes=[one.box if one else None for one in masks],
            areas=[one.area if one else None for one in masks],
        )


def _find(masks: list[ObjectMask], object_id: ObjectId) -> ObjectMask | None:
    """An object among those of a frame; None if it is not visible."""
    return next((one for one in masks if one.object_id == object_id and one.area), None)
