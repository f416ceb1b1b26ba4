"""The command `rotoline benchmark`, on drawn data sets in both layouts."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from rotoline.data.datasets import read_dataset
from rotoline.evaluation.benchmark_results import BenchmarkResults, benchmark_table
from rotoline.evaluation.results import read_record
from rotoline.io.masks import read_labels, write_mask

SMALL = ["--set", "working_pixels=24576"]


def write_sequence(frames, annotations, pictures, labels):
    """Write frames, and the label maps that are given by index."""
    frames.mkdir(parents=True)
    annotations.mkdir(parents=True)
    for t, picture in enumerate(pictures):
        Image.fromarray(picture).save(frames / f"{t:05d}.jpg", quality=95)
    for t, label in labels.items():
        write_mask(annotations / f"{t:05d}.png", label)


@pytest.fixture
def davis(tmp_path, make_clip):
    """DAVIS with the splits val (discs of 1, 2 and of 1 object) and test (first masks only)."""
    root = tmp_path / "davis"
    clips = {"pair": make_clip(frames=5, ids=(1, 2)), "alone": make_clip(frames=4)}
    clips["unknown"] = make_clip(frames=3)
    for name, (pictures, labels) in clips.items():
        folders = (root / kind / "480p" / name for kind in ("JPEGImages", "Annotations"))
        count = 1 if name == "unknown" else len(labels)
        write_sequence(*folders, pictures, dict(enumerate(labels[:count])))
    lists = root / "ImageSets" / "2017"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("pair\nalone\n")
    (lists / "test.txt").write_text("unknown\n")
    return root


@pytest.fixture
def youtube_vos(tmp_path, make_clip):
    """YouTube-VOS: object 1 appears in frame 1 and object 2 in frame 3; every frame from 1 to 5 but
    frame 4 has a true label map."""
    root = tmp_path / "vos"
    pictures, labels = make_clip(frames=6, ids=(1, 2))
    background, _ = make_clip(frames=1, ids=())
    for t in range(3):
        hidden = np.isin(labels[t], (1, 2) if t == 0 else 2)
        pictures[t][hidden] = background[0][hidden]
        labels[t] = np.where(hidden, 0, labels[t])
    truth = {t: labels[t] for t in (1, 2, 3, 5)}
    folders = (root / "train" / kind / "clip" for kind in ("JPEGImages", "Annotations"))
    write_sequence(*folders, pictures, truth)
    (root / "train" / "meta.json").write_text(json.dumps({"videos": {"clip": {"objects": {}}}}))
    return root, truth


@pytest.mark.slow
def test_davis_split_is_segmented_and_scored_as_evaluate_does(davis, tmp_path, call):
    out = tmp_path / "out"
    result = call("benchmark", davis, "--split", "val", "--output", out, *SMALL)
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in out.iterdir()) == ["Annotations", "results.json", "table.md"]
    assert sorted(p.name for p in (out / "Annotations" / "alone").iterdir()) == [
        f"0000{t}.png" for t in range(4)
    ]
    results = read_record(out, BenchmarkResults)
    assert [one.name for one in results.sequences] == ["pair", "alone"]
    assert results.sequences[0].scored_frames == ("00001", "00002", "00003")
    objects = []
    for one in results.sequences:
        masks, truth = out / "Annotations" / one.name, davis / "Annotations" / "480p" / one.name
        expected = json.loads(call("evaluate", masks, "--truth", truth, "--json").output)
        scores = one.scores()
        assert scores.j_and_f == expected["J&F"]
        assert scores.j == (expected["J"], expected["J_recall"], expected["J_decay"])
        assert scores.f == (expected["F"], expected["F_recall"], expected["F_decay"])
        objects += expected["objects"]
    assert len(objects) == 3
    # Objects count the same, whatever the number of objects in their sequence.
    assert results.scores["J"] == pytest.approx(np.mean([one["J"] for one in objects]))
    assert results.scores["F decay"] == pytest.approx(np.mean([one["F_decay"] for one in objects]))
    assert 0.5 < results.scores["J&F"] < 1
    record = json.loads((out / "results.json").read_text())
    assert record["scores"] == results.scores
    assert record["config"]["working_pixels"] == 24576
    table = (out / "table.md").read_text()
    assert benchmark_table(results) == table
    assert f"{results.scores['J&F']:.3f}" in table
    assert table in result.output
    assert "Not the whole split" not in table


def test_perfect_masks_score_one(davis, tmp_path, call, monkeypatch):
    truth = {
        sequence.read_frame(index).tobytes(): sequence.read_labels(index)
        for sequence in read_dataset(davis, "val")
        for index in sequence.annotated
    }

    class Oracle:
        """A tracker that knows the true label map of every frame."""

        def step(self, frame, annotation):
            confidence = dict.fromkeys((1, 2), 1.0)
            return SimpleNamespace(index=0, labels=truth[frame.tobytes()], confidence=confidence)

        def tune(self):
            return None

        def use(self, tuned):
            del tuned

    monkeypatch.setattr("rotoline.model.Model.tracker", lambda *_, **__: Oracle())
    out = tmp_path / "out"
    assert call("benchmark", davis, "--output", out).exit_code == 0
    assert read_record(out, BenchmarkResults).scores == {
        **dict.fromkeys(("J&F", "J", "F", "J recall", "F recall"), 1.0),
        **dict.fromkeys(("J decay", "F decay"), 0.0),
    }


def test_split_without_truth_is_segmented_only(davis, tmp_path, call):
    out = tmp_path / "out"
    result = call("benchmark", davis, "--split", "test", "--output", out, *SMALL)
    assert result.exit_code == 0, result.output
    results = read_record(out, BenchmarkResults)
    assert results.scores is None
    assert (results.sequences[0].objects, results.sequences[0].frames) == ((), 3)
    assert len(list((out / "Annotations" / "unknown").iterdir())) == 3
    assert "no true masks" in (out / "table.md").read_text()


@pytest.mark.slow
def test_youtube_vos_gives_each_object_where_it_first_appears(youtube_vos, tmp_path, call):
    root, truth = youtube_vos
    out = tmp_path / "out"
    result = call("benchmark", root, "--split", "train", "--output", out, *SMALL)
    assert result.exit_code == 0, result.output
    masks = [read_labels(out / "Annotations" / "clip" / f"0000{t}.png") for t in range(6)]
    assert not masks[0].any()
    assert np.array_equal(masks[1], truth[1])
    assert set(np.unique(masks[2])) == {0, 1}
    # Object 2 is given in frame 3; object 1 is tracked there, and its true mask is not used.
    assert np.array_equal(masks[3] == 2, truth[3] == 2)
    assert not np.array_equal(masks[3] == 1, truth[3] == 1)
    (one,) = read_record(out, BenchmarkResults).sequences
    assert one.scored_frames == ("00002", "00003", "00005")
    assert [(o.object_id, len(o.j)) for o in one.objects] == [(1, 3), (2, 1)]
    _, second = one.scores().objects
    assert second.frames == ("00005",)
    intersection = (masks[5] == 2) & (truth[5] == 2)
    union = (masks[5] == 2) | (truth[5] == 2)
    assert second.j.mean == pytest.approx(intersection.sum() / union.sum())


def test_stopped_run_keeps_the_sequences_that_are_done(davis, tmp_path, call, monkeypatch):
    from rotoline.evaluation import benchmark

    begun, run = [], benchmark.SequenceRun

    def stop_at_second(*args):
        begun.append(args)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return run(*args)

    monkeypatch.setattr(benchmark, "SequenceRun", stop_at_second)
    out = tmp_path / "out"
    result = call("benchmark", davis, "--output", out, *SMALL)
    assert result.exit_code == 130
    assert [one.name for one in read_record(out, BenchmarkResults).sequences] == ["pair"]
    assert "**Not the whole split:** 1 of 2 sequences." in (out / "table.md").read_text()


def test_bad_arguments_end_with_a_message_and_nothing_written(davis, tmp_path, call, words_of):
    out = tmp_path / "out"
    cases = {
        "has no split valid": (davis, "--split", "valid"),
        "there is no sequence pear in the split val": (davis, "--only", "pear"),
        "holds no data set": (tmp_path, "--split", "val"),
    }
    for words, arguments in cases.items():
        result = call("benchmark", *arguments, "--output", out)
        assert result.exit_code == 2, words
        assert words in words_of(result)
        assert not out.exists()
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    result = call("benchmark", davis, "--output", out)
    assert result.exit_code == 2
    assert "holds files already" in words_of(result)
