"""Batches in processes of this machine: shards, drivers at once, and what is shown."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from rotoline.batch.local import LocalEngine, share_gpus
from rotoline.errors import ConfigError


class Page(HTMLParser):
    """Collects the links, and checks that every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.text = [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.links += [value for name, value in attributes if name == "href"]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.slow
def test_two_drivers_share_a_manifest_without_a_double(
    write_batch, batch_arguments, killing_environment, single_run, results_of, tmp_path
):
    names = ["kill", "broken", "clip0", "clip1", "clip2"]
    manifest, root = write_batch(*names), tmp_path / "out"
    command = [sys.executable, "-m", "rotoline", "batch", manifest, "--output", root]
    command = [str(part) for part in [*command, "--workers", "1", *batch_arguments]]
    environment = os.environ | killing_environment
    drivers = [
        subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    logs = [driver.communicate(timeout=120)[1] for driver in drivers]
    assert [driver.returncode for driver in drivers] == [1, 1], logs
    for name in ("kill", "clip0", "clip1", "clip2"):
        assert len(re.findall(rf"^\d/5 {name}: 3 frames", "".join(logs), re.MULTILINE)) == 1, logs
        assert results_of(root / name) == results_of(single_run(name)), name
    assert "kill: will be tried again, as it failed: the process was ended by signal" in "".join(
        logs
    )
    record = json.loads((root / "batch.json").read_text())
    assert record["counts"] | {"done before": 0} == {
        "items": 5,
        "done": 4,
        "failed": 1,
        "done before": 0,
    }
    page = Page((root / "batch.html").read_text())
    assert set(page.links) == {f"{name}/report.html" for name in names if name != "broken"}
    assert all((root / link).is_file() for link in page.links)
    assert "not a picture that can be read" in page.text


@pytest.mark.slow
def test_shards_together_are_the_whole(
    write_batch, batch_arguments, call, words_of, single_run, results_of, tmp_path
):
    names = ["clip0", "clip1", "clip2"]
    manifest, root = write_batch(*names), tmp_path / "out"
    for shard, expected in (("0/2", {"clip0", "clip2"}), ("1/2", set(names))):
        arguments = ["batch", manifest, "--output", root, "--shard", shard, "--no-reports"]
        result = call(*arguments, "--workers", "1", *batch_arguments)
        assert result.exit_code == 0, words_of(result)
        assert {path.parent.name for path in root.glob("*/run.json")} == expected
        assert (root / f"batch-{shard.replace('/', '-of-')}.json").is_file()
    result = call("batch", manifest, "--output", root, "--no-reports", *batch_arguments)
    assert "3 of 3 clips are done" in words_of(result)
    record = json.loads((root / "batch.json").read_text())
    assert record["counts"]["done before"] == 3
    for name in names:
        expected = results_of(single_run(name))
        del expected["report.csv"]
        assert results_of(root / name) == expected


def test_gpus_are_shared_among_the_workers(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    assert share_gpus(2, 0) == ["", ""]
    assert share_gpus(4, 1) == ["4", "5", "6", "7"]
    assert share_gpus(4, 0.5) == ["4", "4", "5", "5"]
    assert share_gpus(2, 2) == ["4,5", "6,7"]
    for workers, gpus in ((5, 1), (3, 2), (1, 1.5)):
        with pytest.raises(ConfigError, match="4; give fewer --workers"):
            share_gpus(workers, gpus)


def test_missing_ray_is_said(write_batch, call, words_of, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    arguments = ["batch", write_batch("cat"), "--output", tmp_path / "out", "--cluster", "auto"]
    result = call(*arguments)
    assert result.exit_code == 2
    assert "pip install 'rotoline[cluster]'" in words_of(result)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "0"], "--workers is 0; it must be at least 1"),
        (["--time-limit", "0"], "--time-limit is 0"),
        (["--shard", "2/2"], "the last one is 1/2"),
        (["--weights", "none.safetensors"], "none.safetensors"),
        (["--set", "tuning.stesp=2"], "did you mean tuning.steps"),
        (["--output", "unknown://x"], "need a package for fsspec"),
    ],
)
def test_options_are_checked_before_anything_is_written(
    write_batch, call, words_of, tmp_path, options, message
):
    result = call("batch", write_batch("cat"), "--output", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert message in words_of(result)
    assert not (tmp_path / "out").exists()


def test_stopping_an_engine_stops_its_jobs(monkeypatch):
    def wait_until_stopped(job, worker, is_stopped):
        while not is_stopped():
            pass
        return job

    monkeypatch.setattr("rotoline.batch.local.run_job", wait_until_stopped)
    engine = LocalEngine(1)
    engine.submit("job")
    assert engine.wait(0.05) == []
    engine.close()
    assert engine.wait(1) == ["job"]
