"""Training on several machines: each is a `torchrun` of its own here, on one machine."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import rotoline
from rotoline.errors import ConfigError
from rotoline.training import distributed
from rotoline.weights.files import read_verified

SCRIPT = Path(__file__).parents[2] / "runs" / "train_machines.sh"
SHIPPED = Path(rotoline.__file__).parent / "weights" / "fast.safetensors"


@pytest.fixture
def start(tmp_path, clips, write_data):
    """A function that starts the script on one of so many machines."""
    write_data(tmp_path / "data", clips)
    torchrun = tmp_path / "bin" / "torchrun"
    torchrun.parent.mkdir()
    torchrun.write_text(f'#!/bin/sh\nexec {sys.executable} -m torch.distributed.run "$@"\n')
    torchrun.chmod(0o755)
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]

    def start(output, machines, processes):
        settings = ("steps=2", "batch=1", "crop.height=32", "crop.width=64")
        environment = {
            "PATH": f"{torchrun.parent}:{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            "HOST": "localhost",
            "PORT": str(port),
            "MACHINES": str(machines),
            "PROCESSES": str(processes),
            "OUTPUT": str(output),
        }
        command = ["sh", str(SCRIPT), str(tmp_path / "data"), "--device", "cpu"]
        command += ["--start", str(SHIPPED), *(w for one in settings for w in ("--set", one))]
        return subprocess.Popen(
            command, env=os.environ | environment, stderr=subprocess.PIPE, text=True
        )

    return start


def wait_for(*started):
    errors = [one.communicate(timeout=240)[1] for one in started]
    return [one.returncode for one in started], errors


@pytest.mark.slow
def test_two_machines_train_what_one_with_two_processes_does(start, tmp_path):
    codes, errors = wait_for(*(start(tmp_path / "two", 2, 1) for _ in range(2)))
    assert codes == [0, 0], errors
    codes, errors = wait_for(start(tmp_path / "one", 1, 2))
    assert codes == [0], errors
    steps = (tmp_path / "two" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in steps] == [0, 1]
    first, second = (
        read_verified(tmp_path / name / "fast.safetensors")[0].sha256 for name in ("one", "two")
    )
    assert first == second


def test_machines_that_see_different_checkpoints_refuse(monkeypatch):
    def gather(found, done):
        found[:] = [done, 0]

    monkeypatch.setattr(distributed, "process_count", lambda: 2)
    monkeypatch.setattr("torch.distributed.all_gather_object", gather)
    distributed.refuse_different_steps(0)
    with pytest.raises(ConfigError, match=r"after 0, 7 steps.* share the folder of --output"):
        distributed.refuse_different_steps(7)
