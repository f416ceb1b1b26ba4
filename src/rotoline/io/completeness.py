"""Whether a video gave all the frames that its file promises.

A file may count its frames, say how long it is, and give every frame a time. Where these do not
agree with what was decoded, frames were lost, or the file is damaged.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from rotoline.io.decoding import DecodeStats, frame_rate, seconds_per_tick
from rotoline.io.gif import count_pictures

_MATROSKA_DURATION = re.compile(r"([0-9]{1,9}):([0-9]{2}):([0-9]{2}(?:\.[0-9]{1,9})?)")
_TIMED_FREELY = {"gif", "apng", "avi"}
"""Formats in which pauses are no sign of lost frames: the time of each picture is chosen, and AVI
has empty frames that repeat the one before."""
_REPEATS = 10
"""Bytes: a frame of MPEG-4 that says no more than that the picture stays is not larger."""
_FEWEST_FRAMES = 8
"""Fewer show no rhythm: any two of their intervals could differ by choice."""


@dataclass(frozen=True, slots=True)
class DeclaredLength:
    """What the container says about its length, before anything is decoded."""

    frames: int | None
    """Exact number of frames, where the container counts them."""
    places: int
    """In AVI, the number of frames and of empty frames, which repeat the one before; else 0."""
    indexed: int
    """Number of frames in the index, where the container has one that was read."""
    fewest: int
    """In AVI and GIF, the number of frames that there are at least; else 0."""
    begin: Fraction
    """Time at which the first frame starts."""
    seconds: Fraction | None
    """Time at which the last frame ends, from time 0 of the file."""
    shown_seconds: Fraction | None
    """Time at which the last frame ends if an edit list leaves some out; only where the container
    has no other stream, as it says this for all of them together."""
    slack: Fraction
    """Largest error of `seconds` in an undamaged file."""
    is_exact: bool
    """Whether `seconds` is exact to the millisecond: Matroska states it for each stream."""
    estimate: int | None
    """Number of frames: `frames` if it is known, else computed from the duration."""
    is_timed_freely: bool
    """Whether the times of the frames say nothing about lost ones."""


class Rhythm(NamedTuple):
    """The regular times of frames."""

    interval: Fraction
    """Seconds from one frame to the next."""
    jumps: list[int]
    """Indices of the frames that come later than that after the one before."""


def declared_length(container: InputContainer, stream: VideoStream) -> DeclaredLength:
    """Collect what the container says about the length of the stream."""
    rate, tick = frame_rate(stream), seconds_per_tick(stream)
    begin = (stream.start_time or 0) * tick
    seconds: Fraction | None = None
    slack = Fraction(3, 2) / rate
    written = _MATROSKA_DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    if stream.duration:
        seconds = begin + stream.duration * tick
    elif written:
        hours, minutes, rest = map(Fraction, written.groups())
        seconds = Fraction(hours * 3600 + minutes * 60 + rest)
    elif container.duration:
        # The duration of the longest stream; sound often runs a little longer than the picture.
        seconds = begin + Fraction(container.duration, av.time_base)
        slack += len(container.streams) > 1
    shown_seconds: Fraction | None = None
    if container.duration and len(container.streams) == 1:
        shown_seconds = begin + Fraction(container.duration, av.time_base)
    is_avi = container.format.name == "avi"
    frames = None if is_avi else stream.frames or None
    guess = None if seconds is None else max(0, round((seconds - begin) * rate))
    return DeclaredLength(
        frames=frames,
        places=stream.frames if is_avi else 0,
        indexed=len(stream.index_entries),
        fewest=_count_fewest(container, stream),
        begin=begin,
        seconds=seconds,
        shown_seconds=shown_seconds,
        slack=slack,
        is_exact=written is not None and not stream.duration,
        estimate=frames or guess,
        is_timed_freely=container.format.name in _TIMED_FREELY,
    )


def _count_fewest(container: InputContainer, stream: VideoStream) -> int:
    """Number of frames that there are at least; 0 if it is not known."""
    if container.format.name == "avi":
        return sum(entry.size > _REPEATS for entry in stream.index_entries)
    return count_pictures(Path(container.name)) if container.format.name == "gif" else 0


def describe_loss(
    declared: DeclaredLength, stats: DecodeStats, stamps: Sequence[int | None], tick: Fraction
) -> str | None:
    """Say what was wrong in a pass to the end; None if everything promised was decoded.

    Args:
        declared: What the container says.
        stats: What happened in the pass.
        stamps: Time stamp of every frame, in ticks.
        tick: Seconds of a tick.

    Returns:
        Text that follows the name of the file.
    """
    is_more = declared.estimate is not None and declared.estimate > stats.decoded
    of = f" of {declared.estimate}" if is_more else ""
    if stats.damage is not None:
        return f"stopped after {stats.decoded}{of} frames: damaged ({stats.damage})"
    rhythm = None if declared.is_timed_freely else find_rhythm(stamps, tick)
    found = []
    late = _seconds_before_first(declared, stats, stamps, tick)
    if late and not _ends_early(declared, stats, rhythm):
        found.append(
            f"begins {float(late):.3f} s after its start, with {stats.decoded}{of} frames: those "
            "before cannot be decoded, as in a video that was cut between two keyframes"
        )
    elif _is_short(declared, stats, rhythm):
        found.append(f"ended after {stats.decoded}{of} frames: cut off or damaged")
    found += _describe_times(declared, stamps, tick)
    if left_out := _count_left_out(stats, stamps):
        found.append(
            f"holds {left_out} more frames after its first one that its index (an edit list) says "
            f"not to show, and {stats.decoded} frames are read: trimmed, or the index is damaged"
        )
    if stats.damaged_packets:
        found.append(f"is damaged: {stats.damaged_packets} of its packets are not as they were")
    found += _describe_damage(stats.corrupt, stats.decoded)
    return "; it ".join(found) or None


def describe_part(
    declared: DeclaredLength,
    stats: DecodeStats,
    stamps: Sequence[int | None],
    tick: Fraction,
    first: int,
) -> str | None:
    """Say what was wrong in a part of a video; None if nothing was found.

    Args:
        declared: What the container says.
        stats: What happened in the pass from the beginning to the end of the part.
        stamps: Time stamps of the frames from `first` to the end of the part, in ticks.
        tick: Seconds of a tick.
        first: Index of the first frame of the part.

    Returns:
        Text that follows the name of the file.
    """
    corrupt = [index for index in stats.corrupt if index >= first]
    found = [
        *_describe_times(declared, stamps, tick, first),
        *_describe_damage(corrupt, len(stamps)),
    ]
    return "; it ".join(found) or None


def _describe_times(
    declared: DeclaredLength, stamps: Sequence[int | None], tick: Fraction, first: int = 0
) -> list[str]:
    """Where times go back or jump; `first` is the index of the first frame."""
    if declared.is_timed_freely:
        return []
    if back := _find_step_back(stamps):
        return [
            f"gives frame {first + back} no later time than the frame before it: its time stamps "
            "are damaged, so frames may be missing or in a wrong order"
        ]
    rhythm = find_rhythm(stamps, tick)
    if rhythm is None or not rhythm.jumps:
        return []
    return [_describe_jumps(rhythm, stamps, tick, first)]


def _describe_damage(corrupt: Sequence[int], count: int) -> list[str]:
    if not corrupt:
        return []
    return [
        f"is damaged: {len(corrupt)} of {count} frames, from "
        f"frame {corrupt[0]} on, could be decoded only in part"
    ]


def find_rhythm(stamps: Sequence[int | None], tick: Fraction) -> Rhythm | None:
    """Find the regular interval between frames; None if the frame rate varies.

    The rate varies if more than one interval in ten is not the usual one, within a tenth and the
    rounding of time stamps.
    """
    known = [stamp for stamp in stamps if stamp is not None]
    if len(known) < max(len(stamps), _FEWEST_FRAMES):
        return None
    intervals = [after - before for before, after in pairwise(known)]
    usual = median(intervals)
    tolerance = max(usual / 10, 1.5)
    odd = [at for at, value in enumerate(intervals, 1) if abs(value - usual) > tolerance]
    if usual <= 0 or len(odd) > max(1, len(intervals) // 10):
        return None
    jumps = [at for at in odd if intervals[at - 1] > 1.5 * usual]
    return Rhythm(Fraction(usual) * tick, jumps)


def _is_short(declared: DeclaredLength, stats: DecodeStats, rhythm: Rhythm | None) -> bool:
    """Whether there are fewer frames than the container counts, or they end too early."""
    if stats.decoded + len(stats.discarded) < declared.fewest:
        return True
    # An index that had fewer was lost, and made anew from what is left; the header was not.
    if declared.indexed < stats.decoded and stats.places < declared.places:
        return True
    if declared.frames is not None:
        if stats.decoded + len(stats.discarded) < declared.frames:
            return True
        # With the number right, the duration is believed only of a constant frame rate.
        if rhythm is None:
            return False
    return _ends_early(declared, stats, rhythm)


def _ends_early(declared: DeclaredLength, stats: DecodeStats, rhythm: Rhythm | None) -> bool:
    """Whether the last frame ends before the time that the container says."""
    seconds = declared.shown_seconds if stats.discarded else declared.seconds
    if seconds is None or stats.end is None:
        return False
    slack = declared.slack
    if rhythm is not None and stats.is_end_known and (declared.is_exact or stats.discarded):
        slack = rhythm.interval / 2
    return stats.end + slack < seconds


def _seconds_before_first(
    declared: DeclaredLength, stats: DecodeStats, stamps: Sequence[int | None], tick: Fraction
) -> Fraction | None:
    """Time without frames at the start, where frames that the file holds or counts are missing."""
    first = stamps[0] if stamps else None
    if first is None:
        return None
    if (lost := min(stats.first_packets, default=first)) < first:
        return (first - lost) * tick
    if declared.frames is None or stats.discarded:
        return None
    late = first * tick - declared.begin
    return late if late > 0 and stats.decoded < declared.frames else None


def _describe_jumps(
    rhythm: Rhythm, stamps: Sequence[int | None], tick: Fraction, first: int
) -> str:
    at = rhythm.jumps[0]
    before, after = (float((stamps[index] or 0) * tick) for index in (at - 1, at))
    more = f", and at {len(rhythm.jumps) - 1} other places" if len(rhythm.jumps) > 1 else ""
    return (
        f"jumps in time from {before:.3f} s (frame {first + at - 1}) to {after:.3f} s "
        f"(frame {first + at}){more}, while frames are {float(rhythm.interval):.3f} s apart "
        "elsewhere: frames may be missing there"
    )


def _find_step_back(stamps: Sequence[int | None]) -> int | None:
    """Index of the first frame whose time is not after that of the frame before it."""
    for index, (before, after) in enumerate(pairwise(stamps), 1):
        if before is not None and after is not None and after <= before:
            return index
    return None


def _count_left_out(stats: DecodeStats, stamps: Sequence[int | None]) -> int:
    """Number of frames not shown after the first that is.

    Frames before it are cut off on purpose, where a video was trimmed without coding it again.
    """
    first = stamps[0] if stamps else None
    if first is None:
        return 0
    return sum(stamp is not None and stamp > first for stamp in stats.discarded)
