"""How accurate is one configuration on clips that are unlike DAVIS, which no training uses?

    rotoline experiment unlike --data DATA --output OUT --weights FILE

- The bundled clip (`rotoline.demo`), three objects, scored in the frames that were masked by hand:
  with one marked frame and with two. Nothing is chosen on it: it is in no mean.
- schoolgirls, seven look-alikes; scored as in DAVIS, without the first and the last frame.
- DATA/development-clips/NAME and DATA/unlike/NAME, whatever is there: pictures in `images`, masks
  in `masks`. The first frame that shows the objects is marked, the others that have a mask are
  scored, also the last one. Pixels of label 255 are not scored.

What a run writes is in `rotoline.evaluation.experiment`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rotoline.data.video_sequence import find_sequence
from rotoline.errors import InputError
from rotoline.evaluation.clips import (
    BUNDLED,
    DEVELOPMENT_CLIPS,
    MULTI_OBJECT,
    UNLIKE,
    EvaluationClip,
    marked_clip,
    read_partly_masked_clip,
)
from rotoline.evaluation.development_clips import find_schoolgirls
from rotoline.evaluation.results import Results
from rotoline.evaluation.rows import Row
from rotoline.io.frames import open_frames
from rotoline.io.masks import read_labels
from rotoline.io.pictures import by_stem, list_pictures
from rotoline.types import Frame, LabelMap

COARSE_MASKS = frozenset({"movi_falling_things"})
"""Clips whose true masks are exact to two pixels only, which is too coarse for F."""

NOTES = (
    "Clips that no training uses. The first frame is marked unless the name of the row says more. "
    "A clip without F has true masks that are too coarse for it: its J&F is J."
)


@dataclass(frozen=True)
class BundledClip:
    """A video with some marked and some scored frames."""

    video: Path
    """The video file."""
    masks: Path
    """Folder with the masks of the frames that may be marked, named like the frames."""
    truth: Path
    """Folder with the true masks of the scored frames, named like the frames."""


def unlike_clips(data: Path, bundled: BundledClip) -> list[EvaluationClip]:
    """Find the clips that are unlike DAVIS.

    Args:
        data: The data folder; each of its folders of clips may be missing.
        bundled: The bundled clip.

    Raises:
        InputError: A clip is incomplete or cannot be read.
    """
    clips = [*_read_bundled(bundled), *find_schoolgirls(data)]
    for group in (DEVELOPMENT_CLIPS, UNLIKE):
        for folder in sorted((data / group).glob("*/images")):
            name = folder.parent.name
            sequence = find_sequence(name, folder, folder.parent / "masks")
            is_exact = name not in COARSE_MASKS
            clips.append(read_partly_masked_clip(name, group, sequence, has_exact_borders=is_exact))
    return clips


def unlike_rows(results: Results) -> list[Row]:
    """Return the means to report; see the docstring of this module."""
    own, older = results.in_group(UNLIKE), results.in_group(DEVELOPMENT_CLIPS)
    girls = results.in_group(MULTI_OBJECT) if own or older else []
    rows = [
        Row(name="unlike DAVIS: the folder unlike", clips=own),
        Row(name="unlike DAVIS: all but the bundled clip", clips=[*girls, *older, *own]),
    ]
    return [row for row in rows if row.clips]


def _read_bundled(bundled: BundledClip) -> Iterator[EvaluationClip]:
    """The bundled clip with its first marked frame alone, and with all of them."""
    source = open_frames(bundled.video)
    names = tuple(source.name(index) for index, _ in enumerate(source))
    marks, truths = (by_stem(list_pictures(folder)) for folder in (bundled.masks, bundled.truth))
    strange = sorted({*marks, *truths} - set(names))
    if strange:
        raise InputError(
            f"the mask {strange[0]} belongs to no frame of {bundled.video}; masks are named like "
            "the frames, so rename or remove it"
        )
    files = {names.index(stem): path for stem, path in {**truths, **marks}.items()}
    all_marked = sorted(map(names.index, marks))
    video = _Video(bundled.video)
    for count in sorted({1, len(all_marked)}):
        yield marked_clip(
            name=f"bundled-{count}-marked",
            group=BUNDLED,
            frame_names=names,
            read_frame=video.read_frame,
            read_truth=_Masks(files).read_truth,
            marked=all_marked[:count],
            scored=tuple(sorted(map(names.index, truths))),
        )


@dataclass(frozen=True)
class _Video:
    """A short video that is decoded once."""

    path: Path

    @cached_property
    def _frames(self) -> Sequence[Frame]:
        return list(open_frames(self.path))

    def read_frame(self, index: int) -> Frame:
        return self._frames[index]


@dataclass(frozen=True)
class _Masks:
    """Mask files by the index of the frame."""

    files: dict[int, Path]

    def read_truth(self, index: int) -> LabelMap:
        return read_labels(self.files[index])
