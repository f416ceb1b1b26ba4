"""Weights of rotoline 0.1: refused with the way out, converted without changing a number."""

import json

import pytest
import safetensors.torch
import torch

from rotoline.errors import WeightsError
from rotoline.weights.convert import convert_weights
from rotoline.weights.files import read_weights, write_weights
from rotoline.weights.regions import shipped_region_numbers

ABOUT = {"licence": "MIT", "data": "none", "command": "", "commit": "", "seed": 3, "steps": 7}

FAST = {
    "embedding.backbone.stem.weight": "encoder.backbone.stem.weight",
    "embedding.key.weight": "encoder.local_key.weight",
    "embedding.far_key.bias": "encoder.global_key.bias",
    "recall.log_near": "memory_readout.log_local_sharpness",
    "recall.log_decay": "memory_readout.log_distance_penalty",
    "recall.log_far": "memory_readout.log_memory_sharpness",
    "fusion.enter.weight": "refinement.in_conv.weight",
    "fusion.enter_rivals.weight": "refinement.in_conv_others.weight",
    "fusion.enter_recalled.weight": "refinement.in_conv_readout.weight",
    "fusion.middle.bias": "refinement.context.0.bias",
    "fusion.wide.bias": "refinement.context.1.bias",
    "fusion.leave.bias": "refinement.out_conv.bias",
    "fusion.down.bias": "refinement.down.bias",
    "propagation.lift.bias": "propagation.lift.bias",
    "propagation.leave.bias": "propagation.out_conv.bias",
    "scale": "logit_scale",
    "shift": "logit_shift",
    "log_damping": "log_ridge",
}
PAPER = {
    "foreground.feat.weight": "foreground.feat.weight",
    "propagation.guidance.features.0.weight": "spn.guidance.features.0.weight",
    "propagation.leave.weight": "spn.out_conv.weight",
    "propagation.signed": None,
}


def old_weights(path, names):
    """Write random tensors, in half precision, under the given names."""
    generator = torch.Generator().manual_seed(0)
    tensors = {name: torch.randn(3, 2, generator=generator).half() for name in names}
    if "propagation.signed" in tensors:
        tensors["propagation.signed"] = torch.empty(0)
    record = write_weights(path, tensors, ABOUT | {"name": path.stem})
    return tensors, record


@pytest.mark.parametrize("names", [FAST, PAPER], ids=["fast", "paper"])
def test_old_weights_are_refused_by_name_of_the_command(names, tmp_path):
    old_weights(tmp_path / "old.safetensors", names)
    with pytest.raises(WeightsError, match=r"rotoline weights convert .*old\.safetensors NEW"):
        read_weights(tmp_path / "old.safetensors")


@pytest.mark.parametrize("names", [FAST, PAPER], ids=["fast", "paper"])
def test_converted_file_has_the_old_numbers_under_the_new_names(names, call, tmp_path, words_of):
    old, new = tmp_path / "old.safetensors", tmp_path / "new.safetensors"
    tensors, before = old_weights(old, names)
    data = old.read_bytes()
    result = call("weights", "convert", old, new)
    assert result.exit_code == 0
    assert f"{new} is ready" in words_of(result)
    found = safetensors.torch.load(new.read_bytes())
    regions = set(shipped_region_numbers()) if names is FAST else set()  # 0.1 had none
    assert set(found) == {name for name in names.values() if name} | regions
    for name, renamed in names.items():
        if renamed:
            assert found[renamed].dtype == torch.float16
            assert torch.equal(found[renamed], tensors[name])
    record, _ = read_weights(new)
    assert (record.converted_from, record.name) == (before.sha256, "new")
    assert (record.seed, record.steps, record.licence) == (3, 7, "MIT")
    assert record.network_options == ({"signed_gates": True} if names is PAPER else {})
    assert old.read_bytes() == data


def test_only_old_weights_are_converted_and_nothing_is_replaced(tmp_path):
    old, new = tmp_path / "old.safetensors", tmp_path / "new.safetensors"
    old_weights(old, FAST)
    convert_weights(old, new)
    with pytest.raises(WeightsError, match="exists; choose another name"):
        convert_weights(old, new)
    with pytest.raises(WeightsError, match=r"was not written by rotoline 0\.1"):
        convert_weights(new, tmp_path / "again.safetensors")
    with pytest.raises(WeightsError, match=r"must end in \.safetensors"):
        convert_weights(old, tmp_path / "new.pt")
    assert not (tmp_path / "again.safetensors").exists()


def test_segment_with_old_weights_ends_with_the_command_to_run(
    clip_folder, call, tmp_path, words_of
):
    old_weights(tmp_path / "old.safetensors", FAST)
    frames, mask, _ = clip_folder
    result = call(
        "segment", frames, "--masks", mask, "--output", tmp_path / "out",
        "--weights", tmp_path / "old.safetensors",
    )  # fmt: skip
    assert result.exit_code == 2
    assert f"rotoline weights convert {tmp_path}" in words_of(result)


def test_damaged_old_weights_are_refused(tmp_path):
    old = tmp_path / "old.safetensors"
    old_weights(old, FAST)
    record = json.loads(old.with_suffix(".json").read_text())
    old.with_suffix(".json").write_text(json.dumps(record | {"sha256": "0" * 64}))
    with pytest.raises(WeightsError, match="SHA-256"):
        convert_weights(old, tmp_path / "new.safetensors")
