"""Markdown tables from rows of cells."""

from collections.abc import Iterable, Sequence


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, without a line break at its end.

    Args:
        header: The cells of the first line.
        rows: The cells of the other lines, as many in each as in `header`.

    Raises:
        ValueError: A row has another number of cells than `header`.

    Example:
        >>> print(markdown_table(("clip", "J"), [("tennis", "0.887")]))
        | clip | J |
        |---|---|
        | tennis | 0.887 |
    """
    lines = [_line(header), "|" + "---|" * len(header)]
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"a row has {len(row)} cells, the header {len(header)}: {row}")
        lines.append(_line(row))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
