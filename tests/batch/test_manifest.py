"""Manifests: what is read, what is refused with its line, and what is planned from a folder."""

import json

import fsspec
import numpy as np
import pytest

from rotoline.batch.manifest import assignments_of, read_manifest
from rotoline.batch.prepare import items_of, shard_of
from rotoline.errors import ConfigError, InputError
from rotoline.io.masks import write_mask


@pytest.fixture
def read(tmp_path):
    def read(text, name="clips.jsonl", root="/out"):
        path = tmp_path / name
        path.write_text(text)
        return read_manifest(path, root)

    return read


def test_json_lines_and_csv_say_the_same(read, tmp_path):
    lines = [
        {"id": "a", "video": "x/a.mp4", "masks": "a.png", "settings": {"tuning": {"steps": 8}}},
        {"video": "s3://b/c.mp4", "masks": ["m/0.png", "m/5.png"], "output": "set/c"},
    ]
    items = read("".join(json.dumps(line) + "\n\n" for line in lines))
    table = (
        "id,video,masks,output,settings\n"
        "a,x/a.mp4,a.png,,tuning.steps=8\n"
        ",s3://b/c.mp4,m/0.png; m/5.png,set/c,\n"
    )
    assert [one.model_copy(update={"line": 0}) for one in read(table, "clips.csv")] == [
        one.model_copy(update={"line": 0}) for one in items
    ]
    first, second = items
    assert first.video == str(tmp_path / "x" / "a.mp4")
    assert (first.output, second.output) == ("/out/a", "/out/set/c")
    assert assignments_of(first.settings) == ["tuning.steps=8"]
    assert (second.id, second.line) == ("c", 3)
    assert second.masks == tuple(str(tmp_path / "m" / name) for name in ("0.png", "5.png"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"video": "a.mp4", "masks": "a.png"}\n{"video"', "line 2: it is no JSON"),
        ('{"video": "a.mp4"}', "line 1: masks is missing"),
        ('{"video": "", "masks": "a.png"}', "line 1: video is ''; it is empty"),
        ('{"video": 3, "masks": "a.png"}', "line 1: video is 3"),
        ("[1]", "line 1: it is no object with the fields id, video"),
        ('{"video": "a.mp4", "masks": "b", "mask": 1}', "line 1: there is no field 'mask'"),
        ('{"id": "../a", "video": "a.mp4", "masks": "b"}', "line 1: the id '../a' is no good name"),
        ('{"video": "ä ö.mp4", "masks": "b"}', "the id 'ä ö', the name of its video, is no good"),
        ('{"video": "con.mp4", "masks": "b"}', "the id 'con'"),
        ('{"video": "a.mp4", "masks": "b", "output": "../x"}', "line 1: the output '../x'"),
        (
            '{"video": "a.mp4", "masks": "b"}\n{"id": "A", "video": "c.mp4", "masks": "b"}',
            "lines 1 and 2 have the same id A",
        ),
        (
            '{"video": "a.mp4", "masks": "b"}\n{"video": "c.mp4", "masks": "b", "output": "a/c"}',
            "the output of line 2 lies in that of line 1",
        ),
        ("\n", "names no clip"),
    ],
)
def test_lines_that_cannot_be_used_are_named(read, text, message):
    with pytest.raises(InputError) as raised:
        read(text)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,video\na,b\n", "video and masks are missing"),
        ("id,video,masks,mask\n", "'mask' is none of them"),
        ("video,masks\na.mp4,b,c\n", "line 2: it has more values"),
        ('video,masks\n"a.mp4,b\n', "line 2: unexpected end of data"),
        ("video,masks,settings\na.mp4,b,tuning\n", "line 2: 'tuning' is no setting"),
        ("video,masks\na.mp4,\n", "line 2: masks is missing"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(read, text, message):
    with pytest.raises(InputError) as raised:
        read(text, "clips.csv")
    assert message in str(raised.value)


def test_setting_of_a_line_is_checked_before_anything_runs(write_batch, make_batch):
    manifest = write_batch("cat")
    line = json.loads(manifest.read_text()) | {"settings": {"tuning.stesp": 3}}
    manifest.write_text("\n" + json.dumps(line))
    with pytest.raises(ConfigError, match=r"line 2: .*did you mean tuning.steps"):
        make_batch(manifest)


def test_shards_together_are_the_whole(read, tmp_path):
    whole = read("".join(f'{{"video": "{k}.mp4", "masks": "m"}}\n' for k in range(7)))
    parts = [items_of(tmp_path / "clips.jsonl", "/out", (k, 3)) for k in range(3)]
    assert sorted(one.id for part in parts for one in part) == [one.id for one in whole]
    assert [one.id for one in parts[1]] == ["1", "4"]
    assert shard_of("0/2") == (0, 2)
    for wrong in ("2/2", "1", "a/b", "-1/2", "0/0"):
        with pytest.raises(ConfigError, match="--shard"):
            shard_of(wrong)


def plan(call, words_of, *arguments):
    result = call("batch", "plan", *arguments)
    return result.exit_code, words_of(result)


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_folder_is_planned_by_patterns(tmp_path, call, words_of):
    for name in ("a.mp4", "b.mp4", "a.png", "x/clip.mp4", "x/first.png", "y/clip.mp4"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    manifest = tmp_path / "clips.jsonl"
    code, words = plan(call, words_of, tmp_path / "in", "--output", manifest)
    assert code == 0
    assert "no masks for b.mp4, which are left out" in words
    assert lines_of(manifest) == [{"id": "a", "video": "in/a.mp4", "masks": "in/a.png"}]
    assert plan(call, words_of, tmp_path / "in", "--output", manifest)[0] == 2
    table = tmp_path / "in" / "clips.csv"
    patterns = ("--videos", "*/clip.mp4", "--masks", "{parent}/first.png")
    assert plan(call, words_of, tmp_path / "in", *patterns, "--output", table)[0] == 0
    assert table.read_text() == "id,video,masks\nx-clip,x/clip.mp4,x/first.png\n"
    code, words = plan(call, words_of, tmp_path / "in", "--masks", "{a}", "-o", tmp_path / "n.csv")
    assert code == 2
    assert "{stem}, {name} and {parent}" in words


def test_store_is_planned_by_patterns(tmp_path, call, words_of):
    files = fsspec.filesystem("memory")
    for name in ("a.mp4", "a.png"):
        files.pipe_file(f"/planned/{name}", b"")
    manifest = tmp_path / "clips.jsonl"
    assert plan(call, words_of, "memory://planned", "--output", manifest)[0] == 0
    assert lines_of(manifest) == [
        {"id": "a", "video": "memory:///planned/a.mp4", "masks": "memory:///planned/a.png"}
    ]
    files.rm("/planned", recursive=True)


def test_data_set_is_planned_by_its_split(tmp_path, make_clip, call, words_of):
    _, labels = make_clip(frames=3, ids=(1, 2))
    for kind in ("JPEGImages", "Annotations"):
        for name in ("cat", "dog"):
            folder = tmp_path / "vos" / "valid" / kind / name
            folder.mkdir(parents=True)
            for t in range(3):
                shown = 1 if t == 0 or name == "cat" else 2
                write_mask(folder / f"{t:05d}.png", np.where(labels[t] <= shown, labels[t], 0))
    manifest = tmp_path / "clips.jsonl"
    code, words = plan(call, words_of, tmp_path / "vos", "-o", manifest)
    assert code == 2
    assert "--split val" in words
    code, words = plan(call, words_of, tmp_path / "vos", "--split", "valid", "-o", manifest)
    assert code == 0, words
    cat, dog = lines_of(manifest)
    assert cat["masks"] == "vos/valid/Annotations/cat/00000.png"
    assert dog["masks"] == [f"vos/valid/Annotations/dog/0000{t}.png" for t in (0, 1)]
    assert dog["video"] == "vos/valid/JPEGImages/dog"
