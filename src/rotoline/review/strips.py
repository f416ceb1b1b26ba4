"""The numbers of one object over time, as an SVG drawing that a page embeds."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from rotoline.review.findings import LOW_CONFIDENCE
from rotoline.review.measures import Measures
from rotoline.review.ranking import ListedFrame

WIDTH, HEIGHT = 800, 76
"""Size of a strip in the units of its coordinates."""
_COLUMNS = 400
"""Largest number of points of a line: more frames share points."""
_CONFIDENCE = 14, 44
_AREA = 46, 66
_VISIBLE = 69, 74
"""Top and bottom of the three rows; above them are the marks."""


def draw_strip(
    measures: Measures, row: int, listed: Sequence[ListedFrame], cuts: Sequence[int]
) -> str:
    """Draw an object over time: confidence, area, and where it is visible.

    Where several frames share a point, it has the lowest confidence and the mean area of those in
    which the object is visible.

    Args:
        measures: The numbers.
        row: Row of the object in them.
        listed: The frames to correct first; those that concern the object have their rank written
            above.
        cuts: Positions of the frames after scene cuts, which are dashed lines.

    Returns:
        An `svg` element with a description. Colours come from the classes of the page's style.
    """
    count = len(measures.names)
    columns = min(count, _COLUMNS)
    of = np.arange(count) * columns // count
    visible = measures.areas[:, row] > 0
    seen = _per_column(of, columns, visible, visible).astype(bool)
    confidence = _lowest(of, columns, measures.confidence[:, row], visible)
    area = _per_column(of, columns, measures.areas[:, row].astype(float), visible)
    area /= np.maximum(_per_column(of, columns, visible, visible), 1)
    name = measures.object_ids[row]
    ranks = {one.frame: rank for rank, one in enumerate(listed, start=1) if name in one.object_ids}
    parts = [
        _across("threshold", _between(_CONFIDENCE, LOW_CONFIDENCE)),
        *(_line(_x(of[t], columns), 0, HEIGHT, "cut") for t in _first_per_column(cuts, of)),
        _filled(area / max(float(area.max(initial=0.0)), 1.0), seen),
        _curve(confidence, seen),
        *_bars(seen),
        *(_triangle(_x(of[t], columns)) for t in _first_per_column(_where(measures.marked), of)),
        *(
            f'<text x="{_x(of[t], columns):g}" y="9" class="rank">{rank}</text>'
            for t, rank in sorted(ranks.items())
        ),
    ]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{describe(measures, row)}">'
        + "".join(parts)
        + "</svg>"
    )


def describe(measures: Measures, row: int) -> str:
    """What a strip shows, in words; the names of frames are left out, so it needs no escaping."""
    visible = measures.areas[:, row] > 0
    text = (
        f"Object {measures.object_ids[row]}: visible in {int(visible.sum())} of {len(visible)} "
        "frames"
    )
    if not visible.any():
        return text
    confidence = measures.confidence[visible, row]
    return f"{text}, confidence {confidence.min():.2f} to {confidence.max():.2f}"


def _where(values: NDArray[np.bool_]) -> list[int]:
    found: list[int] = np.flatnonzero(values).tolist()
    return found


def _per_column(
    of: NDArray[np.int64], columns: int, values: NDArray[np.generic], chosen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The sum of the chosen values of each column."""
    total = np.bincount(of[chosen], values[chosen].astype(np.float64), minlength=columns)
    return total.astype(np.float64)


def _lowest(
    of: NDArray[np.int64],
    columns: int,
    values: NDArray[np.float64],
    chosen: NDArray[np.bool_],
) -> NDArray[np.float64]:
    result = np.ones(columns)
    np.minimum.at(result, of[chosen], values[chosen])
    return result


def _first_per_column(positions: Iterable[int], of: NDArray[np.int64]) -> list[int]:
    return sorted({int(of[t]): t for t in reversed(list(positions))}.values())


def _x(column: int, columns: int) -> float:
    return round((column + 0.5) * WIDTH / columns, 1)


def _between(row: tuple[int, int], value: float) -> float:
    """The height of a value in [0, 1] in a row, whose top is 1."""
    top, bottom = row
    return round(float(bottom - value * (bottom - top)), 1)


def _across(kind: str, y: float) -> str:
    return f'<path d="M0 {y:g}H{WIDTH}" class="{kind}"/>'


def _line(x: float, top: float, bottom: float, kind: str) -> str:
    return f'<path d="M{x:g} {top:g}V{bottom:g}" class="{kind}"/>'


def _triangle(x: float) -> str:
    return f'<path d="M{x - 4:g} {HEIGHT}h8l-4 -7z" class="marked"/>'


def _curve(values: NDArray[np.float64], seen: NDArray[np.bool_]) -> str:
    lines = []
    for start, end in _runs(seen):
        points = [
            f"{_x(i, len(seen)):g} {_between(_CONFIDENCE, values[i]):g}" for i in range(start, end)
        ]
        # A single point has no length, so it would not be seen.
        lines.append(f"M{'L'.join(points)}" + "h1" * (len(points) == 1))
    return f'<path d="{"".join(lines)}" class="confidence"/>'


def _filled(values: NDArray[np.float64], seen: NDArray[np.bool_]) -> str:
    shapes, width = [], WIDTH / len(seen)
    for start, end in _runs(seen):
        points = [
            f"L{_x(i, len(seen)):g} {_between(_AREA, values[i]):g}" for i in range(start, end)
        ]
        left, right = start * width, end * width
        first, last = (_between(_AREA, values[i]) for i in (start, end - 1))
        shapes.append(
            f"M{left:.4g} {_AREA[1]}V{first:g}{''.join(points)}L{right:.4g} {last:g}V{_AREA[1]}z"
        )
    return f'<path d="{"".join(shapes)}" class="area"/>'


def _bars(seen: NDArray[np.bool_]) -> list[str]:
    width, (top, bottom) = WIDTH / len(seen), _VISIBLE
    return [
        f'<rect x="{start * width:.4g}" y="{top}" width="{(end - start) * width:.4g}" '
        f'height="{bottom - top}" class="visible"/>'
        for start, end in _runs(seen)
    ]


def _runs(values: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First position and position after the last of each run of true values."""
    edges = np.flatnonzero(np.diff(values.astype(np.int8), prepend=0, append=0))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
