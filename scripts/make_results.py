"""Write the tables of docs/results.md from the raw results in benchmarks/results.

    python scripts/make_results.py            # rewrite every table
    python scripts/make_results.py --check    # exit with 1 if a table is stale

A table stands between the comments `<!-- table: NAME -->` and `<!-- end of table -->`; the text
around the tables is written by hand. Below every table stand the command that made its numbers, the
raw file, and the commit of the source.
"""

import argparse
import json
import re
import shlex
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "results.md"
RAW = ROOT / "benchmarks" / "results"
HALVES = RAW / "halves" / "mean-of-three" / "tuned"
"""`results.json` of `rotoline experiment halves` with networks like those that ship."""
HALVES_ABLATION = RAW / "halves" / "mean-of-three" / "ablation"
"""The same clips: a folder per variant, with the `results.json` that `rotoline experiment ablation`
wrote."""
UNLIKE = RAW / "unlike"
"""`results.json` of `rotoline experiment unlike`."""
STROKES = RAW / "interactive" / "strokes.json"
"""What `rotoline experiment interactive` measured of strokes."""
CURVE = RAW / "tuning" / "halves-read-back.jsonl"
"""The 30 clips, cut and reduced: without tuning, and after two numbers of steps."""
CLIP = RAW / "bundled-clip.json"
"""Runs of the bundled clip, as `rotoline evaluate --json` prints them."""
TRANSCRIBED = RAW / "transcribed"

FILE = "results.json"
KINDS = ("first", "prepared", "further")
"""What a stroke can be, in the files of benchmarks/strokes.py."""
KEYS = ("J&F", "J", "F")
BLOCK = re.compile(r"(<!-- table: (\S+) -->\n)(.*?)(<!-- end of table -->)", re.DOTALL)

STAGES = (
    *("fit", "encode", "foreground", "score", "limit", "propagate"),
    *("filter", "regions", "update", "adapt", "fuse"),
)
"""Stages in the order of the columns; files of 2026-11-25 and before have the names of the day."""


def halves_accuracy() -> str:
    """Accuracy on 30 clips that the weights have not seen."""
    from rotoline.evaluation.halves import NOTES, halves_rows
    from rotoline.evaluation.results import read_results
    from rotoline.evaluation.unseen_report import accuracy_page

    results = read_results(HALVES)
    text, _, _ = accuracy_page("", results, halves_rows(results), NOTES).partition("## Clips")
    return _measured(text, HALVES)


def halves_ablation() -> str:
    """What each stage brings on the 30 clips."""
    from rotoline.evaluation.ablation import read_ablation
    from rotoline.evaluation.halves import halves_rows
    from rotoline.evaluation.report import ablation_table

    text = ablation_table(read_ablation(HALVES_ABLATION), halves_rows)
    table, _, _ = text.partition("## Table 2")
    return _measured(table, HALVES_ABLATION / "full")


def halves_calibration() -> str:
    """How well the confidence predicts J on the 30 clips."""
    from rotoline.evaluation.report import calibration_table
    from rotoline.evaluation.results import read_results

    paragraphs = calibration_table(read_results(HALVES)).split("\n\n")
    tables = (paragraph for paragraph in paragraphs if paragraph.startswith("|"))
    return _measured("\n\n".join(tables), HALVES)


def unlike_accuracy() -> str:
    """Accuracy on clips unlike DAVIS."""
    from rotoline.evaluation.results import read_results
    from rotoline.evaluation.unlike import NOTES, unlike_rows
    from rotoline.evaluation.unseen_report import accuracy_page

    results = read_results(UNLIKE)
    return _measured(accuracy_page("", results, unlike_rows(results), NOTES), UNLIKE)


def tuning_curve() -> str:
    """Accuracy after more and more steps of fine-tuning."""
    lines = _read_lines(CURVE)
    untuned = [line["untuned"][0] for line in lines]
    rows = [("0", f"{_mean(untuned):.3f}", "", "", "")]
    for steps in ("40", "80"):
        tuned = [line[steps]["tuned"][0] for line in lines]
        gains = [new - old for new, old in zip(tuned, untuned, strict=True)]
        kept = [
            gain if line[steps]["strict"] else 0.0 for gain, line in zip(gains, lines, strict=True)
        ]
        better = sum(gain > 0 for gain in gains)
        share = f"{better} of {len(lines)}"
        cells = (f"{_mean(tuned):.3f}", f"{_mean(gains):+.3f}", f"{_mean(kept):+.3f}", share)
        rows.append((steps, *cells))
    head = ("steps", "J&F, always kept", "gain", "gain with the choice", "clips that gain")
    source = "a script that is not in the project, with the weights and the code of ddae784"
    return f"{_table(head, rows)}\n\nRaw file: `{CURVE.relative_to(ROOT)}`.  \nSource: {source}."


def interactive_strokes() -> str:
    """IoU of single frames after rounds of strokes."""
    from rotoline.evaluation.interactive import StrokeResults, interactive_page

    results = StrokeResults.model_validate_json(STROKES.read_bytes())
    text = interactive_page(results.frames, ()).partition("\n\n")[2].partition("\n\n")[2]
    command = shlex.join(results.command)
    return f"{text.strip()}\n\n{_origin(command, STROKES, results.commit)}"


def stroke_times() -> str:
    """Seconds from a stroke to its mask, from the newest file of benchmarks/strokes.py."""
    path = max(RAW.glob("*-strokes-*.jsonl"))
    lines = _read_lines(path)
    rows = [
        (
            line["size"][0],
            line["objects"],
            *(
                " / ".join(f"{line[f'seconds_{kind}_{key}']:.2f}" for key in ("p50", "p95"))
                for kind in KINDS
            ),
        )
        for line in lines
    ]
    head = ("rows", "objects", "first stroke", "first, frame prepared", "further strokes")
    command = f"python benchmarks/strokes.py --label {path.stem}"
    return f"{_table(head, rows)}\n\n{_origin(command, path, _commit(lines))}"


def studio() -> str:
    """The bundled clip from nothing to a matte, from the newest file of benchmarks/studio.py."""
    path = max(RAW.glob("*-studio-*.jsonl"))
    *lines, export = _read_lines(path)
    rows = []
    strokes = 0
    for line in lines:
        strokes += line["strokes"]
        median, longest = line["seconds_of_strokes"]
        scores = (f"{value:.3f}" for value in line["scores"].values())
        run = f"{line['seconds_of_tracking']:.0f}"
        rows.append((line["frame"], strokes, f"{median:.2f} / {longest:.2f}", run, *scores))
    head = ("frame", "strokes so far", "s a stroke", "s of tracking", *lines[0]["scores"])
    text = f"Exporting ProRes 4444, a file for each object: {export['seconds']:.0f} s."
    command = f"python benchmarks/studio.py --label {path.stem}"
    return f"{_table(head, rows)}\n\n{text}\n\n{_origin(command, path, _commit(lines))}"


def bundled_clip() -> str:
    """The bundled clip, with two annotated frames and with one."""
    if not CLIP.is_file():
        return transcribed("2026-11-25-bundled-clip", "bundled-clip")
    record = json.loads(CLIP.read_text())
    rows = [
        (run["annotated"], one["object"], *(f"{_score(one, key):.3f}" for key in KEYS))
        for run in record["runs"]
        for one in (*run["scores"]["objects"], run["scores"] | {"object": "mean"})
    ]
    head = ("annotated frames", "object", "J&F", "J", "F")
    return f"{_table(head, rows)}\n\n{_origin(record['command'], CLIP, record['commit'])}"


def transcribed(file: str, *names: str) -> str:
    """Return tables that were copied from an earlier version of the page, and say so."""
    path = TRANSCRIBED / f"{file}.json"
    record = json.loads(path.read_text())
    tables = [record["tables"][name] for name in names]
    parts = []
    for table in tables:
        parts += [textwrap.fill(table["note"], 118)] if "note" in table else []
        parts.append(_table(table["header"], table["rows"]))
    return "\n\n".join((*parts, _origin(tables[0]["command"], path, record["source"])))


def frame_times() -> str:
    """Seconds per frame and stage, from the newest file of benchmarks/frame.py."""
    path = max(RAW.glob("*-frame-*.jsonl"))
    lines = _read_lines(path)
    timed = [line for line in lines if "seconds_per_frame_median" in line]
    names = [name for name in STAGES if any(name in line["stages"] for line in timed)]
    stages = (f"{name}, ms" for name in names)
    rows = [
        (
            line["size"][0],
            line["objects"],
            line["frames"],
            line["kernels"] or "default",
            "kept" if line["keep_memory"] else "returned",
            f"{line['seconds_per_frame_median']:.3f}",
            *(f"{1000 * line['stages'].get(name, 0):.0f}" for name in names),
            f"{line['start_to_first_mask']:.1f}",
            f"{line['import_torch']:.1f}",
            f"{line.get('seconds_tuning', 0):.1f}",
            f"{line['peak_mb']:.0f}",
        )
        for line in timed
    ]
    head = ("rows", "objects", "frames", "kernel", "freed memory", "s per frame", *stages)
    seconds = ("s to first mask", "of it `import torch`", "of it tuning")
    table = _table((*head, *seconds, "peak MB"), rows)
    ratios = [line for line in lines if "frame_over_resnet101" in line]
    text = "".join(
        f"One pass of a ResNet-101 at the same size takes {line['resnet101_seconds']:.3f} s in the "
        f"same run; a frame with one object takes {line['frame_over_resnet101']:.3f} of that.\n\n"
        for line in ratios
    )
    command = f"python benchmarks/frame.py --label {path.stem}"
    return f"{table}\n\n{text}{_origin(command, path, _commit(lines))}"


def preset_times() -> str:
    """Seconds of both presets, from the newest file of benchmarks/presets.py."""
    path = max(RAW.glob("*-presets-*.jsonl"))
    lines = _read_lines(path)
    hidden = ("adapt.steps", "learner.steps", "foreground.pixels", "working_pixels")
    rows = [
        (
            line["preset"],
            line["objects"],
            " ".join(f"`{one}`" for one in line["settings"] if not one.startswith(hidden)),
            f"{line['schedule_hours']} h (extrapolated)"
            if "schedule_hours" in line
            else f"{line['seconds_learning']:.1f} s",
            f"{line['seconds_per_frame_median']:.3f}",
            line.get("seconds_per_step", ""),
        )
        for line in lines
    ]
    head = ("preset", "objects", "settings", "learning", "s per frame", "s per step and network")
    command = f"python benchmarks/presets.py --weights paper.safetensors --label {path.stem}"
    return f"{_table(head, rows)}\n\n{_origin(command, path, _commit(lines))}"


def _paper(name: str) -> Callable[[], str]:
    return lambda: transcribed("2026-11-25-paper", name)


TABLES: dict[str, Callable[[], str]] = {
    "halves-accuracy": halves_accuracy,
    "halves-ablation": halves_ablation,
    "halves-calibration": halves_calibration,
    "tuning-curve": tuning_curve,
    "unlike-accuracy": unlike_accuracy,
    "interactive-strokes": interactive_strokes,
    "stroke-times": stroke_times,
    "studio": studio,
    "bundled-clip": bundled_clip,
    "frame-times": frame_times,
    "preset-times": preset_times,
    "paper-accuracy": _paper("accuracy"),
    "paper-table-2": _paper("table-2"),
    "paper-table-2-published": _paper("table-2-paper"),
    "paper-differences": _paper("differences"),
    "paper-table-3": _paper("table-3"),
    "paper-learners": _paper("learners"),
    "paper-bundled-clip": _paper("bundled-clip"),
}


def fill(page: str) -> str:
    """Return the page with every table made anew.

    Raises:
        SystemExit: The page lacks a table, has one twice, or names one that does not exist.
    """
    named = [name for _, name, _, _ in BLOCK.findall(page)]
    if sorted(named) != sorted(TABLES):
        odd = sorted(set(named) ^ set(TABLES)) or sorted({n for n in named if named.count(n) > 1})
        raise SystemExit(
            f"docs/results.md must have each table once; missing, unknown or repeated: {odd}"
        )
    return BLOCK.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[4]}", page)


def _measured(report: str, folder: Path) -> str:
    """A report without its title, its headings one level lower, and where it is from."""
    body = re.sub(r"^#(#+ )", r"##\1", _untitled(report), flags=re.MULTILINE)
    results = json.loads((folder / FILE).read_text())
    origin = _origin(shlex.join(results["command"]), folder / FILE, results["commit"])
    return f"{body}\n\n{origin}"


def _untitled(report: str) -> str:
    """A report without its title."""
    return re.sub(r"\A# .*\n+", "", report).strip()


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _origin(command: str, path: Path, source: str) -> str:
    """The lines below a table: the commands as a block of code, and the raw file.

    Args:
        command: One command, or several on a line each; may be empty.
        path: The raw file.
        source: The commit, or where the figures are from.
    """
    blocks = []
    for line in command.splitlines():
        # An option and its value stay on one line.
        options = (option.replace(" ", "\0") for option in re.split(r" (?=--)", line))
        parts = textwrap.wrap(
            " ".join(options), 104, break_long_words=False, break_on_hyphens=False
        )
        blocks.append(" \\\n        ".join(parts).replace("\0", " "))
    block = "\n    ".join(blocks)
    text = f"Raw file: `{path.relative_to(ROOT)}`.  \nSource: {source}."
    return f"    {block}\n\n{text}" if command else text


def _commit(lines: Sequence[dict[str, Any]]) -> str:
    commits = sorted({line["commit"] for line in lines if line.get("commit")})
    return ", ".join(commits) or "commit not recorded"


def _score(scores: dict[str, float], key: str) -> float:
    return scores[key] if key in scores else (scores["J"] + scores["F"]) / 2


def _read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def main() -> None:
    """Rewrite the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; 1 if it is stale")
    old = PAGE.read_text()
    new = fill(old)
    if not parser.parse_args().check:
        PAGE.write_text(new)
    elif new != old:
        raise SystemExit("docs/results.md is stale; run: python scripts/make_results.py")


if __name__ == "__main__":
    main()
