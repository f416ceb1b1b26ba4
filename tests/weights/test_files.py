import hashlib
import json
import re

import pytest
import safetensors.torch
import torch

from rotoline.errors import WeightsError
from rotoline.model import load_model
from rotoline.systems.fast.network import FastNet, network_from_state
from rotoline.weights.files import read_weights, save_weights, shipped_weights

ABOUT = {"licence": "MIT", "data": "none", "command": "", "commit": "", "seed": 0, "steps": 0}


def test_shipped_weights_are_small_and_say_what_they_are():
    path = shipped_weights("fast")
    assert path.stat().st_size < 25_000_000
    record, _ = read_weights(path)
    assert record.bytes == path.stat().st_size
    assert "NC" in record.licence
    assert "4045 stills" in record.data
    assert "by: a batched form of the training of commit 9963efb" in record.data
    # Nobody can repeat a command with paths of another machine.
    assert "shared" not in record.model_dump_json()
    # Other weights reach another J&F on the bundled clip: change both, and what is said of them.
    assert record.sha256 == "73478839ec49f03096872cb45e5482077e160b94fb7cbbbc99083def65845529"
    card = path.with_name("CARD.md").read_text()
    counts = [int(number) for number in re.findall(r"\| ([\d,]+) (?:photos|pictures) \|", card)]
    first_frames = 30
    assert sum(counts) + first_frames == 4045


def test_folded_network_computes_what_the_trained_one_does(tmp_path):
    torch.manual_seed(0)
    net = FastNet().eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    path = tmp_path / "w.safetensors"
    save_weights(path, net, ABOUT)
    loaded = network_from_state(read_weights(path)[1])
    frame = torch.rand(1, 3, 64, 96) * 255
    with torch.inference_mode():
        expected, found = net.encoder(frame), loaded.encoder(frame)
    # Half-precision storage is the only difference.
    torch.testing.assert_close(found.embedding, expected.embedding, atol=0.03, rtol=0.03)


def test_damaged_file_is_refused_before_it_is_parsed(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    save_weights(path, FastNet(), ABOUT)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    monkeypatch.setattr(safetensors.torch, "load", lambda data: pytest.fail("parsed"))
    with pytest.raises(WeightsError, match="SHA-256"):
        read_weights(path)


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "foreign.safetensors"
    path.write_bytes(safetensors.torch.save({"a": torch.zeros(2)}))
    with pytest.raises(WeightsError, match="record"):
        read_weights(path)
    path.with_suffix(".json").write_text("{}")
    with pytest.raises(WeightsError, match="no record of weights"):
        read_weights(path)
    own = tmp_path / "own.safetensors"
    save_weights(own, torch.nn.Linear(2, 2), ABOUT)
    for preset, words in (("fast", "another network"), ("paper", "no network of the preset paper")):
        with pytest.raises(WeightsError, match=rf"own\.safetensors: .*{words}"):
            load_model(own, preset)
    assert json.loads(own.with_suffix(".json").read_text())["name"] == "own"


@pytest.mark.parametrize("data", [b"", b"\x02" + b"\0" * 7 + b"\xff\xfe", b"\xff" * 100])
def test_file_that_is_no_safetensors_is_refused_though_its_hash_fits(tmp_path, data):
    path = tmp_path / "w.safetensors"
    record = save_weights(path, torch.nn.Linear(1, 1), ABOUT)
    path.write_bytes(data)
    fitting = record.model_copy(update={"sha256": hashlib.sha256(data).hexdigest()})
    path.with_suffix(".json").write_text(fitting.model_dump_json())
    with pytest.raises(WeightsError, match=r"w\.safetensors is no safetensors file"):
        read_weights(path)


@pytest.mark.parametrize("path", [".", "..", "/"])
def test_folder_is_refused_as_weights(path):
    with pytest.raises(WeightsError, match=r"is a folder; weights are a \.safetensors file"):
        load_model(path)


def test_weights_with_a_name_that_is_too_long_are_refused():
    with pytest.raises(WeightsError, match="File name too long; check the path"):
        load_model("a" * 300)
