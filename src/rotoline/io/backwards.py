"""Read frames in reverse from a source that can only be read forwards, in chunks."""

from collections.abc import Callable, Iterator

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
