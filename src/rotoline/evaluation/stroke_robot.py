"""A robot that paints strokes where a mask is wrong, as a person who corrects it would.

The robot of the DAVIS challenge of 2018 draws along the middle of the largest region that is wrong
(Caelles et al., arXiv 1803.00557, section 3.2). This one was written from that description: the
longest path through the region, drawn away from its borders.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from rotoline.interact import Stroke

WIDTH = 4
"""Width of a stroke in pixels, where there is room."""
MAX_PIXELS = 10_000
"""A region with more pixels is reduced before a path is looked for."""
CORE = 0.5
"""A path stays where the distance to the border is at least this share of the largest one."""

_SIDES = ((0, 1), (1, 0), (1, 1), (1, -1))


def largest_region(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The 8-connected region of a mask `(H, W)` with the most pixels; empty if it is empty."""
    regions, _ = ndimage.label(mask, structure=np.ones((3, 3), int))
    areas = np.bincount(regions.ravel())
    areas[0] = 0
    found: NDArray[np.bool_] = (regions == areas.argmax()) & mask
    return found


def draw_stroke(mask: NDArray[np.bool_], *, is_object: bool) -> Stroke | None:
    """Draw a stroke in the largest region of a mask.

    Args:
        mask: `(H, W)`: the pixels that are wrong.
        is_object: What the stroke says of them.

    Returns:
        A stroke inside of the region, up to `WIDTH` pixels wide; None if the mask is empty.
    """
    region = largest_region(mask)
    if not region.any():
        return None
    path = _central_path(region)
    distance = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    room = distance[path[:, 0], path[:, 1]].min() - 0.5
    return Stroke(
        tool="stroke",
        is_object=is_object,
        radius=float(np.clip(room, 0.5, WIDTH / 2)),
        points=tuple((float(x) + 0.5, float(y) + 0.5) for y, x in path),
    )


def _central_path(region: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rows and columns `(n, 2)` of the longest path in the middle of a region."""
    step = max(1, int(np.ceil(np.sqrt(region.sum() / MAX_PIXELS))))
    inside = np.pad(region, 1)
    distance = ndimage.distance_transform_edt(inside)[1:-1, 1:-1][::step, ::step]
    if distance.max() == 0:
        # The grid misses a region that is thinner than its step.
        return np.argwhere(region)[:1]
    core = largest_region(distance >= max(CORE * distance.max(), 1e-6))
    pixels = np.argwhere(core)
    number = np.full(core.shape, -1)
    number[core] = np.arange(len(pixels))
    ends, lengths = _neighbours(number)
    plain = _graph(ends, lengths, len(pixels))
    first = _farthest(plain, int(distance[core].argmax()))
    last = _farthest(plain, first)
    depth = distance[core]
    # In the middle of the region a pixel is cheap, so the path keeps away from the borders.
    costs = lengths / np.minimum(depth[ends[0]], depth[ends[1]]) ** 2
    _, before = csgraph.dijkstra(  # type: ignore[call-overload]  # its types lack one index
        _graph(ends, costs, len(pixels)), directed=False, indices=first, return_predecessors=True
    )
    path = [last]
    while path[-1] != first:
        path.append(int(before[path[-1]]))
    found: NDArray[np.int64] = pixels[path] * step
    return found


def _neighbours(number: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pairs of neighbouring pixels `(2, n)`, and their distances `(n,)`."""
    height, width = number.shape
    ends, lengths = [], []
    for down, right in _SIDES:
        left = slice(max(0, -right), width - max(0, right))
        moved = slice(max(0, right), width - max(0, -right))
        pair = np.stack((number[: height - down, left], number[down:, moved])).reshape(2, -1)
        pair = pair[:, (pair >= 0).all(0)]
        ends.append(pair)
        lengths.append(np.full(pair.shape[1], np.hypot(down, right)))
    return np.concatenate(ends, axis=1), np.concatenate(lengths)


def _graph(ends: NDArray[np.int64], costs: NDArray[np.float64], count: int) -> sparse.csr_matrix:
    return sparse.csr_matrix((costs, (ends[0], ends[1])), shape=(count, count))


def _farthest(graph: sparse.csr_matrix, start: int) -> int:
    """The pixel with the longest way from another one."""
    distances = csgraph.dijkstra(  # type: ignore[call-overload]  # its types lack one index
        graph, directed=False, indices=start
    )
    distances[~np.isfinite(distances)] = -1
    return int(distances.argmax())
