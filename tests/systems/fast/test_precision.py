"""The backbone in bfloat16: nearly the same maps and masks, where the processor gains by it."""

import pytest
import torch

from rotoline.config import read_config
from rotoline.systems.fast.network import at_precision

CPU = torch.device("cpu")


@pytest.fixture
def frames():
    generator = torch.Generator().manual_seed(0)
    coarse = 255 * torch.rand(1, 3, 8, 12, generator=generator)
    return torch.nn.functional.interpolate(coarse, (64, 96), mode="bicubic").clamp(0, 255)


@torch.inference_mode()
def test_maps_are_float32_and_nearly_the_same(model, frames):
    net = model.system.net
    halved = at_precision(net, "bfloat16")
    for exact, rounded in zip(
        net.encoder.backbone_maps(frames), halved.encoder.backbone_maps(frames), strict=True
    ):
        assert rounded.dtype == torch.float32
        difference = (exact - rounded).abs().mean() / exact.abs().mean()
        assert 0 < difference < 0.05


def test_the_network_itself_stays_as_it_is(model):
    net = model.system.net
    halved = at_precision(net, "bfloat16")
    assert net.encoder.precision == "float32"
    assert halved.encoder.backbone is net.encoder.backbone
    assert at_precision(net, "float32") is net


def test_masks_are_nearly_the_same(model, make_clip, small, overlap):
    clip, labels = make_clip(frames=4, ids=(1, 2))
    found = []
    for precision in ("float32", "bfloat16"):
        config = read_config(small, None, [f"precision={precision}"])
        found.append([one.labels for one in model.segment(clip, {0: labels[0]}, config=config)])
    for exact, rounded in zip(*found, strict=True):
        for number in (1, 2):
            assert overlap(exact, rounded, number) > 0.97


@pytest.mark.parametrize(("has_instructions", "expected"), [(False, "float32"), (True, "bfloat16")])
def test_auto_is_bfloat16_where_the_processor_has_instructions(
    monkeypatch, small, has_instructions, expected
):
    monkeypatch.setattr(
        torch.cpu, "_is_avx512_bf16_supported", lambda: has_instructions, raising=False
    )
    assert small.for_device(CPU).precision == expected
    assert read_config(small, None, ["precision=float32"]).for_device(CPU).precision == "float32"


def test_what_is_learned_in_one_precision_is_not_used_in_the_other(model, small):
    exact, rounded = (
        read_config(small, None, [f"precision={one}"]) for one in ("float32", "bfloat16")
    )
    assert model.system.fit_settings(exact) != model.system.fit_settings(rounded)
