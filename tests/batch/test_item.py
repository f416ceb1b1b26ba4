"""One item: done once, made again only where its inputs changed, and files that are elsewhere."""

import json
import shutil
from pathlib import Path

import fsspec
import pytest
from PIL import Image

from rotoline.batch.claims import claim, who_has
from rotoline.batch.driver import Driver
from rotoline.batch.item import run_job
from rotoline.batch.jobs import Means
from rotoline.run import segment_to_folder


@pytest.fixture
def memory():
    """An empty store in memory."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield files
    files.store.clear()


def put(files, folder, address):
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            files.pipe_file(f"{address}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def test_item_is_done_once(write_batch, make_batch, run_item, worker, single_run, results_of):
    batch = make_batch(write_batch("cat"), reports=True)
    first, second = run_item(batch), run_item(batch)
    assert (first.status, first.was_done) == ("done", False)
    assert (second.status, second.was_done) == ("done", True)
    assert len(worker.asked) == 1
    assert second.summary == first.summary
    assert first.summary.frames == 3
    assert results_of(Path(batch.root) / "cat") == results_of(single_run("cat"))


@pytest.mark.parametrize("what", ["video", "masks", "settings"])
def test_other_inputs_are_refused_unless_results_may_be_replaced(
    write_batch, make_batch, run_item, worker, tmp_path, what
):
    manifest = write_batch("cat", "dog")
    assert run_item(make_batch(manifest)).status == "done"
    before = (tmp_path / "out" / "cat" / "run.json").read_bytes()
    clips, assignments = tmp_path / "clips", ()
    if what == "video":
        shutil.copy(clips / "dog" / "00002.png", clips / "cat" / "00001.png")
    elif what == "masks":
        shutil.copy(clips / "dog.png", clips / "cat.png")
        with Image.open(clips / "cat.png") as image:
            image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(clips / "cat.png")
    else:
        assignments = ("fuse.background_threshold=0.4",)
    refused = run_item(make_batch(manifest, *assignments))
    assert refused.status == "failed"
    assert refused.is_final
    assert f"results that were not made of the same {what};" in refused.error
    assert (tmp_path / "out" / "cat" / "run.json").read_bytes() == before
    assert run_item(make_batch(manifest, *assignments, overwrite=True)).status == "done"
    assert len(worker.asked) == 2
    assert run_item(make_batch(manifest, *assignments)).was_done


def test_results_of_a_single_run_are_not_touched(write_batch, make_batch, run_item, single_run):
    batch = make_batch(write_batch("cat"))
    single = single_run("cat")
    shutil.copytree(single, Path(batch.root) / "cat")
    outcome = run_item(batch)
    assert "the results of a single run, not of a batch" in outcome.error


def test_item_that_was_stopped_goes_on(
    write_batch, make_batch, run_item, worker, single_run, results_of, model, tmp_path, monkeypatch
):
    monkeypatch.setattr("rotoline.run_output.SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    batch = make_batch(write_batch("cat", frames=12))
    run_item(batch)
    request = worker.asked.pop()
    shutil.rmtree(Path(batch.root) / "cat")
    config = type(model.config).model_validate(request["config"])
    steps = segment_to_folder(
        tmp_path / "clips" / "cat",
        tmp_path / "clips" / "cat.png",
        Path(batch.root) / "cat",
        weights=None,
        config=config,
        command=[],
        formats=["png", "scores"],
        model=model,
        more_record=request["record"],
    )
    for step in steps:
        if step.done:
            break
    steps.close()
    record = json.loads((Path(batch.root) / "cat" / "run.json").read_text())
    assert record["status"] == "interrupted"
    started = record["started"]
    assert run_item(batch).status == "done"
    record = json.loads((Path(batch.root) / "cat" / "run.json").read_text())
    assert record["started"] == started
    expected = results_of(single_run("cat"))
    del expected["report.csv"]
    assert results_of(Path(batch.root) / "cat") == expected


def test_files_elsewhere_are_copied_and_results_uploaded(
    write_batch, make_batch, run_item, worker, single_run, memory, tmp_path, monkeypatch
):
    write_batch("cat")
    put(memory, tmp_path / "clips", "/in")
    manifest = tmp_path / "far.jsonl"
    manifest.write_text('{"id": "cat", "video": "memory://in/cat", "masks": "memory://in/cat.png"}')
    batch = make_batch(manifest, root="memory://results")
    assert run_item(batch).status == "done"
    written = {path: memory.cat_file(path) for path in memory.find("/results/cat")}
    single = single_run("cat")
    for kind in ("masks", "scores"):
        for path in (single / kind).iterdir():
            assert written[f"/results/cat/{kind}/{path.name}"] == path.read_bytes()
    assert not [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()]
    assert run_item(batch).was_done
    assert len(worker.asked) == 1
    # Results that are not part of the new ones go, and the record is written last.
    memory.pipe_file("/results/cat/masks/old.png", b"old")
    memory.pipe_file("/in/cat.png", (tmp_path / "clips" / "cat.png").read_bytes())
    assert "not made of the same masks" in run_item(batch).error
    order = []
    put_file = type(memory).put_file

    def note(self, lpath, rpath, *more, **options):
        order.append(rpath)
        return put_file(self, lpath, rpath, *more, **options)

    monkeypatch.setattr(type(memory), "put_file", note)
    batch = make_batch(manifest, root="memory://results", overwrite=True)
    assert run_item(batch).status == "done"
    assert order[-1].endswith("cat/run.json")
    assert not memory.exists("/results/cat/masks/old.png")


def test_copies_stay_within_their_bound(write_batch, make_batch, run_item, memory, tmp_path):
    write_batch("cat")
    put(memory, tmp_path / "clips", "/in")
    manifest = tmp_path / "far.jsonl"
    manifest.write_text('{"id": "cat", "video": "memory://in/cat", "masks": "memory://in/cat.png"}')
    means = Means(threads=1, scratch=tmp_path / "scratch", scratch_limit=1_000)
    outcome = run_item(make_batch(manifest, root="memory://results", means=means))
    assert outcome.is_final
    assert "--scratch-limit allows 1e-06 GB" in outcome.error
    old = tmp_path / "scratch" / "old"
    (old / "output").mkdir(parents=True)
    (old / ".rotoline-lock").touch()  # as a process leaves it that was killed
    (old / "output" / "mask").write_bytes(bytes(10**6))
    means = means.model_copy(update={"scratch_limit": 900_000})
    assert run_item(make_batch(manifest, root="memory://results", means=means)).status == "done"
    assert not old.exists()


@pytest.fixture
def drive(worker):
    """A function that runs a batch in this process; gives the last state and how items ended."""

    class Engine:
        most = 1

        def submit(self, job):
            self.job = job

        def wait(self, seconds):
            return [run_job(self.job, worker)]

        def close(self):
            pass

    def run(batch):
        driver = Driver(batch, Engine)
        last = list(driver.run())[-1]
        return (last.done, last.failed), driver.ended

    return run


def test_results_of_other_settings_are_replaced_once_that_is_allowed(
    write_batch, make_batch, drive, worker
):
    manifest = write_batch("cat")
    assert drive(make_batch(manifest))[0] == (1, 0)
    other = "fuse.background_threshold=0.4"
    for _ in range(2):
        counts, ended = drive(make_batch(manifest, other))
        assert (counts, ended["cat"].attempts) == ((0, 1), 1)
    assert len(worker.asked) == 1
    assert drive(make_batch(manifest, other, overwrite=True))[0] == (1, 0)


def test_failures_are_not_tried_again_unasked(write_batch, make_batch, drive, worker, tmp_path):
    def run(**options):
        counts, ended = drive(make_batch(manifest, **options))
        return counts, ended["broken"]

    manifest = write_batch("broken", "cat")
    counts, ended = run(retries=2)
    assert counts == (1, 1)
    assert (ended.attempts, ended.log) == (3, ("the log",))
    assert len(worker.asked) == 4
    counts, ended = run()
    assert (counts, ended.was_done, len(worker.asked)) == ((1, 1), True, 4)
    assert run(retry_failed=True, retries=0)[0] == (1, 1)
    assert len(worker.asked) == 5
    shutil.copy(tmp_path / "clips/broken/00001.png", tmp_path / "clips/broken/00000.png")
    assert run()[0] == (2, 0)
    record = json.loads((tmp_path / "out" / "batch.json").read_text())
    assert record["counts"] == {"items": 2, "done": 2, "done before": 1, "failed": 0}


def test_claimed_item_is_left_alone(write_batch, make_batch, run_item, worker):
    batch = make_batch(write_batch("cat"))
    with claim(batch.root, "cat", 0.1):
        assert run_item(batch).status == "claimed"
    assert run_item(batch).status == "done"
    assert who_has(batch.root, "cat") is None


def test_worker_of_another_version_refuses(write_batch, make_batch, worker):
    batch = make_batch(write_batch("cat"))
    job = batch.job(batch.items[0]).model_copy(update={"version": "0.1"})
    assert "install the same on all machines" in run_job(job, worker).error
