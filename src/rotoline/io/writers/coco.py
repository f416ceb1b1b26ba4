"""The format `coco`: the objects of every frame as the JSON of COCO."""

from collections.abc import Iterator
from typing import TextIO

from rotoline.io.coco import Category, Picture, PictureAnnotation, PictureFile, Rle
from rotoline.io.writers.clip_file import ClipFileWriter, FileNames


class CocoWriter(ClipFileWriter):
    """Writes `OUTPUT/coco.json`: a picture for every frame, a category for every object.

    The id of the object is that of its category, and `track_id`. Masks are run lengths as
    pycocotools packs them, with holes, and `iscrowd` is 0: these are objects, not crowds.
    Confidence is not in it.
    """

    target = "coco.json"

    def write_clip(self, file: TextIO) -> None:
        """Write the clip."""
        files = FileNames(self._frames)
        height, width = self._frames.size
        pictures = [
            Picture(id=number, width=width, height=height, file_name=files.of(index))
            for number, index in enumerate(self._kept, 1)
        ]
        clip = PictureFile(
            images=pictures,
            annotations=list(self._annotations()),
            categories=[Category(id=one, name=name) for one, name in self._names.items()],
        )
        file.write(clip.model_dump_json(exclude_none=True, exclude={"videos"}) + "\n")

    def _annotations(self) -> Iterator[PictureAnnotation]:
        number = 0
        for picture, masks in enumerate(self._kept.values(), 1):
            for one in masks:
                if one.area:
                    number += 1
                    yield PictureAnnotation(
                        id=number,
                        image_id=picture,
                        category_id=one.object_id,
                        segmentation=Rle(size=self._frames.size, counts=one.counts),
                        area=one.area,
                        bbox=one.box,
                        track_id=one.object_id,
                    )
