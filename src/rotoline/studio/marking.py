"""What a person does to a project, each as one call: recorded first, then computed."""

import asyncio
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool

from rotoline.errors import InputError
from rotoline.interact import Stroke
from rotoline.studio.engine import Mask, SupersededError
from rotoline.studio.imported import runs_by_object
from rotoline.studio.project import Change
from rotoline.studio.studio import Studio
from rotoline.types import ObjectId


class Drawn(NamedTuple):
    """What a stroke gave."""

    stroke_id: int
    mask: Mask


async def mask_of(studio: Studio, index: int) -> Mask:
    """The mask of a frame as it is now.

    Raises:
        InputError: There is no such frame, or it cannot be decoded.
    """
    studio.project.check_index(index)
    revision = studio.masks.revision_of(index)
    labels = await run_in_threadpool(studio.masks.current, index)
    if labels is not None:
        return Mask(labels, revision)
    if studio.project.is_read_only or studio.pictures is None:
        return Mask(await run_in_threadpool(studio.masks.shown, index), revision)
    while True:
        try:
            return await asyncio.wrap_future(studio.engine.mask(index))
        except SupersededError:
            continue


async def draw(studio: Studio, index: int, object_id: ObjectId, stroke: Stroke) -> Drawn:
    """Record a stroke, and make the mask of its frame.

    Raises:
        SupersededError: A newer stroke in the frame is waiting.
        InputError: There is no such frame or object, or it is locked.
    """
    project = studio.project
    refuse_locked(studio, object_id)
    await _check_frame(studio, index)
    change = await run_in_threadpool(
        project.record,
        "stroke",
        frame=index,
        object=object_id,
        stroke=stroke,
        is_correction=index in project.results,
    )
    mask = await asyncio.wrap_future(studio.engine.mask(index, is_newest=True))
    return Drawn(change.event.id, mask)


async def remove_stroke(studio: Studio, index: int, stroke_id: int) -> Mask:
    """Remove a stroke.

    Raises:
        InputError: There is no such stroke.
    """
    found = [one for one in studio.project.state.marks(index).strokes if one.id == stroke_id]
    if not found:
        raise InputError(f"frame {index} has no stroke {stroke_id}")
    refuse_locked(studio, found[0].object_id)
    change = await run_in_threadpool(
        studio.project.record, "remove_stroke", frame=index, stroke=stroke_id
    )
    return await _mask_after(studio, index, change)


async def clear(studio: Studio, index: int, object_id: ObjectId) -> Mask:
    """Remove all that is marked of an object in a frame."""
    studio.project.check_index(index)
    refuse_locked(studio, object_id)
    change = await run_in_threadpool(studio.project.record, "clear", frame=index, object=object_id)
    return await _mask_after(studio, index, change)


async def accept(studio: Studio, index: int, object_id: ObjectId | None) -> None:
    """Accept the mask of a frame as it stands, of one object or of all.

    Raises:
        InputError: The object is not visible in the frame.
    """
    project = studio.project
    await _check_frame(studio, index)
    change = None
    while change is None:
        marks = project.state.marks(index)
        mask = await mask_of(studio, index)
        masks = runs_by_object(mask.labels)
        if object_id is not None:
            project.check_object(object_id)
            if object_id not in masks:
                raise InputError(
                    f"{project.state.objects[object_id].name} has no pixels in frame {index}, so "
                    "there is no mask to accept; accept the whole frame to say that it shows all "
                    "there is"
                )
            masks = {object_id: masks[object_id]}
        if not marks.strokes and set(masks) <= set(marks.accepted_ids) and marks.accepted:
            return  # it was accepted before
        with project.lock:
            if project.state.marks(index).key == marks.key:  # else somebody has drawn meanwhile
                change = project.record(
                    "accept",
                    frame=index,
                    size=project.size,
                    masks=masks,
                    is_whole=object_id is None,
                )
    _tell(studio, change)


async def _check_frame(studio: Studio, index: int) -> None:
    """Refuse to mark a frame that cannot be seen.

    Raises:
        InputError: There is no such frame, or the clip is not found.
    """
    studio.project.check_index(index)
    studio.project.opened_source()
    assert studio.pictures is not None
    await run_in_threadpool(studio.pictures.check, index)


def step(studio: Studio, kind: str) -> tuple[int | None, str]:
    """Undo or redo: the frame that it was about, if it was about one, and what it was.

    Raises:
        InputError: There is nothing to undo or to redo.
    """
    with studio.project.lock:
        before = studio.project.state.objects
        change, text = studio.project.step(kind)
        after = studio.project.state.objects
    studio.engine.changed(change.frames)
    for object_id in before.keys() ^ after.keys():
        studio.engine.removed_object(object_id)
    studio.events.publish("project", {})
    return (change.frames[0] if len(change.frames) == 1 else None), text


def change_object(studio: Studio, object_id: ObjectId, **fields: object) -> None:
    """Change or remove an object (`action`)."""
    studio.project.check_object(object_id)
    change = studio.project.record("object", object=object_id, **fields)
    studio.engine.changed(change.frames)
    if fields["action"] == "remove":
        studio.engine.removed_object(object_id)
    studio.engine.renamed()
    studio.events.publish("project", {})


def refuse_locked(studio: Studio, object_id: ObjectId) -> None:
    """Refuse to change an object that is locked, or that does not exist.

    Raises:
        InputError: It is.
    """
    studio.project.check_object(object_id)
    one = studio.project.state.objects[object_id]
    if one.is_locked:
        raise InputError(f"{one.name} is locked; unlock it to change it")


def _tell(studio: Studio, change: Change) -> None:
    """Tell the engine and the pages what was recorded."""
    studio.engine.changed(change.frames)
    studio.events.publish("project", {})


async def _mask_after(studio: Studio, index: int, change: Change) -> Mask:
    _tell(studio, change)
    return await mask_of(studio, index)
