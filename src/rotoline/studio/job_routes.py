"""What the page may ask about tracking, exports, and frames worth looking at."""

import os
import subprocess
import sys
from typing import Any

from fastapi import APIRouter, Response

from rotoline.errors import InputError, RotolineError
from rotoline.io.writers import WRITERS, find_writer
from rotoline.io.writers.together import check_formats, known_formats
from rotoline.studio import jobs, marking
from rotoline.studio.previews import preview
from rotoline.studio.requests import NewExport, NewJob
from rotoline.studio.routes import Open

router = APIRouter()

TITLES = {
    "png": "Masks, a PNG with palette for each frame (DAVIS)",
    "overlay": "Video with the objects tinted",
    "youtube-vis": "YouTube-VIS (JSON)",
    "coco": "COCO (JSON)",
    "labelme": "labelme (JSON for each frame)",
    "cvat": "CVAT for video (XML)",
    "tracks": "Tracks: place and area of each object (CSV)",
    "mot": "MOT challenge (boxes)",
    "mots": "MOTS (masks)",
    "mattes": "Mattes, a 16-bit PNG for each object and frame",
    "prores": "ProRes 4444 with alpha",
    "prores-luma": "ProRes 422, white on black",
    "ffv1": "FFV1 with alpha, lossless",
    "ffv1-luma": "FFV1, white on black, lossless",
    "cutout": "Cut-outs, a PNG with alpha for each frame",
    "cutout-video": "Video with the objects on another background",
    "exr": "OpenEXR, a layer for each object",
    "tiff": "TIFF stack of ids (Fiji, napari)",
}
"""The formats as the page names them; `scores` is left out, which a project has not."""


@router.post("/api/jobs")
def post_job(studio: Open, new: NewJob) -> dict[str, Any]:
    """Track."""
    project, engine = studio.project, studio.engine
    project.check_writable()
    project.opened_source()
    project.check_index(new.frame)
    text, spans = jobs.plan_tracking(project, new.direction, new.frame, new.objects)
    begin = jobs.track(project, spans, studio.masks, engine.solve, engine.land)
    return engine.submit(text, begin).as_json()


@router.delete("/api/jobs")
def delete_jobs(studio: Open) -> dict[str, Any]:
    """Cancel."""
    studio.engine.cancel()
    return {}


@router.get("/api/check")
def get_check(studio: Open) -> dict[str, Any]:
    """The frames most worth looking at, that one first."""
    ranking = studio.checks.ranking() if studio.checks is not None else []
    return {"frames": [one._asdict() for one in ranking]}


@router.get("/api/formats")
def get_formats(studio: Open) -> list[dict[str, Any]]:
    """The formats of exports, and what keeps each from being written."""
    found = []
    for name, title in TITLES.items():
        problem = None
        try:
            check_formats([name], studio.project.opened_source())
        except RotolineError as error:
            problem = str(error)
        target = find_writer(name).target
        found.append({"name": name, "title": title, "target": target, "extra_missing": problem})
    return found


@router.post("/api/exports")
def post_export(studio: Open, new: NewExport) -> dict[str, Any]:
    """Export the results."""
    project, engine = studio.project, studio.engine
    project.check_writable()
    formats = known_formats(new.formats)
    options: dict[str, object] = new.options.model_dump(exclude_none=True)
    check_formats(formats, project.opened_source(), options)
    begin = jobs.export(project, formats, options, engine.flush)
    return engine.submit(f"export {', '.join(formats)}", begin).as_json()


@router.get("/api/exports/preview")
async def get_preview(studio: Open, format: str, frame: int) -> Response:
    """One frame as a format shows it."""
    if format not in WRITERS:
        raise InputError(f"there is no format {format!r}; choose among {', '.join(TITLES)}")
    studio.project.opened_source()
    assert studio.pictures is not None
    mask = await marking.mask_of(studio, frame)
    picture = preview(format, studio.pictures.frame(frame), mask.labels)
    return Response(picture, media_type="image/png")


@router.post("/api/open-folder")
def post_open_folder(studio: Open) -> dict[str, Any]:
    """Show the folder of the project in the file manager of this machine."""
    folder = str(studio.project.folder.absolute())
    try:
        if sys.platform == "win32":
            os.startfile(folder)
        else:
            program = "open" if sys.platform == "darwin" else "xdg-open"
            subprocess.Popen(
                [program, folder],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
    except OSError as error:
        raise InputError(f"no file manager can be opened here; the folder is {folder}") from error
    return {}
