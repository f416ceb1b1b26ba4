"""What the page may ask about the project, its frames and its objects."""

import base64
import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import StreamingResponse

from rotoline.errors import InputError
from rotoline.studio import marking
from rotoline.studio.engine import Mask
from rotoline.studio.requests import (
    Accepted,
    ChangedObject,
    NewObject,
    NewStroke,
    OneObject,
)
from rotoline.studio.studio import Studio

router = APIRouter()


def studio_of(request: Request) -> Studio:
    """The studio of the application that a request came to."""
    studio: Studio = request.app.state.studio
    return studio


Open = Annotated[Studio, Depends(studio_of)]


@router.get("/api/project")
def get_project(studio: Open) -> dict[str, Any]:
    """Everything but frames and masks."""
    project, state = studio.project, studio.project.state
    job = studio.engine.job
    last_event = studio.events.last
    return {
        "name": project.folder.name,
        "path": str(project.folder),
        "source": {
            "name": Path(project.about.source.path).name,
            "is_found": project.source is not None,
            "problem": project.source_problem,
        },
        "size": project.size,
        "count": project.count,
        "frame_rate": float(project.about.rate),
        "frame_names_first": project.name(0),
        "key": frames_key(studio),
        "is_read_only": project.is_read_only,
        "read_only_because": project.read_only_because,
        "objects": [vars(one) for _, one in sorted(state.objects.items())],
        "marks": marks_of(studio),
        "lanes": {
            str(object_id): base64.b64encode(project.results.lane(object_id).tobytes()).decode()
            for object_id in state.objects
        },
        "revisions": studio.masks.revision,
        "undo": project.undo_text,
        "redo": project.redo_text,
        "job": None if job is None else job.as_json(),
        "looked_at": len(project.history.looked),
        "corrected": project.history.corrected,
        "last_event": last_event,
    }


def frames_key(studio: Studio) -> str:
    """Tells the frames of a clip from all others, in the addresses of pictures."""
    about = studio.project.about
    reading = "".join(f"-{value}" for _, value in sorted(about.reading.items()) if value)
    return about.source.content[:24] + "".join(
        one for one in reading if one.isalnum() or one == "-"
    )


def marks_of(studio: Studio) -> dict[str, list[dict[str, Any]]]:
    """The marked frames of every object."""
    state = studio.project.state
    return {
        str(object_id): [
            {
                "frame": index,
                "is_accepted": state.marks(index).is_nothing_there
                or object_id in state.marks(index).accepted_ids,
            }
            for index in indices
        ]
        for object_id, indices in state.marked_frames().items()
    }


@router.get("/api/frames/{index}")
def get_frame(studio: Open, index: int) -> dict[str, Any]:
    """What is marked in a frame. Whoever asks looks at it."""
    project = studio.project
    project.check_index(index)
    studio.engine.look_at(index)
    marks = project.state.marks(index)
    return {
        "frame": index,
        "name": project.name(index),
        "strokes": [
            {"id": one.id, "object": one.object_id, **one.stroke.model_dump(mode="json")}
            for one in marks.strokes
        ],
        "accepted": marks.accepted_ids,
        "kind": studio.masks.kind(index),
        "revision": studio.masks.revision_of(index),
    }


@router.get("/frames/{key}/{index}.jpg")
def get_picture(studio: Open, key: str, index: int, w: int | None = None) -> Response:
    """A frame as a JPEG file; it never changes."""
    studio.project.check_index(index)
    studio.project.opened_source()
    if key != frames_key(studio) or studio.pictures is None:
        raise InputError("these are frames of another clip; load the page again")
    return Response(
        studio.pictures.jpeg(index, w),
        media_type="image/jpeg",
        headers={"Cache-Control": "private, max-age=31536000, immutable"},
    )


def mask_response(mask: Mask, **headers: object) -> Response:
    """The ids of all pixels, row by row, compressed."""
    return Response(
        gzip.compress(mask.labels.tobytes(), 1),
        media_type="application/octet-stream",
        headers={
            "Content-Encoding": "gzip",
            "X-Revision": str(mask.revision),
            **{name: str(value) for name, value in headers.items()},
        },
    )


@router.get("/masks/{index}")
async def get_mask(studio: Open, index: int) -> Response:
    """The mask of a frame as it is now."""
    return mask_response(await marking.mask_of(studio, index))


@router.post("/api/frames/{index}/strokes")
async def post_stroke(studio: Open, index: int, drawn: NewStroke) -> Response:
    """Draw something."""
    stroke = drawn.stroke(studio.project.size)
    made = await marking.draw(studio, index, drawn.object, stroke)
    return mask_response(made.mask, **{"X-Stroke": made.stroke_id})


@router.delete("/api/frames/{index}/strokes/{stroke_id}")
async def delete_stroke(studio: Open, index: int, stroke_id: int) -> Response:
    """Remove a stroke."""
    return mask_response(await marking.remove_stroke(studio, index, stroke_id))


@router.post("/api/frames/{index}/accept")
async def post_accept(studio: Open, index: int, accepted: Accepted | None = None) -> dict[str, Any]:
    """Accept the mask of a frame."""
    studio.project.check_index(index)
    await marking.accept(studio, index, accepted.object if accepted else None)
    return {}


@router.post("/api/frames/{index}/clear")
async def post_clear(studio: Open, index: int, cleared: OneObject) -> Response:
    """Remove what is marked of an object in a frame."""
    return mask_response(await marking.clear(studio, index, cleared.object))


@router.post("/api/frames/{index}/looked")
def post_looked(studio: Open, index: int) -> dict[str, Any]:
    """Note that a person has looked at a frame."""
    project = studio.project
    project.check_index(index)
    if index not in project.history.looked and not project.is_read_only:
        project.record("look", frame=index)
    return {}


@router.post("/api/objects")
def post_object(studio: Open, new: NewObject | None = None) -> dict[str, Any]:
    """Add an object."""
    new = new or NewObject()
    change = studio.project.add_object(new.name, new.colour)
    studio.events.publish("project", {})
    return {"id": getattr(change.event, "object")}  # noqa: B009 (events have no common field)


@router.patch("/api/objects/{object_id}")
def patch_object(studio: Open, object_id: int, changed: ChangedObject) -> dict[str, Any]:
    """Change an object."""
    marking.change_object(studio, object_id, action="change", **changed.model_dump())
    return {}


@router.delete("/api/objects/{object_id}")
def delete_object(studio: Open, object_id: int) -> dict[str, Any]:
    """Remove an object, with all its marks and masks."""
    marking.change_object(studio, object_id, action="remove")
    return {}


@router.post("/api/undo")
def post_undo(studio: Open) -> dict[str, Any]:
    """Undo."""
    frame, text = marking.step(studio, "undo")
    return {"frame": frame, "text": text}


@router.post("/api/redo")
def post_redo(studio: Open) -> dict[str, Any]:
    """Redo."""
    frame, text = marking.step(studio, "redo")
    return {"frame": frame, "text": text}


@router.get("/api/events")
async def get_events(
    studio: Open, last_event_id: Annotated[str | None, Header()] = None, last: str | None = None
) -> StreamingResponse:
    """Server-sent events, from `Last-Event-ID` or the number `last` on, or from now on."""
    since = last_event_id or last
    number = int(since) if since and since.isdigit() else None
    events: AsyncIterator[str] = studio.events.stream(number)
    return StreamingResponse(events, media_type="text/event-stream")
