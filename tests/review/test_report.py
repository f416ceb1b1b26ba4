"""`rotoline report` on runs of which the masks and the pictures were drawn."""

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rotoline.io.masks import write_mask
from rotoline.review.findings import find_all
from rotoline.review.measures import Measures, Meetings
from rotoline.review.page import Review, make_page
from rotoline.review.ranking import rank_frames
from rotoline.wording import counted

HOSTILE = "<script>alert(1)<&\"'$(rm x)"
VOID_TAGS = {"meta", "img", "br"}


class Page(HTMLParser):
    """Checks that every element is closed, and collects text and attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.loaded, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        names = ("src", "href", "xlink:href", "action", "data", "srcset", "poster")
        self.loaded += [value for name, value in attributes if name in names]
        if tag not in VOID_TAGS:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def run(tmp_path):
    """A function that writes a run of 12 frames, in which object 1 is lost in frame 6."""

    def write(prefix="f", **changes):
        (tmp_path / "frames").mkdir()
        (tmp_path / "run" / "masks").mkdir(parents=True)
        names = [f"{prefix}{t}" for t in range(12)]
        for t, name in enumerate(names):
            picture = np.full((40, 60, 3), (200, 40, 40) if t < 9 else (40, 40, 200), np.uint8)
            labels = np.zeros((40, 60), np.uint8)
            labels[10:20, 10 + t : 20 + t] = 0 if t == 6 else 1
            labels[30:36, 30:40] = 7
            Image.fromarray(picture).save(tmp_path / "frames" / f"{name}.png")
            write_mask(tmp_path / "run" / "masks" / f"{name}.png", labels)
        record = {
            "status": "complete",
            "command": ["rotoline", "segment"],
            "input": {"video": str(tmp_path / "frames"), "masks": "m.png", "size": [40, 60]},
            "annotated_frames": names[:1],
            "warnings": [],
            "confidence": {n: {"1": 0.0 if t == 6 else 0.9, "7": 0.8} for t, n in enumerate(names)},
        }
        (tmp_path / "run" / "run.json").write_text(json.dumps(record | changes))
        return tmp_path / "run"

    return write


def read_report(folder):
    with (folder / "report.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    return Page((folder / "report.html").read_text(encoding="utf-8")), table


def test_page_and_table_say_the_same(run, call):
    folder = run()
    result = call("report", folder)
    assert result.exit_code == 0, result.output
    page, table = read_report(folder)
    reasons = {row["reason"] for row in table}
    assert "object 1 vanishes inside the frame" in reasons
    assert any(reason.startswith("a scene cut") for reason in reasons)
    # Items of the lists, in the order of the table.
    pattern = re.compile(r"<li>(?:frame \S+: )?(.*?)</li>")
    listed = pattern.findall((folder / "report.html").read_text(encoding="utf-8"))
    assert listed == [row["reason"] for row in table]
    heads = re.findall(r"(\d+)\. Frame (\S+?)(?=[a-z ]|$)", page.text)
    ranks = list(dict.fromkeys((row["rank"], row["frame"]) for row in table))
    assert [rank for rank, _ in heads] == [rank for rank, _ in ranks]
    assert "There are cuts before the frames f9." in page.text
    assert f"{counted(len(ranks), 'frame')} to look at" in result.output


def test_page_is_complete_in_itself(run, call):
    folder = run()
    assert call("report", folder).exit_code == 0
    page, table = read_report(folder)
    assert page.loaded
    assert all(value.startswith("data:image/jpeg;base64,") for value in page.loaded)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in text
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")
    strips = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert [strip["aria-label"] for strip in strips] == [
        "Object 1: visible in 11 of 12 frames, confidence 0.90 to 0.90",
        "Object 7: visible in 12 of 12 frames, confidence 0.80 to 0.80",
    ]
    assert f"cp -- {folder / 'masks' / table[0]['frame']}.png corrections/" in page.text
    go_on = f"rotoline segment {folder.parent / 'frames'} --masks corrections --output {folder}"
    assert f"{go_on} --resume" in page.text


def test_names_are_escaped(run, call):
    folder = run(prefix=HOSTILE, warnings=["<b>bold</b>"], names={"7": "<b>seven"})
    assert call("report", folder).exit_code == 0
    page, table = read_report(folder)
    tags = {tag for tag, _ in page.tags}
    assert not {"script", "b"} & tags
    assert f"Frame {HOSTILE}" in page.text
    assert "<b>bold</b>" in page.text
    assert "object 7: <b>seven" in page.text
    assert table[0]["frame"].startswith(HOSTILE)
    # In a shell, the name is one word.
    assert "'\"'\"'$(rm x)" in page.text


def test_interrupted_runs_say_so(run, call):
    folder = run(status="failed", problem="the disk was full")
    record = json.loads((folder / "run.json").read_text())
    for name in ("f10", "f11"):
        del record["confidence"][name]
        (folder / "masks" / f"{name}.png").unlink()
    (folder / "run.json").write_text(json.dumps(record))
    result = call("report", folder)
    assert result.exit_code == 0, result.output
    assert "did not end" in result.stderr
    page, _ = read_report(folder)
    assert "the disk was full" in page.text
    assert "its status is failed" in page.text


def test_damaged_runs_are_refused_and_nothing_is_written(run, call, words_of):
    folder = run()
    mask = folder / "masks" / "f3.png"
    whole = mask.read_bytes()
    mask.write_bytes(whole[:40])
    result = call("report", folder, "--output", folder.parent / "out")
    assert result.exit_code == 2
    assert "f3.png" in words_of(result)
    assert not (folder.parent / "out").exists()
    mask.write_bytes(whole)
    (folder / "run.json").write_text("{")
    assert call("report", folder).exit_code == 2
    assert not list(folder.glob("report*"))


def test_a_report_is_not_written_over_another_and_goes_elsewhere(run, call, words_of):
    folder = run()
    (folder / "report.csv").write_text("mine")
    result = call("report", folder)
    assert result.exit_code == 2
    assert "exists already" in words_of(result)
    assert (folder / "report.csv").read_text() == "mine"
    moved = folder.parent / "moved"
    (folder.parent / "frames").rename(moved)
    out = folder.parent / "out"
    assert call("report", folder, "--output", out).exit_code == 2
    assert call("report", folder, "--output", out, "--video", moved).exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == ["report.csv", "report.html"]


@pytest.mark.slow
def test_a_page_of_many_frames_and_objects_stays_small():
    frames, ids = 10_000, list(range(1, 201))
    generator = np.random.default_rng(0)
    areas = generator.integers(0, 900, (frames, 200))
    empty = np.zeros(0, np.int32)
    measures = Measures(
        names=[f"{t:05d}" for t in range(frames)],
        indices=np.arange(frames),
        object_ids=ids,
        size=(480, 854),
        confidence=np.where(areas > 0, 0.75 + generator.random(areas.shape) / 4, 0),
        areas=np.maximum(areas, 800),
        centres=np.full((*areas.shape, 2), 100.0),
        at_border=areas > 500,
        change=np.zeros(frames),
        change_over_two=np.zeros(frames),
        meetings=Meetings(empty, empty, empty, empty, empty),
        marked=np.zeros(frames, bool),
    )
    found = find_all(measures)
    listed = rank_frames(found, frames)
    assert listed
    record = {"status": "complete"}
    review = Review(Path("run"), Path("video"), record, [], measures, found, listed, {}, [])
    assert len(make_page(review)) < 5_000_000
