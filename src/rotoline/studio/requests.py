"""What the page sends."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rotoline.errors import InputError
from rotoline.interact import Direction, Stroke
from rotoline.studio.project_log import Colour, Id, Name, explain_fields

_MOST_POINTS = 20_000


class Request(BaseModel):
    """A body of a request; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NewObject(Request):
    """`POST /api/objects`."""

    name: Name | None = None
    colour: Colour | None = None


class ChangedObject(Request):
    """`PATCH /api/objects/{id}`."""

    name: Name | None = None
    colour: Colour | None = None
    is_visible: bool | None = None
    is_locked: bool | None = None


class NewStroke(Request):
    """`POST /api/frames/{i}/strokes`."""

    object: Id
    tool: Literal["stroke", "box", "polygon", "brush", "eraser"]
    is_object: bool = True
    radius: Annotated[float, Field(gt=0)] = 0.5
    points: Annotated[list[tuple[float, float]], Field(min_length=1, max_length=_MOST_POINTS)]

    def stroke(self, size: tuple[int, int]) -> Stroke:
        """The stroke, for frames of a size (height, width).

        Raises:
            InputError: It lies far outside the frame.
        """
        height, width = size
        limit = max(size)
        is_near = all(
            -limit <= x <= width + limit and -limit <= y <= height + limit for x, y in self.points
        )
        if not is_near or self.radius > limit:
            raise InputError(
                f"a stroke lies far outside the frame of {width}x{height}; draw it on the frame"
            )
        try:
            return Stroke(
                tool=self.tool,
                is_object=self.is_object,
                radius=self.radius,
                points=tuple(self.points),
            )
        except ValidationError as error:
            raise InputError(f"the stroke cannot be used: {explain_fields(error)}") from error


class OneObject(Request):
    """`POST /api/frames/{i}/clear`."""

    object: Id


class Accepted(Request):
    """`POST /api/frames/{i}/accept`: one object, or all of them."""

    object: Id | None = None


class NewJob(Request):
    """`POST /api/jobs`."""

    direction: Direction
    frame: Annotated[int, Field(ge=0)]
    objects: list[Id] | None = None


class NewExport(Request):
    """`POST /api/exports`."""

    formats: Annotated[list[str], Field(min_length=1)]
    options: dict[Literal["soft", "background"], Any] = {}
