"""Object ids for the objects of a file, from their names or numbers there."""

import re
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from rotoline.errors import InputError
from rotoline.io.pictures import shorten
from rotoline.types import MAX_ID, ObjectId

_OWN_NAME = re.compile(r"object (\d{1,3})")
"""What rotoline calls an object without a name."""


class Named(NamedTuple):
    """An object as a file has it."""

    key: Hashable
    """What tells it from the others."""
    number: int | None
    """Its number in the file, if it has one."""
    name: str


class Numbering(NamedTuple):
    """The ids that the objects of a file get."""

    ids: dict[Hashable, ObjectId]
    """By the key of the object."""
    names: dict[ObjectId, str]
    note: str
    """Says which object has which id; empty if all keep their numbers and have no names."""


def number_objects(path: object, objects: Sequence[Named], word: str) -> Numbering:
    """Give every object an id.

    Names such as `object 3`, which rotoline writes, tell the id, because other programs renumber
    what they read. Otherwise the numbers of the file are the ids, where they can be; and if not,
    the objects are counted from 1, in the order of their numbers or else of the file.

    Args:
        path: The file, for messages.
        objects: In the order of the file.
        word: What the file calls them, such as "track".

    Raises:
        InputError: There are more objects than ids.
    """
    if len(objects) > MAX_ID:
        raise InputError(
            f"{path} has {len(objects)} objects, and {MAX_ID} are the most; leave some out"
        )
    objects = [one._replace(name=clean_name(one.name)) for one in objects]
    numbers = [one.number for one in objects]
    own = [_OWN_NAME.fullmatch(one.name) for one in objects]
    in_names = [int(found[1]) for found in own if found]
    if len(in_names) == len(objects) and _are_ids(in_names):
        ids = in_names
    elif _are_ids(numbers):
        ids = [number for number in numbers if number is not None]
    else:
        if None not in numbers:
            objects = sorted(objects, key=lambda one: one.number or 0)
        ids = list(range(1, len(objects) + 1))
    pairs = sorted(zip(ids, objects, strict=True), key=lambda pair: pair[0])
    is_plain = all(one.number == i and one.name == f"object {i}" for i, one in pairs)
    shown = [
        f"{word}{'' if one.number is None else f' {one.number}'} ({one.name}) is object {i}"
        for i, one in pairs
    ]
    return Numbering(
        {one.key: i for i, one in pairs},
        {i: one.name or f"object {i}" for i, one in pairs},
        "" if is_plain else f"in {path}, {shorten(shown, 8)}",
    )


def clean_name(name: str) -> str:
    """A name without line breaks and other characters that are not seen."""
    return "".join(c if c.isprintable() else " " for c in name).strip()[:200]


def _are_ids(numbers: Sequence[int | None]) -> bool:
    """Whether these numbers can be the ids of different objects."""
    return len(set(numbers)) == len(numbers) and all(
        number is not None and 1 <= number <= MAX_ID for number in numbers
    )
