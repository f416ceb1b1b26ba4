"""Makes mkdocstrings show the section `Example` of a docstring as Python, as it does `Examples`."""

import re
from typing import Any

import griffe


class ExampleSections(griffe.Extension):
    """Renames the section while the sources are read for the site."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rename the section in one docstring."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(
                r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE
            )
