"""Read frames in reverse, or some of them, from a source that can only be read forwards."""

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice

from rotoline.errors import InputError
from rotoline.types import Frame

_CHUNK_BYTES = 2**28
_LONGEST_CHUNK = 32


def read_backwards(
    select: Callable[[range], Iterator[Frame]], indices: range, size: tuple[int, int]
) -> Iterator[tuple[int, Frame]]:
    """Read some frames from the last to the first, in constant memory.

    Args:
        select: `FrameSource.select`.
        indices: The frames, ascending; all of them exist.
        size: Height and width of the frames.

    Yields:
        Position in `indices`, and the frame: `len(indices) - 1`, ..., 0.
    """
    length = max(4, min(_LONGEST_CHUNK, _CHUNK_BYTES // (3 * size[0] * size[1])))
    for high in range(len(indices), 0, -length):
        low = max(0, high - length)
        chunk = list(select(indices[low:high]))
        while chunk:
            yield low + len(chunk) - 1, chunk.pop()


def read_some(
    frames: Iterable[Frame], indices: Collection[int], missing: Callable[[int], InputError]
) -> dict[int, Frame]:
    """Read some frames by index, from the first frame to the last of them.

    Args:
        frames: All frames in order.
        indices: The wanted ones.
        missing: The error about a frame that does not exist.
    """
    wanted = set(indices)
    if wanted and min(wanted) < 0:
        raise missing(min(wanted))
    shown = islice(frames, max(wanted, default=-1) + 1)
    found = {index: frame for index, frame in enumerate(shown) if index in wanted}
    if len(found) < len(wanted):
        raise missing(max(wanted))
    return found
