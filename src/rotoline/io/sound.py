"""Copy the sound of a video file into another one, as it is."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer

from rotoline.io.decoding import opened_video
from rotoline.io.video import VideoFile

if TYPE_CHECKING:
    AudioPacket: TypeAlias = av.Packet[AudioStream]


class Sound:
    """Copies the packets of all audio streams of a file, along with its pictures.

    Args:
        video: The file to copy from, of which a frame was decoded. That of index 0 is at time 0
            of the copy.
        target: The file to copy into, before anything is written to it.
    """

    def __init__(self, video: VideoFile, target: OutputContainer) -> None:
        self._start, self._target = video.start, target
        self._closing = ExitStack()
        container, _ = self._closing.enter_context(opened_video(video.path, video.stream))
        kept = [s for s in container.streams.audio if _codec(s) in target.supported_codecs]
        missing = {_codec(stream) for stream in container.streams.audio if stream not in kept}
        self.left_out = ", ".join(sorted(missing))
        """The codecs of the sound that the container cannot hold; empty if there is none."""
        self._copies = {s.index: target.add_stream_from_template(s) for s in kept}
        self._packets = self._read(container, kept)
        self._next = next(self._packets, None)

    def copy_until(self, seconds: Fraction | None) -> None:
        """Copy the sound that begins up to a time after the first frame; None for all of it."""
        while self._next is not None:
            time, packet = self._next
            if seconds is not None and time > seconds:
                return
            packet.stream = self._copies[packet.stream.index]
            self._target.mux_one(packet)
            self._next = next(self._packets, None)

    def close(self) -> None:
        """Close the file that is copied from."""
        self._closing.close()

    def _read(
        self, container: InputContainer, streams: Sequence[AudioStream]
    ) -> "Iterator[tuple[Fraction, AudioPacket]]":
        """The packets of all streams and their times, in seconds after the first frame."""
        if not streams:
            return
        for packet in cast("Iterator[AudioPacket]", container.demux(*streams)):
            if packet.dts is None or packet.pts is None:  # the end of a stream
                continue
            tick = packet.time_base or Fraction(1, av.time_base)
            shift = round(self._start / tick)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            # QuickTime plays from the time of the first frame on. Matroska has no earlier times,
            # so FFmpeg would move the pictures.
            if packet.dts >= 0 or self._target.format.name != "matroska":
                yield packet.dts * tick, packet


def has_sound(video: VideoFile) -> bool:
    """Whether a video file has sound."""
    with opened_video(video.path, video.stream) as (container, _):
        return bool(container.streams.audio)


def _codec(stream: AudioStream) -> str:
    """FFmpeg's name of the codec of a stream."""
    context = stream.codec_context
    return "an unknown codec" if context is None else context.codec.canonical_name
