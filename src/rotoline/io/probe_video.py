"""What a video file is: its streams, which one is taken, its times, its pictures, its damage."""

from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from rotoline.errors import InputError
from rotoline.io.completeness import declared_length, find_rhythm
from rotoline.io.decoding import (
    DecodeStats,
    choose_stream,
    decode,
    frame_rate,
    opened_container,
    opened_video,
    seconds_per_tick,
)
from rotoline.io.streams import NO_VIDEO
from rotoline.io.video import VideoFile

_LOOKED_AT = 5_000
"""Packets of the stream whose times are looked at, unless all frames are decoded."""


def probe_video(path: Path, *, decode: bool, stream: int | None) -> dict[str, Any]:
    """Say what a video file is; see `rotoline.io.probe.probe`."""
    with opened_container(path) as container:
        report: dict[str, Any] = {
            "kind": "video",
            "path": str(path),
            "format": container.format.long_name,
            "bytes": path.stat().st_size,
            "seconds": _seconds(container.duration, Fraction(1, av.time_base)),
            "streams": [_describe_stream(one) for one in container.streams],
        }
        try:
            taken = choose_stream(path, stream)
        except InputError as error:
            return report | {"taken": None, "refused": str(error)}
        reason = _explain_choice(list(container.streams.video), taken, stream)
        report |= {"taken": taken, "why": reason}
    try:
        with opened_video(path, taken) as (container, opened):
            report |= _describe_times(container, opened)
        with opened_video(path, taken) as (container, opened):
            report |= _describe_picture(container, opened)
        source = VideoFile(path, taken)
        report |= {"size as read (height x width)": list(source.size)}
        report |= _decode_all(source) if decode else {"decoded": None, "problem": None}
        report |= dict(source.reading) | {"refused": None}
    except InputError as error:
        report["refused"] = str(error)
    return report


def _describe_stream(stream: Any) -> dict[str, Any]:
    """One stream of any type."""
    context = stream.codec_context
    found: dict[str, Any] = {
        "index": stream.index,
        "type": stream.type,
        "codec": context.name if context else None,
        "seconds": _seconds(stream.duration, stream.time_base),
        "role": _role(stream),
    }
    if isinstance(stream, VideoStream) and context:
        found |= {
            "size (height x width)": [stream.height, stream.width],
            "frames": stream.frames or None,
        }
    elif stream.type == "audio" and context:
        found |= {"samples a second": context.sample_rate, "channels": context.channels}
    return found


def _role(stream: Any) -> str | None:
    roles = [one.name for one in Disposition if one in stream.disposition and one.name]
    return ", ".join(role.replace("_", " ") for role in roles) or None


def _explain_choice(streams: list[VideoStream], taken: int, asked: int | None) -> str:
    """Why a video stream is the one that is read."""
    if asked is not None:
        return "asked for"
    others = [stream for stream in streams if stream.index != taken]
    if not others:
        return "the only video stream"
    reasons = []
    for stream in others:
        if stream.disposition & NO_VIDEO:
            reason = "is a cover, thumbnail or still picture"
        elif stream.codec_context is None:
            reason = "cannot be decoded here"
        else:
            reason = "has at most half the pixels, or less than half the frames"
        reasons.append(f"stream {stream.index} {reason}")
    return "; ".join(reasons)


def _describe_times(container: InputContainer, stream: VideoStream) -> dict[str, Any]:
    """Frames and times as the container states them, and as the first packets show them."""
    declared, tick = declared_length(container, stream), seconds_per_tick(stream)
    stamps, hidden, keys = [], 0, 0
    damage = None
    try:
        for packet in islice(container.demux(stream), _LOOKED_AT):
            if not packet.size:
                continue
            hidden += packet.is_discard
            keys += packet.is_keyframe
            if not packet.is_discard:
                stamps.append(packet.pts)
    except av.FFmpegError as error:
        damage = error.strerror or str(error)
    known = sorted(stamp for stamp in stamps if stamp is not None)
    rhythm = find_rhythm(known, tick) if len(known) == len(stamps) else None
    return {
        "frames declared": declared.frames,
        "frames estimated": declared.estimate,
        "frame_rate": str(frame_rate(stream)),
        "variable rate": None if len(known) < 8 else rhythm is None,
        "starts at (s)": _seconds(stream.start_time, tick),
        "keyframes": keys,
        "frames hidden by an edit list": hidden,
        "looked at": f"the first {_LOOKED_AT} frames" if len(stamps) >= _LOOKED_AT else "all",
        "damage": damage,
    }


def _describe_picture(container: InputContainer, stream: VideoStream) -> dict[str, Any]:
    """What the first frame is like."""
    frame = next(decode(container, stream, DecodeStats()), None)
    if frame is None:
        return {}
    shape = stream.sample_aspect_ratio or Fraction(1)
    components = frame.format.components
    return {
        "size as stored (height x width)": [frame.height, frame.width],
        "rotation (degrees)": frame.rotation,
        "pixel shape (width : height)": f"{shape.numerator}:{shape.denominator}",
        "pixel format": frame.format.name,
        "bits": max(component.bits for component in components),
        "alpha": any(component.is_alpha for component in components),
        "interlaced": bool(frame.interlaced_frame),
    }


def _decode_all(source: VideoFile) -> dict[str, Any]:
    count = sum(1 for _ in source)
    return {"decoded": count, "problem": source.problem}


def _seconds(ticks: int | None, unit: Fraction | None) -> float | None:
    return None if ticks is None or unit is None else round(float(ticks * unit), 3)
