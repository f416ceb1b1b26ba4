"""The mean of several weights files."""

import json

import pytest
import torch

from rotoline.errors import WeightsError
from rotoline.weights.averaging import average_weights
from rotoline.weights.files import read_weights, shipped_weights, write_weights

ABOUT = {"licence": "MIT", "data": "d", "command": "c", "commit": "x", "seed": 3, "steps": 7}


def write(path, tensors, **changes):
    return write_weights(path, tensors, {**ABOUT, "name": path.stem, **changes})


def test_mean_of_two_files_keeps_types_and_names_its_origins(call, tmp_path, words_of):
    one, two, new = (tmp_path / f"{name}.safetensors" for name in ("one", "two", "new"))
    first = write(one, {"a.weight": torch.tensor([1.0, 3.0]), "b.bias": torch.ones(2).half()})
    second = write(
        two,
        {
            "a.weight": torch.tensor([2.0, 5.0]).half(),
            "b.bias": torch.zeros(2).half(),
            "added.weight": torch.tensor([4.0]).half(),
        },
        steps=9,
        licence="BSD",
    )
    result = call("weights", "average", one, two, "--output", new)
    assert result.exit_code == 0, result.output
    record, state = read_weights(new)
    assert f"SHA-256 {record.sha256}" in words_of(result)
    assert state["a.weight"].tolist() == [1.5, 4.0]
    assert state["b.bias"].tolist() == [0.5, 0.5]
    assert state["added.weight"].tolist() == [4.0]  # the first file is from before this layer
    assert (record.steps, record.licence, record.name) == (9, "MIT; BSD", "new")
    assert first.sha256[:16] in record.data
    assert second.sha256[:16] in record.data


def test_mean_of_the_shipped_weights_with_themselves_is_the_same(tmp_path):
    shipped = shipped_weights("fast")
    average_weights([shipped, shipped, shipped], tmp_path / "mean.safetensors")
    _, before = read_weights(shipped)
    _, after = read_weights(tmp_path / "mean.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("tensors", "changes", "message"),
    [
        ({"a.weight": torch.zeros(3)}, {}, r"a.weight is \(3,\) in .*two.* and \(2,\) in .*one"),
        ({"c.weight": torch.zeros(2)}, {}, "has c.weight, and .* has a.weight"),
        (
            {"a.weight": torch.zeros(2)},
            {"network_options": {"signed_gates": True}},
            "has the options",
        ),
    ],
    ids=["shape", "names", "options"],
)
def test_weights_of_another_network_are_refused(tensors, changes, message, tmp_path):
    one, two, new = (tmp_path / f"{name}.safetensors" for name in ("one", "two", "new"))
    write(one, {"a.weight": torch.zeros(2)})
    write(two, tensors, **changes)
    with pytest.raises(WeightsError, match=message):
        average_weights([one, two], new)
    assert not new.exists()


def test_one_file_or_a_name_that_is_taken_is_refused(call, tmp_path, words_of):
    one = tmp_path / "one.safetensors"
    write(one, {"a.weight": torch.zeros(2)})
    before = one.read_bytes()
    for files, output, message in (
        ([one], tmp_path / "new.safetensors", "1 file given"),
        ([one, one], one, "exists"),
        ([one, one], tmp_path / "new.pt", "must end in .safetensors"),
    ):
        result = call("weights", "average", *files, "--output", output)
        assert result.exit_code == 2
        assert message in words_of(result)
    assert one.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.json", "one.safetensors"]
    assert json.loads((tmp_path / "one.json").read_text())["steps"] == 7
