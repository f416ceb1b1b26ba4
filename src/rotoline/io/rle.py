"""Masks as run lengths: those of COCO go down the columns, those of CVAT along the rows.

Both begin with a run of background, which may have length 0. COCO packs its runs into text.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotoline.errors import InputError
from rotoline.extras import import_extra

Mask = NDArray[np.bool_]


def encode(mask: Mask) -> str:
    """Pack a mask, bool `(H, W)`, into the text that COCO calls `counts`.

    Raises:
        ConfigError: pycocotools is not installed.
    """
    counts: bytes = pycocotools().encode(np.asfortranarray(mask, np.uint8))["counts"]
    return counts.decode("ascii")


def decode(counts: str | Sequence[int], size: tuple[int, int]) -> Mask:
    """Undo `encode`, or read the run lengths of COCO as numbers.

    Not done by pycocotools, which leaves pixels undefined where the runs end early, and warns with
    NumPy 2.

    Args:
        counts: Text as pycocotools packs it, or the length of every run.
        size: Height and width of the mask.

    Returns:
        bool `(H, W)`.

    Raises:
        InputError: The runs do not fill the mask exactly.
    """
    height, width = size
    runs = _unpack(counts) if isinstance(counts, str) else counts
    return _fill(runs, height * width).reshape(width, height).T


def encode_columns(mask: Mask) -> tuple[int, ...]:
    """The run lengths of COCO of a mask, bool `(H, W)`, as numbers; `decode` undoes it.

    Example:
        >>> encode_columns(np.array([[0, 1], [0, 1]], dtype=bool))
        (2, 2)
    """
    return tuple(encode_rows(mask.T))


def encode_rows(mask: Mask) -> list[int]:
    """The run lengths of CVAT of a mask, bool `(H, W)`."""
    flat = mask.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs: list[int] = np.diff(changes, prepend=0, append=flat.size).tolist()
    return [0, *runs] if flat[0] else runs


def decode_rows(runs: Sequence[int], size: tuple[int, int]) -> Mask:
    """Undo `encode_rows`. Runs may end before the last pixel: the rest is background.

    Raises:
        InputError: The runs are longer than the mask.
    """
    rest = size[0] * size[1] - sum(runs)
    # A run of background after one of background: the object's run between has length 0.
    padding = [] if rest <= 0 else [rest] if len(runs) % 2 == 0 else [0, rest]
    return _fill([*runs, *padding], size[0] * size[1]).reshape(size)


def draw_polygons(polygons: Sequence[Sequence[float]], size: tuple[int, int]) -> Mask:
    """Fill polygons as pycocotools does: their union.

    Args:
        polygons: Each x, y, x, y, ... of at least three points; 0, 0 is the corner of the frame.
        size: Height and width of the frame.

    Returns:
        bool `(H, W)`.

    Raises:
        InputError: A polygon has too few points, or one that is far outside the frame.
        ConfigError: pycocotools is not installed.
    """
    height, width = size
    mask = np.zeros(size, bool)
    for polygon in polygons:
        check_points(polygon, size)
        (filled,) = pycocotools().frPyObjects([list(polygon)], height, width)
        mask |= decode(filled["counts"].decode("ascii"), size)
    return mask


def check_points(points: Sequence[float], size: tuple[int, int]) -> None:
    """Refuse what is no polygon. The time and memory of drawing one grow with its length.

    Args:
        points: x, y, x, y, ...
        size: Height and width of the frame.

    Raises:
        InputError: There are too few points, or one is far outside the frame.
    """
    if len(points) < 6 or len(points) % 2:
        raise InputError(
            f"a polygon has {len(points)} numbers, and x and y of three or more points are needed"
        )
    found = np.asarray(points, np.float64).reshape(-1, 2)
    limit = np.array(size[::-1])
    if not (np.isfinite(found) & (found >= -limit) & (found <= 2 * limit)).all():
        raise InputError(
            f"a polygon has points far outside the frame of {size[1]}x{size[0]}; draw it on the "
            "frames themselves"
        )


def _fill(runs: Sequence[int], count: int) -> Mask:
    """Runs of background and object in turn, as bool `(count,)`."""
    total = sum(runs)
    is_negative = any(run < 0 for run in runs)
    if total != count or is_negative:
        raise InputError(
            f"the runs of a mask have {total} pixels in all"
            f"{', one of them negative' * is_negative}, and its size is {count}; "
            "write the file again with the program that made it"
        )
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs)


def _unpack(counts: str) -> list[int]:
    """The run lengths in the text of COCO.

    Every character has five bits of a number, the lowest first, and one that says whether more
    follow; from the fourth number on, it is the difference to the number before the last.
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise InputError(f"the runs of a mask are no text of COCO: {counts[:20]!r}")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs


def pycocotools() -> Any:
    """The module `pycocotools.mask`, which has no types.

    Raises:
        ConfigError: It is not installed.
    """
    return import_extra("pycocotools.mask", "the run lengths of COCO")
