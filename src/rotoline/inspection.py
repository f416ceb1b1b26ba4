"""Every stage's map of one frame on one sheet, with the numbers that explain the result.

    rotoline inspect clip.mp4 --masks masks/ --frame 68 --output sheet.png

A row per object, a column per stage. The same from Python: `rotoline.StageTrace`.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Unpack

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from rotoline.errors import InputError
from rotoline.io.atomic import write_text
from rotoline.io.frames import Reading
from rotoline.io.overlay import draw_overlay, find_picture_format, write_picture
from rotoline.model import load_model
from rotoline.run import open_annotated
from rotoline.runtime.progress import Listener, Progress, ignore_progress
from rotoline.stages.regions.evidence import FEATURES, Judgement
from rotoline.systems.protocol import SystemConfig
from rotoline.trace import STAGES, StageTrace
from rotoline.types import Frame, FrameResult, ObjectId, upsample

Picture = NDArray[np.uint8]


_TILE, _TEXT, _LINES = 340, 13, 2
_MAGMA = (
    (0, 0, 4),
    (59, 15, 112),
    (140, 41, 129),
    (222, 73, 104),
    (254, 159, 109),
    (252, 253, 191),
)


class MapNumbers(NamedTuple):
    """Numbers of one object's map at one stage; pixels are those of the working resolution."""

    stage: str
    object_id: ObjectId
    area: int
    """Number of pixels with a score above the background threshold."""
    mean: float
    """Mean score of these pixels; 0 if there are none."""
    highest: float
    """Highest score of all pixels."""
    kept: float
    """Fraction of the object's mask in the previous frame that is still above the threshold; 1 if
    that mask is empty."""
    outside: int
    """Number of pixels above the threshold outside the object's mask in the previous frame."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """What a tracker computed for one frame."""

    frame: Frame
    result: FrameResult
    maps: dict[str, Tensor]
    """Scores in [0, 1] by the name of the stage, in the order of computation: float `(K, h, w)`."""
    foreground: Tensor
    """float `(1, h, w)`: scores of the foreground."""
    numbers: list[MapNumbers]
    regions: dict[ObjectId, list[Judgement]]
    """By object: the decision of the region filter about each region, with reasons; empty with a
    filter that gives none."""


def inspect_to_sheet(  # noqa: PLR0913 (the command's options, by name)
    video: Path,
    masks: Path,
    frame: str,
    sheet: Path,
    *,
    weights: Path | None,
    config: SystemConfig,
    complete: Sequence[str] = (),
    colours: bool = False,
    report: Listener = ignore_progress,
    **reading: Unpack[Reading],
) -> Iterator[Progress]:
    """Segment a clip up to one frame, and write that frame's sheet and numbers.

    Writes `sheet`, as `draw_sheet` describes it, a CSV file of the same name with the fields of
    `MapNumbers`, and NAME-regions.csv with the decisions of the region filter where it gives
    reasons. Existing files are replaced.

    Args:
        video: A video file or a folder of pictures.
        masks: A mask file, or a folder of them, named after their frames; a single file of any
            other name marks the first frame.
        frame: The frame to inspect: its name, or its index counted from 0.
        sheet: A picture, `.png`, `.jpg` or `.webp`.
        weights: A weights file, or None for the one that ships.
        config: Settings; they also decide which preset runs.
        complete: As for `segment_to_folder`.
        colours: Whether every colour of the masks is an object.
        report: Called with the progress of learning and tuning, where they take long.
        **reading: As for `rotoline.open_frames`.

    Yields:
        Progress, at least once per frame.

    Raises:
        InputError: The frame does not exist, or every object is annotated in it.
        OutputError: The files cannot be written.
    """
    find_picture_format(sheet)
    yield Progress("reading")
    reading["limits"] = config.limits
    opened = open_annotated(video, masks, complete=complete, colours=colours, **reading)
    source, annotations = opened.source, opened.annotations
    for warning in opened.warnings:
        yield Progress("reading", warning=warning)
    index = source.find(frame)
    if index is None:
        raise InputError(
            f"there is no frame {frame} in {video}; give the name of a frame, or its index from 0"
        )
    model = load_model(weights, config.preset)
    trace = StageTrace(frames={index})
    total = index + 1  # the clip is tracked up to the frame
    yield Progress("learning", 0, total)
    results = model.segment(
        source,
        annotations,
        complete=opened.complete,
        config=config,
        trace=trace,
        report=report,
    )
    for done, result in enumerate(results, start=1):
        yield Progress("segmenting", done, total)
        if result.index == index:
            pixels, threshold = source.read([index])[index], config.fuse.background_threshold
            inspection = make_inspection(pixels, result, trace, threshold)
            write_picture(sheet, draw_sheet(inspection))
            write_text(sheet.with_suffix(".csv"), numbers_as_csv(inspection.numbers))
            if inspection.regions:
                write_text(regions_file(sheet), regions_as_csv(inspection.regions))
            return
    raise InputError(f"{video} ends before frame {frame}; choose an earlier frame")


def make_inspection(
    frame: Frame, result: FrameResult, trace: StageTrace, threshold: float
) -> Inspection:
    """Combine the maps that a trace has recorded for a frame.

    Args:
        frame: uint8 `(H, W, 3)`.
        result: The result of that frame.
        trace: A trace that has recorded the frame.
        threshold: The background threshold, in (0, 1).

    Raises:
        InputError: Nothing was recorded: every object is annotated in the frame.
    """
    recorded = dict(trace.maps.get(result.index, {}))
    if "filter" not in recorded:
        raise InputError(
            f"every object is annotated in frame {result.index}, so nothing was computed for it; "
            "choose a frame without a mask"
        )
    foreground = recorded.pop("foreground").sigmoid()
    maps = {
        name: values.sigmoid() if name in STAGES else values for name, values in recorded.items()
    }
    previous = maps["previous"] > threshold
    numbers = [
        _measure(name, object_id, _at(values, previous)[row], previous[row], threshold)
        for name, values in maps.items()
        for row, object_id in enumerate(result.object_ids)
    ]
    judged = trace.regions.get(result.index, [])
    regions = dict(zip(result.object_ids, judged, strict=True)) if judged else {}
    return Inspection(frame, result, maps, foreground, numbers, regions)


def _at(maps: Tensor, like: Tensor) -> Tensor:
    """Maps at the size of `like`; the readouts are computed at half the working resolution."""
    return maps if maps.shape[-2:] == like.shape[-2:] else upsample(maps, like.shape[-2:])


def _measure(
    stage: str, object_id: ObjectId, scores: Tensor, previous: Tensor, threshold: float
) -> MapNumbers:
    inside = scores > threshold
    area, before = int(inside.sum()), int(previous.sum())
    return MapNumbers(
        stage=stage,
        object_id=object_id,
        area=area,
        mean=float(scores[inside].mean()) if area else 0.0,
        highest=float(scores.max()),
        kept=int((inside & previous).sum()) / before if before else 1.0,
        outside=int((inside & ~previous).sum()),
    )


def draw_sheet(inspection: Inspection) -> Picture:
    """Draw all maps of an inspection.

    The first row has the frame, the result and the foreground's scores. Below it is a row per
    object, with the map of each stage over the frame in grey. Bright is a high score; the white
    line is the mask of that stage, at the background threshold. Numbers are those of `MapNumbers`.
    On the map that the region filter gets, every region has the probability that it is the object:
    green where it stays, red where it is removed.

    Returns:
        uint8 RGB `(height, width, 3)`.
    """
    frame, result = inspection.frame, inspection.result
    overlay = draw_overlay(frame, result.labels)
    first = [
        _tile(frame, f"frame {result.index}"),
        _tile(overlay, "result", _confidences(result)),
        _tile(_heat(frame, inspection.foreground[0]), "foreground"),
    ]
    rows = [first]
    by_object: dict[ObjectId, list[MapNumbers]] = {}
    for one in inspection.numbers:
        by_object.setdefault(one.object_id, []).append(one)
    for row, (object_id, numbers) in enumerate(by_object.items()):
        rows.append(
            [
                _tile(
                    _with_judgements(
                        _heat(frame, inspection.maps[one.stage][row]),
                        inspection.regions.get(object_id, []) if one.stage == "propagate" else [],
                        frame.shape[0] / inspection.maps[one.stage].shape[-2],
                    ),
                    f"object {object_id}: {one.stage}",
                    f"area {one.area}, mean {one.mean:.2f}, max {one.highest:.2f}, "
                    f"kept {one.kept:.0%}, new {one.outside}",
                )
                for one in numbers
            ]
        )
    return _grid(rows)


def _confidences(result: FrameResult) -> str:
    return ", ".join(f"{i}: {value:.2f}" for i, value in result.confidence.items())


def _heat(frame: Frame, scores: Tensor) -> Picture:
    """A score map `(h, w)` as colour over the frame in grey, at the size of the frame."""
    full = upsample(scores[None].float(), frame.shape[:2])[0].clamp(0, 1).numpy()
    grey = np.asarray(Image.fromarray(frame).convert("L"), dtype=np.float32)[..., None]
    anchors = np.array(_MAGMA, dtype=np.float32)
    position = full * (len(anchors) - 1)
    low = np.minimum(position.astype(int), len(anchors) - 2)
    part = (position - low)[..., None]
    colour = anchors[low] * (1 - part) + anchors[low + 1] * part
    picture: Picture = (0.35 * grey + 0.65 * colour).astype(np.uint8)
    return picture


def _with_judgements(picture: Picture, judgements: Sequence[Judgement], scale: float) -> Picture:
    """Write the probability of each region into a picture that is `scale` times its map."""
    image = Image.fromarray(picture)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(max(12, picture.shape[1] // 26))
    for one in judgements:
        place = (one.centre[1] * scale, one.centre[0] * scale)
        colour = (80, 255, 80) if one.stays else (255, 80, 80)
        text = f"{one.probability:.0%}"
        draw.text(place, text, colour, font, "mm", stroke_width=2, stroke_fill="black")
    return np.asarray(image)


def _tile(picture: Picture, title: str, numbers: str = "") -> Picture:
    """A picture at the width of a tile, with its title and numbers above it."""
    height = max(1, round(picture.shape[0] * _TILE / picture.shape[1]))
    margin = _LINES * (_TEXT + 4)
    image = Image.new("RGB", (_TILE, height + margin), "black")
    resized = Image.fromarray(picture).resize((_TILE, height), Image.Resampling.LANCZOS)
    image.paste(resized, (0, margin))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(_TEXT)
    draw.text((4, 1), title, fill="white", font=font)
    draw.text((4, _TEXT + 4), numbers, fill=(190, 190, 190), font=font)
    return np.asarray(image)


def _grid(rows: Sequence[Sequence[Picture]]) -> Picture:
    """Pictures of one size row by row; missing ones are black."""
    height, width = rows[0][0].shape[:2]
    columns = max(len(row) for row in rows)
    sheet = np.zeros((len(rows) * height, columns * width, 3), np.uint8)
    for down, row in enumerate(rows):
        for right, tile in enumerate(row):
            sheet[down * height :, right * width :][:height, :width] = tile
    return sheet


def regions_file(sheet: Path) -> Path:
    """Where the decisions of the region filter are written."""
    return sheet.with_name(f"{sheet.stem}-regions.csv")


def regions_as_csv(regions: Mapping[ObjectId, Sequence[Judgement]]) -> str:
    """A line for every region: the decision, and by feature what it adds to the logit."""
    with io.StringIO(newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("object_id", "area", "row", "column", "stays", "probability", *FEATURES))
        for object_id, judgements in regions.items():
            for one in judgements:
                reasons = (round(one.reasons[name], 3) for name in FEATURES)
                row, column = (round(at, 1) for at in one.centre)
                chance = round(one.probability, 4)
                writer.writerow((object_id, one.area, row, column, one.stays, chance, *reasons))
        return text.getvalue()


def numbers_as_csv(numbers: Sequence[MapNumbers]) -> str:
    """The numbers as CSV, with a header of the field names."""
    with io.StringIO(newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(MapNumbers._fields)
        for one in numbers:
            writer.writerow(round(x, 4) if isinstance(x, float) else x for x in one)
        return text.getvalue()
