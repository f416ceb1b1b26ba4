"""A batch on a cluster of Ray with two nodes, all on this machine: whatever is lost, it goes on."""

import json
import subprocess
import sys
import time

import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'rotoline[cluster]'")

pytestmark = pytest.mark.slow

STORE = {"object_store_memory": 80_000_000}
SECONDS = 180


@pytest.fixture
def cluster(killing_environment, monkeypatch):
    """A head without cores, and two nodes with one core each."""
    from ray.cluster_utils import Cluster

    for name, value in killing_environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, **STORE},
    )
    made.worker = [made.add_node(num_cpus=1, **STORE) for _ in range(2)]
    yield made
    made.shutdown()


def wait_for(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def done_in(root):
    """When the record of each complete run was written, by its id."""
    found = {}
    for path in root.glob("*/run.json"):
        if '"status": "complete"' in path.read_text() and (path.parent / "report.html").exists():
            found[path.parent.name] = path.stat().st_mtime_ns
    return found


def test_batch_survives_clips_nodes_and_drivers(
    cluster, write_batch, batch_arguments, single_run, results_of, tmp_path
):
    names = [*(f"clip{k}" for k in range(8)), "broken", "kill"]
    manifest, root = write_batch("kill", "broken", *names[:8]), tmp_path / "out"
    command = [sys.executable, "-m", "rotoline", "batch", manifest, "--output", root]
    command += ["--cluster", cluster.address, *batch_arguments]

    command = [str(part) for part in command]
    with (tmp_path / "log").open("w") as log:
        with subprocess.Popen(command, stderr=log, stdout=log) as driver:
            wait_for(lambda: len(done_in(root)) >= 2)
            cluster.remove_node(cluster.worker[0], allow_graceful=False)
            wait_for(lambda: len(done_in(root)) >= 4)
            driver.kill()
        before = done_in(root)
        assert len(before) < 9
        again = subprocess.run(command, stderr=log, stdout=log, timeout=SECONDS)
    assert again.returncode == 1, (tmp_path / "log").read_text()
    after = done_in(root)
    assert set(after) == set(names) - {"broken"}
    assert {name: after[name] for name in before} == before
    assert (tmp_path / "killed").exists()
    record = json.loads((root / "batch.json").read_text())
    assert record["status"] == "failed"
    assert record["counts"]["done before"] >= len(before)
    assert "not a picture" in record["items"]["broken"]["error"]
    for name in after:
        assert results_of(root / name) == results_of(single_run(name)), name
