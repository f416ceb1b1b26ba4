"""The settings as data: every group and leaf of the settings class of any preset.

A group is a nested class of settings. Where a group is one of several classes, distinguished by its
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
    """Name of the setting after the names of its groups, such as `regions.threshold`."""
    field: FieldInfo
    """Type, range and description."""
    default: Any
    """Value in the listed settings; of a method that is not chosen there, the default."""
    condition: str
    """The method that the setting belongs to, such as `regions.method=craf`; else empty."""
    owner: type[BaseModel]
    """The class that declares the setting, as the field named by the last part of `path`; of a
    method, the class that declares the group."""


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
    """List every leaf, including those of methods that are not chosen.

    Args:
        settings: Gives the values; methods that are not chosen give their defaults.
        path: Path of the groups around `settings`, with a dot at the end.
        condition: The method that all of these settings belong to.
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
