"""The format `cvat`: tracks of masks for CVAT, "CVAT for video 1.1".

Description: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/.
"""

from collections.abc import Mapping
from typing import Any, TextIO
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from rotoline.io import rle
from rotoline.io.writers.clip_file import ClipFileWriter, ObjectMask
from rotoline.types import ObjectId


class CvatWriter(ClipFileWriter):
    """Writes `OUTPUT/cvat.xml`: a track for every object that is ever visible.

    CVAT repeats a mask until the next one of its track, so every frame has its own, and the first
    frame of every gap says `outside`. Frames are counted from 0. Confidence is not in it.
    """

    target = "cvat.xml"

    def write_clip(self, file: TextIO) -> None:
        """Write the clip."""
        out: Any = file  # text is written; typeshed wants bytes
        self._xml = XMLGenerator(out, "utf-8", short_empty_elements=True)
        self._xml.startDocument()
        self._open("annotations")
        self._text("version", "1.1")
        self._write_meta()
        for object_id, name in self._names.items():
            self._write_track(object_id, name)
        self._close("annotations")
        self._xml.endDocument()

    def _write_meta(self) -> None:
        height, width = self._frames.size
        self._open("meta")
        self._open("task")
        self._text("name", self._frames.path.stem)
        self._text("size", 1 + max(self._kept, default=-1))
        self._text("mode", "interpolation")
        self._text("start_frame", 0)
        self._text("stop_frame", max(self._kept, default=0))
        self._open("labels")
        for name in dict.fromkeys(self._names.values()):
            self._open("label")
            self._text("name", name)
            self._text("type", "mask")
            self._close("label")
        self._close("labels")
        self._open("original_size")
        self._text("width", width)
        self._text("height", height)
        for name in ("original_size", "task", "meta"):
            self._close(name)

    def _write_track(self, object_id: ObjectId, name: str) -> None:
        last: ObjectMask | None = None
        is_open = False
        for index, masks in self._kept.items():
            one = next((one for one in masks if one.object_id == object_id and one.area), None)
            shown = one or last
            if shown is None:
                continue
            if not is_open:
                self._open("track", {"id": object_id, "label": name, "source": "auto"})
                is_open = True
            # Where an object has gone, CVAT wants a mask as well: it shows none of it.
            self._write_mask(index, shown, is_outside=one is None)
            last = one
        if is_open:
            self._close("track")

    def _write_mask(self, index: int, one: ObjectMask, *, is_outside: bool) -> None:
        left, top, width, height = one.box
        mask = rle.decode(one.counts, self._frames.size)[top : top + height, left : left + width]
        attributes: dict[str, str | int] = {
            "frame": index,
            "keyframe": 1,
            "outside": int(is_outside),
            "occluded": 0,
            "rle": ", ".join(map(str, rle.encode_rows(mask))),
            "left": left,
            "top": top,
            "width": width,
            "height": height,
            "z_order": 0,
        }
        self._open("mask", attributes)
        self._close("mask")

    def _open(self, name: str, attributes: Mapping[str, str | int] | None = None) -> None:
        values = {key: str(value) for key, value in (attributes or {}).items()}
        self._xml.startElement(name, AttributesImpl(values))

    def _close(self, name: str) -> None:
        self._xml.endElement(name)
        self._xml.ignorableWhitespace("\n")

    def _text(self, name: str, value: str | int) -> None:
        self._open(name)
        self._xml.characters(str(value))
        self._close(name)
