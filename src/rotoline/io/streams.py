"""Which of the video streams of a file is the video."""

from collections import Counter
from contextlib import suppress
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from rotoline.errors import InputError

NO_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
"""Streams with any of these are no videos."""
_COUNTED_PACKETS = 1000
"""After so many packets of one stream it is clear which streams are as long: no file is read
through."""


def find_stream(container: InputContainer, path: Path, index: int | None) -> VideoStream:
    """Take the video stream `index`, or the best one.

    Covers, thumbnails, streams with less than half as many frames as another, and those with at
    most half as many pixels as another are not the video. A cover is taken where there is nothing
    else. Reads some packets if there are several streams: decode from a container opened anew.

    Args:
        container: The open file.
        path: Its name for messages.
        index: Number of the stream among all streams of the file, from 0, or None.

    Raises:
        InputError: There is no such stream, or several are equally good.
    """
    streams = list(container.streams.video)
    if not streams:
        raise InputError(
            f"{path} holds no video: {container.format.long_name} with "
            f"{len(container.streams)} other streams; if it should be a video, it was "
            "probably cut off, so copy or download it again"
        )
    if index is not None:
        chosen = [stream for stream in streams if stream.index == index]
        if not chosen:
            raise InputError(
                f"{path} has no video stream {index}; its video streams are "
                f"{_describe(streams)}: choose one of these"
            )
        return chosen[0]
    decodable = [stream for stream in streams if stream.codec_context is not None] or streams
    best = [stream for stream in decodable if not stream.disposition & NO_VIDEO] or decodable[:1]
    if len(best) > 1:
        packets = _count_packets(container, best)
        most = max(packets.values(), default=0)
        best = [stream for stream in best if 2 * packets[stream.index] >= most]
        largest = max(stream.width * stream.height for stream in best)
        # All are 0 x 0 where the header is damaged.
        best = [stream for stream in best if 2 * stream.width * stream.height > largest] or best
    if len(best) > 1:
        raise InputError(
            f"{path} holds {len(best)} videos that are equally good: {_describe(best)}; choose one "
            f"by its number, with --stream {best[0].index} (from Python: stream={best[0].index})"
        )
    return best[0]


def _count_packets(container: InputContainer, streams: list[VideoStream]) -> Counter[int]:
    """Number of packets by index of the stream, until one has `_COUNTED_PACKETS`."""
    counts: Counter[int] = Counter()
    with suppress(av.FFmpegError):  # damage, which is reported where it is decoded
        for packet in container.demux(streams):
            counts[packet.stream.index] += packet.size > 0
            if counts[packet.stream.index] == _COUNTED_PACKETS:
                break
    return counts


def _describe(streams: list[VideoStream]) -> str:
    return ", ".join(
        f"{stream.index} ({stream.height} x {stream.width} pixels, "
        f"{stream.codec_context.name if stream.codec_context else 'unknown format'})"
        for stream in streams
    )
