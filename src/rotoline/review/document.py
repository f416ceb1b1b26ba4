"""What all reports have in common: one HTML file that loads nothing and has no script."""

from collections.abc import Iterable
from html import escape
from importlib.resources import files
from string import Template

from rotoline.review.table import printable


def make_document(
    title: str,
    facts: Iterable[tuple[str, object]],
    main: str,
    warnings: Iterable[str] = (),
    *,
    has_images: bool = False,
) -> str:
    """A report as HTML.

    Args:
        title: Its title, as text.
        facts: Names and values of the table at its top, as text.
        main: What follows, as HTML.
        warnings: What the reader must know, as text.
        has_images: Whether there are pictures in what follows, as data.
    """
    folder = files("rotoline.review")
    template = Template(folder.joinpath("document.html").read_text(encoding="utf-8"))
    return template.substitute(
        style=folder.joinpath("style.css").read_text(encoding="utf-8"),
        title=as_html(title),
        images="img-src data:; " if has_images else "",
        warnings="".join(f'<p class="warning">{as_html(one)}</p>\n' for one in warnings),
        facts="\n".join(
            f'<tr><th scope="row">{as_html(name)}</th><td>{as_html(value)}</td></tr>'
            for name, value in facts
        ),
        main=main,
    )


def as_html(value: object) -> str:
    """Whatever comes from a file, such as the name of a frame, as text of a page."""
    return escape(printable(str(value)))
