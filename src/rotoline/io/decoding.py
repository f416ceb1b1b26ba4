"""Open a video file safely, and decode it from its current position.

This is the only module that opens files with FFmpeg to read them. A video may come from anyone, so
only formats that are complete in themselves are opened: a playlist could name any file of this
machine, or an address in the network.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideDataContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from rotoline.errors import InputError
from rotoline.io.alive import report_alive
from rotoline.io.streams import find_stream
from rotoline.limits import DEFAULT_LIMITS, MOST_PIXELS, Limits
from rotoline.wording import counted

# These read other files, the network or a device, draw text as video, or are single pictures.
_REFUSED = {
    *("hls", "dash", "webm_dash_manifest", "concat", "imf", "avisynth", "vapoursynth"),
    *("rtsp", "rtp", "sdp", "sap", "lavfi"),
    *("tty", "bin", "xbin", "adf", "idf"),
    *("image2", "image2pipe"),
}
_OPTIONS = {
    "format_whitelist": ",".join(
        sorted(
            name
            for name in av.formats_available
            if name not in _REFUSED and not name.endswith("_pipe")
        )
    ),
    "protocol_whitelist": "file",
    # Of the probing, which has to find the size of frames that are refused by their size.
    "max_pixels": str(MOST_PIXELS),
}

_DEFAULT_RATE = Fraction(24)
_REORDERED = 32
"""More frames than any format reorders: a packet that is shown before the first frame comes before
so many frames are decoded."""


@dataclass(slots=True)
class DecodeStats:
    """What happened while a file was decoded once."""

    discarded: list[int | None] = field(default_factory=list)
    """Time stamps of the packets that the file itself says not to show (an edit list)."""
    end: Fraction | None = None
    """Time at which the last decoded frame ends, in seconds."""
    is_end_known: bool = False
    """Whether the last decoded frame has a duration; else `end` is the time at which it starts."""
    damaged_packets: int = 0
    """Number of packets that the container marks as damaged."""
    places: int = 0
    """The last time of decoding in ticks, and one: in AVI, the number of frames, empty ones too."""
    decoded: int = 0
    """Number of frames decoded so far."""
    corrupt: list[int] = field(default_factory=list)
    """Indices of the frames in which the decoder had to conceal errors."""
    damage: str | None = None
    """Why decoding stopped, unless it reached the end of the file."""
    first_packets: list[int] = field(default_factory=list)
    """Time stamps of the packets that were read around the first frame, and are to be shown."""


def choose_stream(path: Path, index: int | None, limits: Limits = DEFAULT_LIMITS) -> int:
    """Index of the video stream to read: `index` if it is one, else the best; see `find_stream`.

    Raises:
        InputError: As `opened_video`, or there is no such stream, or several are equally good, or
            its frames are too large.
    """
    with opened_container(path) as container:
        stream = find_stream(container, path, index)
        if stream.codec_context is None:
            raise InputError(
                f"{path} is in a format that cannot be decoded here; convert it to H.264, or copy "
                "it again if it should be in a common format"
            )
        limits.check_size(f"a frame of {path}", stream.height, stream.width)
        return stream.index


@contextmanager
def opened_video(
    path: Path, index: int, limits: Limits = DEFAULT_LIMITS
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video file and its stream `index`, from `choose_stream`.

    Raises:
        InputError: there is no such file, it is no video, or it refers to other files.
    """
    with opened_container(path) as container:
        streams = [stream for stream in container.streams.video if stream.index == index]
        if not streams or streams[0].codec_context is None:
            raise InputError(f"{path} changed while it was read; start again")
        # The option above guards the probing; decoding has a context of its own.
        streams[0].codec_context.options = {"max_pixels": str(limits.pixels)}
        streams[0].thread_type = "AUTO"
        yield container, streams[0]


@contextmanager
def opened_container(path: Path) -> Iterator[InputContainer]:
    """Open a video file, to look at its streams.

    Raises:
        InputError: As `opened_video`.
    """
    if not path.is_file():
        found = "is not a file" if path.exists() else "does not exist"
        raise InputError(f"{path} {found}; give a video file or a folder of pictures")
    try:
        # An absolute path: in a relative one, "a:b.mp4" would name the protocol "a".
        container = av.open(str(path.absolute()), options=_OPTIONS, metadata_errors="replace")
    except av.ArgumentError as error:
        raise InputError(
            f"{path} is not a video by itself: it looks like a playlist, a stream "
            "description or a single picture; give a video file or a folder of pictures"
        ) from error
    except av.FFmpegError as error:
        raise InputError(
            f"{path} is not a video that can be read ({error.strerror}); "
            "check that the file plays and was copied completely"
        ) from error
    with container:
        yield container


def upright(picture: NDArray[Any], matrix: NDArray[np.int32]) -> NDArray[Any]:
    """Rotate and mirror a picture (H, W, ...) by a display matrix; returns a view.

    Args:
        picture: The coded picture.
        matrix: Nine numbers. Coded column x and row y go to column `m[0] x + m[3] y` and row
            `m[1] x + m[4] y`. Angles are rounded to multiples of 90 degrees.
    """
    if is_turned(matrix):
        picture = picture.swapaxes(0, 1)
        across, down = matrix[3], matrix[1]
    else:
        across, down = matrix[0], matrix[4]
    return picture[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]


def is_turned(matrix: NDArray[np.int32]) -> bool:
    """Whether a display matrix exchanges rows and columns."""
    return bool(abs(matrix[1]) > abs(matrix[0]))


def display_matrix(frame: av.VideoFrame) -> NDArray[np.int32] | None:
    """How a decoded frame is to be turned, for `upright`; None if it stays as it is."""
    try:
        # Not `frame.side_data`: it and the frame would refer to each other, so that hundreds of
        # frames would wait for the garbage collector.
        make: Any = SideDataContainer  # its declared type leaves out the argument
        found = make(frame).get("DISPLAYMATRIX")
    except ValueError:
        # Beside data of a kind that PyAV does not know, such as EXIF in Motion JPEG, there is only
        # the angle.
        angle = math.radians(-frame.rotation)
        turn = np.zeros(9)
        turn[[0, 1, 3, 4]] = np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)
        return np.round(turn * 2**16).astype(np.int32)
    return None if found is None else np.frombuffer(found, np.int32)


Show = Callable[[av.VideoFrame, VideoReformatter], NDArray[Any]]
"""Makes an array of a decoded frame, with a converter that is kept for a whole pass: it has
threads."""


def to_picture(frame: av.VideoFrame, converter: VideoReformatter) -> NDArray[Any]:
    """A decoded frame as uint8 RGB `(H, W, 3)`."""
    picture: NDArray[Any] = converter.reformat(frame, format="rgb24").to_ndarray()
    return picture


def to_levels(frame: av.VideoFrame, converter: VideoReformatter) -> NDArray[Any]:
    """A decoded frame of grey as uint16 `(H, W)`."""
    levels: NDArray[Any] = converter.reformat(frame, format="gray16le").to_ndarray()
    return levels


def is_deep_grey(stream: VideoStream) -> bool:
    """Whether a stream is grey with 16 bits, of which a camera may use a few.

    Other formats state how many bits are in use, which FFmpeg takes into account.
    """
    return (stream.codec_context.pix_fmt or "").startswith("gray16")


def decode(
    container: InputContainer, stream: VideoStream, stats: DecodeStats
) -> Iterator[av.VideoFrame]:
    """Yield the decoded frames from the current position on; stop at damage.

    Args:
        container: An open video, at the position of a keyframe.
        stream: The video stream to decode.
        stats: Updated with every frame.
    """
    try:
        for packet in container.demux(stream):
            if packet.dts is not None:
                stats.places = max(stats.places, packet.dts + 1)
            stats.damaged_packets += packet.is_corrupt
            if packet.is_discard:
                stats.discarded.append(packet.pts)
            elif stats.decoded < _REORDERED and packet.size and packet.pts is not None:
                stats.first_packets.append(packet.pts)
            for frame in packet.decode():
                if frame.is_corrupt:
                    stats.corrupt.append(stats.decoded)
                stats.decoded += 1
                report_alive()
                if frame.pts is not None:
                    stats.is_end_known = bool(frame.duration)
                    stats.end = (frame.pts + (frame.duration or 0)) * seconds_per_tick(stream)
                yield frame
    except av.FFmpegError as error:
        if isinstance(error, MemoryError):  # the end of the memory is not the end of the video
            raise InputError(
                f"{container.name} needs more memory than there is, after "
                f"{counted(stats.decoded, 'frame')}: free some memory, or scale it down; if it is "
                "small, it is damaged: copy it again"
            ) from error
        stats.damage = error.strerror or str(error)


def show_upright(
    frame: av.VideoFrame, converter: VideoReformatter, show: Show = to_picture
) -> tuple[NDArray[Any], bool]:
    """Make an array of a decoded frame, and turn it upright.

    Args:
        frame: The decoded frame.
        converter: As for `Show`.
        show: Makes an array of it.

    Returns:
        The array, and whether its rows and columns were exchanged.

    Raises:
        InputError: The pixels are of a kind that cannot be converted.
    """
    try:
        picture = show(frame, converter)
    except av.FFmpegError as error:
        raise InputError(
            f"a frame of {frame.height} x {frame.width} pixels in the format {frame.format.name} "
            f"cannot be shown ({error.strerror}); copy the video again, or convert it to H.264"
        ) from error
    matrix = display_matrix(frame)
    if matrix is None:
        return np.ascontiguousarray(picture), False
    return np.ascontiguousarray(upright(picture, matrix)), is_turned(matrix)


def seconds_per_tick(stream: VideoStream) -> Fraction:
    """The unit of the stream's time stamps, in seconds."""
    return stream.time_base or Fraction(1, av.time_base)


def frame_rate(stream: VideoStream) -> Fraction:
    """Frames per second on average; impossible rates in a file, such as 90,000, are ignored."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate is not None and 0 < rate <= 1000:
            return rate
    return _DEFAULT_RATE
