"""Pictures of results: the worst frames next to their truth, and a reliability diagram."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from rotoline.evaluation.calibration import Bin
from rotoline.evaluation.measure import MeasuredClip, ObjectMeasure
from rotoline.io.overlay import contact_sheet, draw_overlay

Picture = NDArray[np.uint8]
"""uint8 `(H, W, 3)`, RGB."""

WORST = 5
"""Number of objects on the sheet of the worst frames."""
_TILE = 640
_TEXT = 14
_PLOT, _MARGIN = 480, 56
_GREY, _BLUE, _RED, _BLACK = (150, 150, 150), (90, 140, 210), (200, 40, 40), (0, 0, 0)


def worst_frames(measured: Sequence[MeasuredClip]) -> Picture:
    """Draw the worst frame of each of the `WORST` objects with the lowest J&F.

    Returns:
        One row per object: the prediction on the left, the truth on the right.
    """
    objects = [(clip, one) for clip in measured for one in clip.measure.objects]
    objects.sort(key=lambda pair: pair[1].j_and_f)
    tiles = [tile for clip, one in objects[:WORST] for tile in _tiles(clip, one)]
    return contact_sheet(tiles, columns=2, width=2 * _TILE)


def _tiles(measured: MeasuredClip, one: ObjectMeasure) -> list[Picture]:
    """Prediction and truth of an object's worst frame."""
    clip = measured.clip
    index, labels = measured.worst[one.object_id]
    name = clip.frame_names[index]
    at = measured.measure.frames.index(name)
    title = f"{clip.name}, object {one.object_id}, frame {name}"
    scores = f"J {one.j[at]:.3f}, F {one.f[at]:.3f}, confidence {one.confidence[at]:.2f}"
    frame = clip.read_frame(index)
    return [
        _titled(draw_overlay(frame, labels), f"{title}: {scores}"),
        _titled(draw_overlay(frame, clip.read_truth(index)), f"{title}: truth"),
    ]


def _titled(picture: Picture, title: str) -> Picture:
    """The picture at the width of a tile, with a line of text on its upper edge."""
    height = round(picture.shape[0] * _TILE / picture.shape[1])
    image = Image.fromarray(picture).resize((_TILE, height), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, _TILE, _TEXT + 6), fill=_BLACK)
    draw.text((4, 1), title, fill="white", font=ImageFont.load_default(_TEXT))
    return np.array(image)


def reliability_diagram(bins: Sequence[Bin]) -> Picture:
    """Draw mean J over confidence, as bars with the number of masks in each.

    The bars reach the diagonal where the mean confidence equals the mean J.

    Returns:
        A square picture.
    """
    extent = _PLOT + 2 * _MARGIN
    image = Image.new("RGB", (extent, extent), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(_TEXT - 2)

    def at(x: float, y: float) -> tuple[float, float]:
        return _MARGIN + x * _PLOT, _MARGIN + (1 - y) * _PLOT

    for one in bins:
        if one.entries:
            draw.rectangle((*at(one.low + 0.005, one.quality), *at(one.high - 0.005, 0)), _BLUE)
            x, y = at(one.confidence, one.quality)
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), _RED)
            middle = at((one.low + one.high) / 2, 0)
            draw.text((middle[0], middle[1] - 4), str(one.entries), _BLACK, font, "mb")
    draw.line((at(0, 0), at(1, 1)), _GREY, 2)
    draw.rectangle((*at(0, 1), *at(1, 0)), outline=_BLACK)
    for tick in np.linspace(0, 1, 6):
        x, y = at(tick, 0)
        draw.text((x, y + 6), f"{tick:.1f}", _BLACK, font, "mt")
        x, y = at(0, tick)
        draw.text((x - 6, y), f"{tick:.1f}", _BLACK, font, "rm")
    title = "mean J (bars) by confidence; dots at mean confidence; number of masks below"
    draw.text((extent / 2, _MARGIN / 2), title, _BLACK, font, "mm")
    draw.text((extent / 2, extent - 12), "confidence", _BLACK, font, "mm")
    return np.array(image)
