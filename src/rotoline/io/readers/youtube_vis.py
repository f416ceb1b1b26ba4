"""Read YouTube-VIS, which is COCO for video: the tracks of objects."""

from pathlib import Path
from typing import Any

from rotoline.errors import InputError
from rotoline.io.coco import Video, VideoFile
from rotoline.io.mask_files import Warn
from rotoline.io.readers.coco import read_segmentation
from rotoline.io.readers.json_files import fit
from rotoline.io.readers.label_file import LabelFile, LabelledFrame, Region, check_size
from rotoline.io.readers.numbering import Named, number_objects
from rotoline.io.readers.videos import choose_video, folder_of, stem_of
from rotoline.wording import counted


def read_youtube_vis(
    path: Path, content: Any, *, sequence: str | None, clip: Path | None, warn: Warn
) -> LabelFile:
    """Read the tracks of one video. A track is an object, and its category gives the name.

    Args:
        path: The file.
        content: What its JSON holds.
        sequence: The name of the video that is meant.
        clip: The frames that are to be marked, if they are known.
        warn: Called with what became of what.

    Raises:
        InputError: The file is not YouTube-VIS, or holds several videos.
    """
    file = fit(VideoFile, content, path)
    if not file.videos:
        raise InputError(f"{path} lists no videos; give a file with annotations")
    names = [_name(one) for one in file.videos]
    meant = file.videos[choose_video(path, names, sequence, clip, warn)]
    tracks = [one for one in file.annotations if one.video_id == meant.id]
    categories = {one.id: one.name for one in file.categories}
    objects = [
        Named(k, one.id, categories.get(one.category_id, f"category {one.category_id}"))
        for k, one in enumerate(tracks)
    ]
    numbering = number_objects(path, objects, "track")
    if numbering.note:
        warn(numbering.note)
    size = check_size(path, (meant.height, meant.width))
    lengths = {len(one.segmentations) for one in tracks}
    length = len(meant.file_names) or meant.length or max(lengths, default=0)
    if lengths - {length}:
        raise InputError(
            f"{path} has {counted(length, 'frame')} of {_name(meant)}, and a track of "
            f"{min(lengths - {length})}; write it again with the program that made it"
        )
    stems = [stem_of(one) for one in meant.file_names] or [f"{k:05d}" for k in range(length)]
    frames = [LabelledFrame(stem, size) for stem in stems]
    for k, track in enumerate(tracks):
        object_id = numbering.ids[k]
        for frame, mask in zip(frames, track.segmentations, strict=True):
            if mask:
                place = f"track {track.id} of {path} in frame {frame.name}"
                frame.regions.append(Region(object_id, read_segmentation(place, mask, size)))
    return LabelFile(path, numbering.names, frames, is_counted=not meant.file_names, is_whole=True)


def _name(video: Video) -> str:
    """The name of a video: usually, that of the folder of its frames."""
    folder = folder_of(video.file_names[0]) if video.file_names else ""
    return video.name or folder or str(video.id)
