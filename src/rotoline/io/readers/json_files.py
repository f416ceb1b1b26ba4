"""Read JSON, and say in which place it is not what is needed."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from rotoline.errors import InputError
from rotoline.io.text import read_text

Model = TypeVar("Model", bound=BaseModel)


def read_json(path: Path) -> Any:
    """Parse a file of JSON.

    Raises:
        InputError: It cannot be read, or it is no JSON.
    """
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no JSON ({error}); replace it by a good copy") from error


def fit(model: type[Model], content: Any, path: Path) -> Model:
    """Check the content of a file.

    Raises:
        InputError: Something is missing or of another type; the message says where.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise InputError(
            f"{path} is not as it should be at {place}: {first['msg']}; write it again with the "
            "program that made it, or correct it there"
        ) from error
