"""The page of a report: all that was found, with pictures, in one HTML file.

The page loads nothing: its pictures are inside, it has no script, and it says so to the browser.
Whatever comes from a file, such as the name of a frame, is escaped.
"""

import base64
import io
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from PIL import Image

from rotoline.io.overlay import OBJECT_COLOURS, draw_overlay
from rotoline.io.pictures import shorten
from rotoline.review.document import as_html, make_document
from rotoline.review.findings import LOW_CONFIDENCE, Finding
from rotoline.review.measures import Measures
from rotoline.review.ranking import ListedFrame
from rotoline.review.strips import describe, draw_strip
from rotoline.types import Frame, LabelMap, ObjectId

_WIDTH = 320
"""Width of a picture, in pixels."""
_SHOWN = 8
"""Number of reasons that are shown at once; the others are folded."""


@dataclass(frozen=True, eq=False)
class Review:
    """What a page shows."""

    run: Path
    """The output folder of the run."""
    video: Path
    """Where its frames are."""
    record: Mapping[str, Any]
    """The content of `run.json`."""
    warnings: Sequence[str]
    measures: Measures
    findings: Sequence[Finding]
    listed: Sequence[ListedFrame]
    thumbnails: Mapping[int, bytes]
    """JPEG files by position of the frame."""
    mask_files: Sequence[Path]
    """The mask of each listed frame, in the order of the list."""
    object_names: Mapping[ObjectId, str] = field(default_factory=dict)
    """The names of objects, for those that have one."""

    @property
    def cuts(self) -> list[int]:
        """Positions of the frames after scene cuts."""
        return [one.frame for one in self.findings if one.kind == "cut"]


def make_thumbnail(frame: Frame, labels: LabelMap) -> bytes:
    """A small JPEG file of a frame, uint8 RGB `(H, W, 3)`, with its objects, uint8 `(H, W)`."""
    picture = Image.fromarray(draw_overlay(frame, labels))
    width = min(_WIDTH, picture.width)
    height = max(1, round(picture.height * width / picture.width))
    file = io.BytesIO()
    picture.resize((width, height), Image.Resampling.BOX).save(file, "JPEG", quality=75)
    return file.getvalue()


def make_page(review: Review) -> str:
    """The page as HTML."""
    template = Template(files("rotoline.review").joinpath("page.html").read_text(encoding="utf-8"))
    cuts = [review.measures.names[t] for t in review.cuts]
    cut_text = f" There are cuts before the frames {shorten(cuts)}." if cuts else ""
    main = template.substitute(
        introduction=_introduction(review),
        frames="\n".join(
            _listed(review, rank, one) for rank, one in enumerate(review.listed, start=1)
        ),
        commands=_commands(review),
        threshold=f"{LOW_CONFIDENCE:g}",
        cuts=as_html(cut_text),
        strips="\n".join(_strip(review, row) for row in range(len(review.measures.object_ids))),
    )
    title = f"Report on {review.run.name or review.run}"
    return make_document(title, _header(review), main, _problems(review), has_images=True)


def _problems(review: Review) -> list[str]:
    """The warnings of the run and of its reading, each once."""
    own = review.record.get("warnings")
    problem = review.record.get("problem")
    recorded = [*(own if isinstance(own, list) else []), *([problem] if problem else [])]
    return list(dict.fromkeys(map(str, [*review.warnings, *recorded])))


def _header(review: Review) -> Iterable[tuple[str, object]]:
    record, measures = review.record, review.measures
    command, seconds = record.get("command"), record.get("seconds")
    yield "command", shlex.join(map(str, command)) if isinstance(command, list) else "unknown"
    yield "status", record["status"]
    yield "video", review.video
    yield "size", f"{measures.size[1]} x {measures.size[0]} (width x height)"
    yield "frames", len(measures.names)
    yield "objects", shorten([str(i) for i in measures.object_ids])
    marked = [n for n, is_marked in zip(measures.names, measures.marked, strict=True) if is_marked]
    yield "marked frames", shorten(marked) or "none of those with results"
    visible = measures.areas > 0
    if visible.any():
        mean = measures.confidence[visible].mean()
        yield "mean confidence", f"{mean:.2f} (1 is certain; the expected overlap with the truth)"
    kinds: dict[str, int] = {}
    for one in review.findings:
        kinds[one.kind] = kinds.get(one.kind, 0) + 1
    counted = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
    yield "found", counted or "nothing"
    if isinstance(seconds, int | float):
        yield "time", f"{seconds:.1f} seconds"
    versions = record.get("versions")
    if isinstance(versions, dict) and "rotoline" in versions:
        yield "version", f"rotoline {versions['rotoline']}"


def _introduction(review: Review) -> str:
    if not review.listed:
        return "Nothing was found that looks wrong. Look at the overlay all the same."
    frames = {one.frame for one in review.findings}
    return (
        f"In {len(frames)} of {len(review.measures.names)} frames something looks wrong. Here are "
        f"the {len(review.listed)} to correct first, the most urgent one first and none beside "
        "another: a corrected frame also improves those around it. What was found in the frames "
        "around it is listed with it."
    )


def _listed(review: Review, rank: int, one: ListedFrame) -> str:
    name = as_html(review.measures.names[one.frame])
    reasons = [f"<li>{as_html(found.reason)}</li>" for found in one.findings]
    reasons += [
        f"<li>frame {as_html(review.measures.names[found.frame])}: {as_html(found.reason)}</li>"
        for found in one.nearby
    ]
    shown = f"<ul>{''.join(reasons[:_SHOWN])}</ul>"
    if reasons[_SHOWN:]:
        shown += (
            f"<details><summary>{len(reasons) - _SHOWN} more</summary>"
            f"<ul>{''.join(reasons[_SHOWN:])}</ul></details>"
        )
    places = (("before", -1), ("at", 0), ("after", 1))
    pictures = "".join(_figure(review, one.frame + by, where) for where, by in places)
    return (
        f'<article id="frame-{rank}"><h3>{rank}. Frame {name}</h3>{shown}'
        f'<div class="pictures">{pictures}</div></article>'
    )


def _figure(review: Review, position: int, where: str) -> str:
    data = review.thumbnails.get(position)
    if data is None:
        return "<figure></figure>"
    measures = review.measures
    name = as_html(measures.names[position])
    seen = [
        str(i)
        for i, area in zip(measures.object_ids, measures.areas[position], strict=True)
        if area
    ]
    objects = f"objects {shorten(seen, 10)}" if seen else "no object"
    caption = f"frame {name}" if where == "at" else f"{where}: frame {name}"
    encoded = base64.b64encode(data).decode()
    return (
        f'<figure class="{where}"><img src="data:image/jpeg;base64,{encoded}" '
        f'alt="Frame {name} with {objects} drawn over it"><figcaption>{caption}</figcaption>'
        "</figure>"
    )


def _commands(review: Review) -> str:
    """What to draw, and the commands that go on from it."""
    if not review.listed:
        return "<p>There is nothing to do.</p>"
    items = []
    for one in review.listed:
        objects = one.object_ids or review.measures.object_ids
        shown = shorten([str(i) for i in objects])
        items.append(
            f"<tr><td>{as_html(review.measures.names[one.frame])}</td><td>{as_html(shown)}</td></tr>"
        )
    copies = [
        shlex.join(["cp", "--", str(path), "corrections/"])
        for path in review.mask_files
        if path.suffix == ".png"
    ]
    go_on = shlex.join(
        [
            *("rotoline", "segment", str(review.video), "--masks", "corrections"),
            *("--output", str(review.run), "--resume"),
        ]
    )
    lines = "\n".join(["mkdir corrections", *copies])
    return (
        "<p>Correct the masks of some of these frames, the first ones first. Each mask is a "
        "picture with the name of its frame and the colours of the results, such as a corrected "
        "copy of the result:</p>"
        f"<pre><code>{as_html(lines)}</code></pre>"
        "<p>Look at these objects:</p>"
        '<table><tr><th scope="col">frame</th><th scope="col">objects</th></tr>'
        f"{''.join(items)}</table>"
        "<p>Remove the copies that you did not correct, and run:</p>"
        f"<pre><code>{as_html(go_on)}</code></pre>"
    )


def _strip(review: Review, row: int) -> str:
    measures = review.measures
    name = measures.object_ids[row]
    description = describe(measures, row).partition(": ")[2]
    given = review.object_names.get(name)
    title = f": {as_html(given)}" if given else ""
    colour = "#" + bytes(OBJECT_COLOURS[name]).hex()
    return (
        f'<div class="strip"><div><span class="swatch" style="background: {colour}"></span> '
        f"object {name}{title}<br><small>{description}</small>"
        f"</div>{draw_strip(measures, row, review.listed, review.cuts)}</div>"
    )
