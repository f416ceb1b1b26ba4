"""Read COCO: the objects of pictures."""

from collections import Counter, defaultdict
from collections.abc import Hashable
from pathlib import Path
from typing import Any

from rotoline.errors import InputError
from rotoline.io import rle
from rotoline.io.coco import Picture, PictureAnnotation, PictureFile, Rle, Segmentation
from rotoline.io.mask_files import Warn
from rotoline.io.pictures import natural_key
from rotoline.io.readers.json_files import fit
from rotoline.io.readers.label_file import LabelFile, LabelledFrame, Region, check_size
from rotoline.io.readers.numbering import Named, Numbering, number_objects
from rotoline.io.readers.videos import choose_video, folder_of, stem_of


def read_coco(
    path: Path, content: Any, *, sequence: str | None, clip: Path | None, warn: Warn
) -> LabelFile:
    """Read the annotations of a file of COCO.

    An object is what has one `track_id`; without these, a category, if no picture shows
    two of it; or every annotation, if there is one picture.

    Args:
        path: The file.
        content: What its JSON holds.
        sequence: The folder of the pictures that are meant, or the name of the video.
        clip: The frames that are to be marked, if they are known.
        warn: Called with what became of what.

    Raises:
        InputError: The file is not COCO, or can be read in two ways.
    """
    file = fit(PictureFile, content, path)
    pictures = {one.id: one for one in _pictures_of_video(path, file, sequence, clip, warn)}
    annotations = [one for one in file.annotations if one.image_id in pictures]
    strays = {one.image_id for one in file.annotations} - {one.id for one in file.images}
    if strays:
        raise InputError(f"{path} has annotations of picture {min(strays)}, which it does not list")
    numbering, key_of = _number(path, file, annotations)
    if numbering.note:
        warn(numbering.note)
    frames = {
        one.id: LabelledFrame(stem_of(one.file_name), check_size(path, (one.height, one.width)))
        for one in sorted(pictures.values(), key=lambda one: natural_key(stem_of(one.file_name)))
    }
    for number, one in enumerate(annotations):
        frame = frames[one.image_id]
        place = f"annotation {one.id} of {path}"
        counts = read_segmentation(place, one.segmentation, frame.size)
        frame.regions.append(Region(numbering.ids[key_of[number]], counts))
    return LabelFile(path, numbering.names, list(frames.values()))


def read_segmentation(place: str, segmentation: Segmentation | None, size: tuple[int, int]) -> str:
    """The mask of an annotation as text of run lengths.

    Args:
        place: Says which annotation it is, for messages.
        segmentation: Run lengths or polygons.
        size: Height and width of its frame.

    Raises:
        InputError: There is none, it is damaged, or it has another size.
    """
    if not segmentation:
        raise InputError(
            f"{place} has no mask (segmentation); boxes alone mark no object: draw masks or "
            "polygons, or leave it out"
        )
    if isinstance(segmentation, Rle) and tuple(segmentation.size) != size:
        height, width = segmentation.size
        raise InputError(
            f"{place} has a mask of {width}x{height}, and its frame is {size[1]}x{size[0]}; write "
            "the file again with the program that made it"
        )
    try:
        if isinstance(segmentation, Rle):
            return rle.encode(rle.decode(segmentation.counts, size))
        return rle.encode(rle.draw_polygons(segmentation, size))
    except InputError as error:
        raise InputError(f"{place}: {error}") from error


def _pictures_of_video(
    path: Path, file: PictureFile, sequence: str | None, clip: Path | None, warn: Warn
) -> list[Picture]:
    """The pictures of one video: those with its number, or those in one folder."""
    names = {one.id: one.name or str(one.id) for one in file.videos}
    groups: dict[str, list[Picture]] = defaultdict(list)
    for picture in file.images:
        in_video = picture.video_id is not None and names
        name = names.get(picture.video_id or 0, "") if in_video else folder_of(picture.file_name)
        groups[name].append(picture)
    if not groups:
        raise InputError(f"{path} lists no pictures; give a file with annotations")
    chosen = list(groups)[choose_video(path, list(groups), sequence, clip, warn)]
    twice = [k for k, n in Counter(stem_of(p.file_name) for p in groups[chosen]).items() if n > 1]
    if twice:
        raise InputError(f"{path} lists two pictures called {twice[0]}; call each by its frame")
    return groups[chosen]


def _number(
    path: Path, file: PictureFile, annotations: list[PictureAnnotation]
) -> tuple[Numbering, list[Hashable]]:
    """The ids of the objects, and what tells the object of every annotation."""
    word, numbers = _distinguish(path, file, annotations)
    categories = {one.id: one.name for one in file.categories}
    objects: dict[Hashable, Named] = {}
    for number, one in zip(numbers, annotations, strict=True):
        name = categories.get(one.category_id, f"category {one.category_id}")
        found = objects.setdefault(number, Named(number, number, name))
        if found.name != name:
            raise InputError(
                f"{path} calls track {number} {found.name} in one picture and {name} in another; "
                "give each object one category"
            )
    return number_objects(path, list(objects.values()), word), list(numbers)


def _distinguish(
    path: Path, file: PictureFile, annotations: list[PictureAnnotation]
) -> tuple[str, list[int]]:
    """What tells objects apart, "track", "category" or "annotation", and its number in each."""
    tracks = [_track(one) for one in annotations]
    known = [track for track in tracks if track is not None]
    if known and len(known) == len(tracks):
        return "track", known
    if known:
        one = annotations[tracks.index(None)]
        raise InputError(
            f"annotation {one.id} of {path} has no track_id, and others have; give all one, or none"
        )
    by_category = Counter((one.image_id, one.category_id) for one in annotations)
    twice = next((key for key, count in by_category.items() if count > 1), None)
    if twice is None:
        return "category", [one.category_id for one in annotations]
    if len({one.image_id for one in annotations}) == 1:
        return "annotation", [one.id for one in annotations]
    picture = next(one.file_name for one in file.images if one.id == twice[0])
    names = [one.name for one in file.categories if one.id == twice[1]]
    name = names[0] if names else f"category {twice[1]}"
    raise InputError(
        f"{path} can be read in two ways, because {picture} has {by_category[twice]} annotations "
        f"of {name}, and there are several pictures: they are parts of one object; or they are "
        "several objects, and nothing says which is which in the other pictures; give each "
        "annotation a track_id, or each object a category of its own"
    )


def _track(one: PictureAnnotation) -> int | None:
    """The track of an annotation, as COCO-VID has it or as CVAT writes it."""
    if one.track_id is not None:
        return one.track_id
    found = (one.attributes or {}).get("track_id")
    return found if isinstance(found, int) else None
