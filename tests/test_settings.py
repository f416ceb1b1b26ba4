from typing import Annotated, Literal

from pydantic import BaseModel, Field

from rotoline.presets import FAST, PAPER
from rotoline.settings import flatten, list_settings, methods_of


class Soft(BaseModel):
    method: Literal["soft"] = "soft"
    margin: float = 1.0


class Hard(BaseModel):
    method: Literal["hard"] = "hard"
    threshold: float = 0.5


class Group(BaseModel):
    limit: Annotated[Soft | Hard, Field(discriminator="method")] = Soft()
    steps: int | None = 3


class Whole(BaseModel):
    group: Group = Group()
    seed: int = 0


def test_every_leaf_is_listed_under_its_path_with_its_value_and_condition():
    settings = Whole(group=Group(limit=Hard(threshold=0.7)), seed=5)
    found = [(one.path, one.default, one.condition) for one in list_settings(settings)]
    assert found == [
        ("group.limit.method", "hard", ""),
        ("group.limit.margin", 1.0, "group.limit.method=soft"),
        ("group.limit.threshold", 0.7, "group.limit.method=hard"),
        ("group.steps", 3, ""),
        ("seed", 5, ""),
    ]


def test_methods_are_the_classes_that_a_group_can_be():
    fields = Group.model_fields
    assert methods_of(fields["limit"]) == {"soft": Soft, "hard": Hard}
    assert methods_of(fields["steps"]) == {}
    assert methods_of(Whole.model_fields["group"]) == {}


def test_nested_values_get_their_paths():
    assert flatten({"a": {"b": 1, "c": {"d": [2]}}, "e": 3}) == {"a.b": 1, "a.c.d": [2], "e": 3}


def test_no_preset_has_more_settings_than_a_page_holds():
    """The issue that shaped them asked for some 40 in all, shared ones counted once."""
    paths = {one.path for start in (FAST, PAPER) for one in list_settings(start)}
    paths = {path for path in paths if not path.startswith("limits.")}  # they change no result
    assert len(paths) <= 40
