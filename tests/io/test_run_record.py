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
