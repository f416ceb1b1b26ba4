"""Implementations of propagation and inputs for them."""

import importlib.util
import os
from types import ModuleType

import pytest
import torch

from rotoline.kernels.propagation import (
    gpu,
    native,
    reference,
    signed_gates,
    softmax_gates,
    vectorised,
)

if not torch.cuda.is_available():
    # Read by Triton when it is imported: its kernels then run on the CPU, slowly.
    os.environ.setdefault("TRITON_INTERPRET", "1")

IMPLEMENTATIONS = {
    "reference": reference,
    "vectorised": vectorised,
    "native": native,
    "gpu": gpu,
}

TOLERANCES = {
    # One rounding per step; scans are up to a few dozen steps long in these tests.
    torch.float64: {"rtol": 1e-11, "atol": 1e-11},
    torch.float32: {"rtol": 2e-5, "atol": 2e-5},
}


@pytest.fixture(scope="session")
def device() -> str:
    """The one place that decides where GPU kernels run: on a GPU, or interpreted on the CPU."""
    return "cuda" if torch.cuda.is_available() else "cpu"


@pytest.fixture(params=["vectorised", "native", pytest.param("gpu", marks=pytest.mark.slow)])
def implementation(request: pytest.FixtureRequest, device: str) -> ModuleType:
    """Every implementation that is held against the reference."""
    if request.param == "native" and native.refusal("cpu"):
        pytest.skip(native.refusal("cpu"))
    if request.param == "gpu" and importlib.util.find_spec("triton") is None:
        pytest.skip("Triton is not installed")
    module = IMPLEMENTATIONS[request.param]
    if request.param == "gpu" and device == "cuda":
        return _OnDevice(module, device)
    return module


class _OnDevice:
    """An implementation that takes and gives tensors of the CPU, and works on a device."""

    def __init__(self, module: ModuleType, device: str):
        self.module, self.device = module, device
        self.__name__ = module.__name__

    def scan(self, *tensors):
        return self.module.scan(*(tensor.to(self.device) for tensor in tensors)).cpu()

    def scan_backward(self, *tensors):
        results = self.module.scan_backward(*(tensor.to(self.device) for tensor in tensors))
        return tuple(result.cpu() for result in results)


@pytest.fixture(scope="session")
def tolerance():
    return TOLERANCES.__getitem__


@pytest.fixture(scope="session")
def draw():
    """Make x `(B, C, H, W)` and gates `(B or 1, 4, 3, C or 1, H, W)` from a seed."""

    def make(shape, kind="softmax", own=(False, False), dtype=torch.float64, seed=0):
        generator = torch.Generator().manual_seed(seed)
        batch, channels, height, width = shape
        x = torch.rand(shape, generator=generator, dtype=torch.float64)
        sets = (batch if own[0] else 1, channels if own[1] else 1)
        values = torch.randn(
            (sets[0], 4, 4, sets[1], height, width), generator=generator, dtype=torch.float64
        )
        gates = softmax_gates(values) if kind == "softmax" else signed_gates(values[:, :, :3])
        return x.to(dtype), gates.to(dtype)

    return make
