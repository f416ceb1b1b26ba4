"""The settings as data: every group and leaf of a settings class, whichever preset it belongs to.

A group is a nested class of settings. Where a group is one of several classes, told apart by its
field `method`, the other fields exist only under their own method.
"""

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


class Setting(NamedTuple):
    """One leaf of a settings class."""

    path: str
    """Its name, with those of its groups before it, such as `regions.threshold`."""
    field: FieldInfo
    """Type, range and description."""
    default: Any
    """Its value in the settings it was listed from, or in its method's defaults."""
    condition: str
    """The method it belongs to, such as `regions.method=craf`; empty if it always exists."""
    owner: type[BaseModel]
    """The class that declares it; its name there is the last part of `path`, or, for a method, the
    part before."""


def methods_of(field: FieldInfo) -> dict[str, type[BaseModel]]:
    """The classes that a group can be, by the name of their method; empty for other fields."""
    annotation = field.annotation
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) not in (Union, UnionType):
        return {}
    methods = {}
    for one in get_args(annotation):
        is_settings = isinstance(one, type) and issubclass(one, BaseModel)
        if not is_settings or "method" not in one.model_fields:
            return {}
        methods[one.model_fields["method"].default] = one
    return methods


def list_settings(settings: BaseModel, path: str = "", condition: str = "") -> Iterator[Setting]:
    """List every leaf, those under methods that are not chosen included.

    Args:
        settings: Gives the values; methods that are not chosen give their defaults.
        path: Of the groups around it, with a dot at the end.
        condition: The method that all of it belongs to.
    """
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        methods = methods_of(field)
        if methods:
            yield Setting(f"{path}{name}.method", field, value.method, condition, type(settings))
            for method, cls in methods.items():
                chosen = value if isinstance(value, cls) else cls()
                inner = list_settings(chosen, f"{path}{name}.", f"{path}{name}.method={method}")
                yield from (one for one in inner if one.path != f"{path}{name}.method")
        elif isinstance(value, BaseModel):
            yield from list_settings(value, f"{path}{name}.", condition)
        else:
            yield Setting(f"{path}{name}", field, value, condition, type(settings))


def flatten(values: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Nested values by their paths: `{"a": {"b": 1}}` becomes `{"a.b": 1}`."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{path}{name}.")
        else:
            flat[f"{path}{name}"] = value
    return flat
