"""`project.json`: which clip a project is about, and how it is read."""

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

import rotoline
from rotoline.errors import InputError
from rotoline.io.atomic import write_text
from rotoline.io.content import content_hash
from rotoline.io.frames import RECORDED, FrameSource, open_frames, recorded_reading
from rotoline.io.paths import PROJECT
from rotoline.studio.project_log import explain_fields

_Length = Annotated[int, Field(ge=1, le=2**17)]


def _check_rate(rate: str) -> str:
    try:
        is_possible = Fraction(rate) > 0
    except (ValueError, ZeroDivisionError):
        is_possible = False
    if not is_possible:
        raise ValueError(f"{rate} is no number of frames per second")
    return rate


def _check_reading(reading: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(reading) - set(RECORDED))
    if unknown:
        raise ValueError(f"there is no {unknown[0]}")
    grey_range = reading.get("grey_range")
    if grey_range is not None and not (isinstance(grey_range, list) and len(grey_range) == 2):
        raise ValueError("grey_range has no two values")
    return reading


class SourceRecord(BaseModel):
    """A clip, so that it is found again and told from others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    """Where it was last."""
    content: str
    """See `rotoline.io.content.content_hash`."""
    bytes: int
    """Length of the file; of a folder, 0."""


class ProjectFile(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    rotoline: str = rotoline.__version__
    source: SourceRecord
    size: tuple[_Length, _Length]
    """Height and width of the frames."""
    count: Annotated[int, Field(ge=1, le=10**8)]
    """Number of frames."""
    frame_rate: Annotated[str, AfterValidator(_check_rate)]
    reading: Annotated[dict[str, Any], AfterValidator(_check_reading)] = {}
    """How the frames are read: the arguments of `open_frames` that are no defaults."""
    settings: dict[str, Any] = {}
    """The settings that tracking uses; of the preset that ships if there are none."""
    weights: dict[str, Any] = {}
    """The record of the weights that the project was begun with."""

    @property
    def rate(self) -> Fraction:
        """Frames per second."""
        return Fraction(self.frame_rate)


def describe_source(source: FrameSource) -> SourceRecord:
    """What a project keeps of a clip."""
    path = source.path.absolute()
    length = path.stat().st_size if path.is_file() else 0
    return SourceRecord(path=str(path), content=content_hash(path), bytes=length)


def count_frames(source: FrameSource) -> int:
    """The number of frames; decodes them if the file does not say."""
    if source.count is None:
        for _ in source.select(range(2**40, 2**40 + 1)):
            pass
    assert source.count is not None
    return source.count


def reopen_source(
    folder: Path, about: ProjectFile, given: Path | None = None
) -> FrameSource | None:
    """Open the clip of a project; None if it is not where it was.

    Beside where it was, it is looked for under its name beside the project and inside it.

    Args:
        folder: Of the project.
        about: The content of `project.json`.
        given: Where it is now, if the user says so.

    Raises:
        InputError: The given path is another clip, or `project.json` does not fit its clip.
    """
    name = Path(about.source.path).name
    places = [Path(about.source.path), folder.parent / name, folder / name]
    for path in [given] if given is not None else places:
        if not path.exists():
            continue
        if content_hash(path) == about.source.content:
            return _checked(folder, about, open_frames(path, **recorded_reading(about.reading)))
        if given is not None:
            raise InputError(
                f"{given} is not the clip that {folder} was made with, which was "
                f"{about.source.path}; give that one, as it was, with --source"
            )
    if given is not None:
        raise InputError(f"there is no {given}; say where the clip of {folder} is, with --source")
    return None


def _checked(folder: Path, about: ProjectFile, source: FrameSource) -> FrameSource:
    """Return the frames of a clip, if what `project.json` says of them can be true.

    The number of frames that a video declares may be wrong, and was corrected then.
    """
    said, found = (about.count, *about.size), (source.count, *source.size)
    if said[1:] == found[1:] and (said == found or not source.path.is_dir()):
        return source
    raise InputError(
        f"{folder / PROJECT} says {said[0]} frames of {said[2]}x{said[1]}, and {source.path} has "
        f"{found[0]} of {found[2]}x{found[1]}; put back a copy of project.json"
    )


def read_project_file(folder: Path) -> ProjectFile:
    """Read the file.

    Raises:
        InputError: It is damaged, or of a later version of rotoline.
    """
    path = folder / PROJECT
    try:
        return ProjectFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check the disk") from error
    except ValidationError as error:
        raise InputError(
            f"{path} is no project of this version of rotoline ({explain_fields(error)}); open it "
            "with the version that wrote it, or put back a copy"
        ) from error


def write_project_file(folder: Path, about: ProjectFile) -> None:
    """Write the file, complete or not at all."""
    write_text(folder / PROJECT, about.model_dump_json(indent=2) + "\n")
