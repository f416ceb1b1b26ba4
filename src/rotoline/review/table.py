"""The frames to correct first, as CSV."""

import csv
import io
from collections.abc import Iterator, Sequence

from rotoline.review.measures import Measures
from rotoline.review.ranking import ListedFrame

COLUMNS = ("rank", "frame", "urgency", "found_in", "kind", "objects", "severity", "reason")


def rows(measures: Measures, listed: Sequence[ListedFrame]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each reason to correct each frame, in the order of the page."""
    for rank, one in enumerate(listed, start=1):
        for finding in (*one.findings, *one.nearby):
            yield (
                str(rank),
                printable(measures.names[one.frame]),
                f"{one.urgency:.2f}",
                printable(measures.names[finding.frame]),
                finding.kind,
                " ".join(map(str, finding.object_ids)),
                f"{finding.severity:.2f}",
                printable(finding.reason),
            )


def as_csv(measures: Measures, listed: Sequence[ListedFrame]) -> str:
    """The rows as CSV, with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows(measures, listed))
    return text.getvalue()


def printable(text: str) -> str:
    """A text that UTF-8 can hold: bytes of a file name that are no text are written as numbers."""
    return text.encode("utf-8", "backslashreplace").decode()
