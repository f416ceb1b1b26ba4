import json

import pytest
import torch

import rotoline
from rotoline.errors import InputError
from rotoline.io.run_record import device, read_run_record, versions, write_run_record


def test_device_is_the_one_that_was_used_and_not_the_best_of_the_machine(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a GPU")
    assert device(torch.device("cpu"))["device"] == "cpu"
    assert device(torch.device("cuda", 0))["device"] == "a GPU"


def test_versions_name_this_version():
    assert versions()["rotoline"] == rotoline.__version__


def test_a_record_is_read_back_and_a_missing_one_is_empty(tmp_path):
    assert read_run_record(tmp_path) == {}
    write_run_record(tmp_path, {"frames": 3})
    assert read_run_record(tmp_path) == {"frames": 3}
    assert json.loads((tmp_path / "run.json").read_text()) == {"frames": 3}
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"run\.json cannot be read"):
        read_run_record(tmp_path)


def test_fields_that_come_one_by_one_are_written_as_objects(tmp_path):
    frames = {"00000": {1: 0.5, 2: 0.25}, 'a "b"': {1: 1.0, 2: 0.0}}
    for pairs in (frames, {}):
        record = {"status": "complete", "config": {"a": [1, {"b": None}]}, "frames": 2}
        write_run_record(tmp_path, {**record, "confidence": iter(pairs.items()), "seconds": 1.5})
        expected = json.dumps({**record, "confidence": pairs, "seconds": 1.5}, indent=2) + "\n"
        assert (tmp_path / "run.json").read_text() == expected
